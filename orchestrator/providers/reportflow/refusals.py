"""Every word of refusal, and what it allows us to do: one table; performs no I/O.

The API answers ``{"statusCode", "message", "error"}`` where ``message`` is a text or a
list of them, often in Japanese. Texts are shown and never acted on.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.model import Blame, Failure, Remedy
from orchestrator.wire.http import Response

_REFUSALS: dict[int, tuple[str, Blame, Remedy]] = {
    400: ("bad_request", Blame.DOCUMENT, Remedy.FAIL),
    401: ("unauthorized", Blame.ACCOUNT, Remedy.STOP),
    402: ("payment_required", Blame.ACCOUNT, Remedy.STOP),
    403: ("forbidden", Blame.ACCOUNT, Remedy.STOP),
    404: ("not_found", Blame.DOCUMENT, Remedy.FAIL),
    412: ("key_missing", Blame.ACCOUNT, Remedy.STOP),
    413: ("too_large", Blame.DOCUMENT, Remedy.FAIL),
    422: ("unprocessable", Blame.DOCUMENT, Remedy.FAIL),
    429: ("rate_limited", Blame.SERVICE, Remedy.RETRY),
    504: ("sync_timeout", Blame.SERVICE, Remedy.LOOKUP),
}
"""Status -> code, blame, remedy. Whatever else is said to a charged request, nobody
knows whether it was done: it is never a reason to send it again."""


GONE = Failure(
    "expired", "the file is past its retention", Blame.SERVICE, Remedy.LOST, 410
)
"""It was made, and cannot be had any more."""


def failure_of(response: Response) -> Failure:
    """A reply to a request that may have cost money, and that is not a good one."""
    status = response.status
    unknown = (f"http_{status}", Blame.SERVICE, Remedy.LOOKUP)
    code, blame, remedy = _REFUSALS.get(status, unknown)
    if response.is_success:
        code = "bad_reply"
    return Failure(
        code, message_of(response), blame, remedy, status, response.retry_after()
    )


def asked(response: Response) -> Failure:
    """A reply to a question that cost nothing: only the account can be at fault."""
    failure = failure_of(response)
    if failure.remedy is Remedy.STOP:
        return failure
    return replace(failure, blame=Blame.SERVICE, remedy=Remedy.RETRY)


def unreadable(response: Response, why: str) -> Failure:
    """A good status whose words lack what is needed to go on."""
    return Failure(
        "bad_reply", why, Blame.SERVICE, Remedy.LOOKUP, status=response.status
    )


def message_of(response: Response) -> str:
    """What the reply says, as one line that is safe to print."""
    record = response.json()
    said = record.get("message") if isinstance(record, dict) else None
    texts = said if isinstance(said, list) else [said]
    text = "; ".join(each for each in texts[:20] if isinstance(each, str))
    line = " ".join((text[:2000] or response.excerpt()).split())[:500]
    shown = "".join(each if each.isprintable() else "?" for each in line)
    return (
        f"status {response.status}: {shown}" if shown else f"status {response.status}"
    )
