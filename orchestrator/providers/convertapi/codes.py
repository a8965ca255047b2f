"""The words of ConvertAPI for what went wrong; performs no I/O.

Statuses mislead here: a damaged file is HTTP 500, a balance that is used up HTTP 401.
The body's code tells them apart (docs/providers.md).
"""

from __future__ import annotations

from typing import Any

from orchestrator.model import Blame, Failure, Remedy
from orchestrator.wire.http import Response
from orchestrator.wire.rules import STATUSES, Rule, Rules, failure_by
from orchestrator.wire.values import line, mapping, text

_BAD_KEY = STATUSES[401, None]


def _document(word: str) -> Rule:
    return Rule(Remedy.FAIL, Blame.DOCUMENT, word)


# The one table...

RULES: Rules = {
    **STATUSES,
    (400, "4000"): _document("bad_params"),
    (400, "4001"): _document("bad_request"),
    (400, "4002"): _document("bad_request"),
    (400, "4005"): _document("bad_request"),
    (401, "4010"): _BAD_KEY,
    (401, "4011"): _BAD_KEY,
    (401, "4012"): _BAD_KEY,
    (401, "4013"): _BAD_KEY,
    (401, "4014"): Rule(Remedy.STOP, Blame.ACCOUNT, "quota_used_up"),
    (401, "4015"): Rule(Remedy.STOP, Blame.ACCOUNT, "inactive"),
    (401, "4017"): _BAD_KEY,
    (404, None): _document("unsupported"),
    (500, "5000"): _document("time_limit"),
    (500, "5001"): _document("failed"),
    (500, "5002"): _document("damaged_file"),
    (500, "5003"): _document("password_needed"),
    (500, "5004"): _document("no_content"),
    (500, "5005"): _document("bad_params"),
    (500, "5006"): _document("bad_params"),
    (500, "5007"): _document("password_needed"),
    (500, "5008"): _document("file_unknown"),
    (500, "5009"): _document("file_unknown"),
    (500, "50010"): _document("file_unknown"),
    (500, "50013"): _document("no_content"),
    (500, "50020"): _document("no_content"),
    (500, "50050"): Rule(Remedy.LOOKUP, Blame.SERVICE, "internal"),
    (503, "503"): STATUSES[503, None],
}
GONE = ("5008", "5009", "50010")
"""An uploaded file is not there (any more)."""


def code_of(response: Response) -> str | None:
    """The body's own code."""
    code = mapping(response.json()).get("Code")
    if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 10**9:
        return str(code)
    return text(code)[:40] or None


def failure_of(response: Response) -> Failure:
    """A reply that says no, as a failure."""
    record = mapping(response.json())
    message = line(record.get("Message"), 300)
    if wrong := _wrong(record.get("InvalidParameters")):
        message = f"{message} {wrong}".strip()
    code = code_of(response)
    return failure_by(RULES, response, code=code, message=message)


def names_parameter(response: Response, name: str) -> bool:
    """Whether a reply complains of a parameter by its name."""
    found = mapping(mapping(response.json()).get("InvalidParameters"))
    return any(each.lower() == name.lower() for each in found)


def _wrong(found: Any) -> str:
    """What it says of each parameter."""
    said = [
        f"{name}: {each}"
        for name, texts in mapping(found).items()
        for each in (texts if isinstance(texts, list) else [texts])
        if isinstance(each, str)
    ]
    return line("; ".join(said), 300)
