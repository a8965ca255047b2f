"""The words of ComPDF for what went wrong; performs no I/O.

The documents give each body code an HTTP status, but also say that HTTP 200 is not
success: so the body's code counts first, whatever the status (docs/providers.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.model import Blame, Failure, Remedy
from orchestrator.wire.http import Response
from orchestrator.wire.rules import (
    STATUSES,
    UNKNOWN,
    Rule,
    Rules,
    bad_reply,
    failure_by,
    rule_for,
)
from orchestrator.wire.values import line, mapping, text

_GOOD = ("200", "0")


def _all(codes: Iterable[str], rule: Rule) -> dict[tuple[int | None, str | None], Rule]:
    return {(None, code): rule for code in codes}


def _document(word: str) -> Rule:
    return Rule(Remedy.FAIL, Blame.DOCUMENT, word)


def _service(word: str) -> Rule:
    return Rule(Remedy.FAIL, Blame.SERVICE, word)


def _open(word: str) -> Rule:
    """Work may have been done, and be billed."""
    return Rule(Remedy.LOOKUP, Blame.SERVICE, word)


# The one table...

RULES: Rules = {
    **STATUSES,
    # Nobody documents a 503 of this API: it may be a gateway's, after the work.
    (503, None): UNKNOWN,
    # A status that is told in the body, under HTTP 200.
    **_all(["400"], STATUSES[400, None]),
    **_all(["401"], STATUSES[401, None]),
    **_all(["402", "06001"], STATUSES[402, None]),
    **_all(["403"], STATUSES[403, None]),
    **_all(["413", "02209", "100104", "FILE_TOO_LARGE"], STATUSES[413, None]),
    **_all(["429"], STATUSES[429, None]),
    # The document...
    **_all(["01005", "04002"], _document("empty_file")),
    **_all(["01006", "03000", "100001", "110001"], _document("bad_params")),
    **_all(["01007"], _document("bad_request")),
    **_all(
        ["02001", "02002", "02003", "02204", "07001", "100101"],
        _document("unsupported"),
    ),
    **_all(["01204", "02201", "120001", "120002"], _document("password_needed")),
    **_all(
        ["01203", "02203", "02206", "02207", "02208", "04003", "190003"],
        _document("damaged_file"),
    ),
    **_all(["01206"], _document("no_content")),
    **_all(["04001"], _document("file_unknown")),
    **_all(["04005", "04007", "04008", "05003"], _document("wrong_count")),
    **_all(["100105"], _document("too_many_pages")),
    # One number, two engines: under 401 these two are about the key.
    (401, "120001"): STATUSES[401, None],
    (401, "120002"): STATUSES[401, None],
    # The service tried, and says that it could not...
    **_all(["01207", "01208", "02210", "190001"], _service("failed")),
    **_all(["02211", "02212"], _service("bad_size")),
    **_all(["190006"], _service("time_limit")),
    **_all(["05004"], _service("overdue")),
    # The task...
    **_all(["05001"], _service("task_unknown")),
    **_all(["05005"], _service("task_empty")),
    **_all(["05002"], _open("wrong_state")),
    # Nobody can tell from the word alone how far it came.
    **_all(
        ["01001", "01002", "01003", "01004", "01201", "01202", "04004", "190999"],
        _open("internal"),
    ),
    **_all(["500"], _open("internal")),
}


def code_of(record: dict[str, Any]) -> str | None:
    """The body's own code: text with a leading zero, or a number without one."""
    engine = text(record.get("errorCode")) or text(record.get("error_code"))
    if engine:
        return engine[:40]
    code = record.get("code")
    if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 10**9:
        written = str(code)
        return written.zfill(5) if len(written) == 4 else written
    return text(code)[:40] or None


def says(response: Response, *codes: str) -> bool:
    """Whether the API itself says one of these: a proxy's 404 is no word of it."""
    return code_of(mapping(response.json())) in codes


def data_of(response: Response) -> Any | Failure:
    """What a good reply carries, or what one that says no means."""
    record = response.json()
    if not isinstance(record, dict):
        if response.is_success:
            return bad_reply(response, "the reply is not the API's")
        return failure_by(RULES, response, code=None, message="")
    code = code_of(record)
    if response.is_success and code in _GOOD:
        return record.get("data")
    if code is None and response.is_success:
        return bad_reply(response, "the reply has no code")
    message = text(record.get("msg")) or text(record.get("message"))
    # A good word under a bad status is no word at all.
    told = None if code in _GOOD else code
    return failure_by(RULES, response, code=told, message=message)


def failure_of_file(record: dict[str, Any]) -> Failure:
    """Why one file of a finished task was not done: that is final."""
    code = code_of({"code": record.get("failureCode")})
    rule = rule_for(RULES, 200, code)
    reason = line(record.get("failureReason"), 400) or "it gives no reason"
    is_known = rule.blame is not Blame.ACCOUNT and rule.word
    return Failure(
        code=rule.word if is_known else "failed",
        message=f"{code}: {reason}" if code else reason,
        blame=rule.blame if is_known else Blame.SERVICE,
        remedy=Remedy.FAIL,
    )
