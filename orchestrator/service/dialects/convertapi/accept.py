"""Which form an answer takes; performs no I/O."""

from __future__ import annotations

from orchestrator.service.dialects.convertapi.order import Form

FORMS = {
    "application/json": Form.JSON,
    "*/*": Form.JSON,
    "application/*": Form.JSON,
    "application/octet-stream": Form.RAW,
    "multipart/mixed": Form.MIXED,
    "multipart/*": Form.MIXED,
    "application/xml": Form.XML,
    "text/xml": Form.XML,
}


def wanted(header: str) -> list[str]:
    """Media types of an Accept header, the dearest first."""
    weighed = []
    for n, each in enumerate(header.split(",")):
        kind, *rest = (part.strip().lower() for part in each.split(";"))
        weighed.append((-_weight(rest), n, kind))
    return [kind for weight, _, kind in sorted(weighed) if kind and weight]


def form(header: str | None, *, is_download: bool, is_raw: bool) -> Form:
    """The form of an answer.

    Without a header the answer follows the request: a bare file for a bare file.
    """
    if is_download:
        return Form.RAW
    if header is None or not header.strip():
        return Form.RAW if is_raw else Form.JSON
    for kind in wanted(header):
        if kind in FORMS:
            return FORMS[kind]
    return Form.JSON


def _weight(options: list[str]) -> float:
    for each in options:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
