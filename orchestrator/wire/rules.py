"""What replies that say no mean: one table for each API; performs no I/O.

A key is (HTTP status, code in the body); ``None`` stands for any. The table is asked
from the most to the least exact, and what it does not know is an unknown outcome:
nothing that may have been paid for is sent again on a word that nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.model import Blame, Failure, Remedy
from orchestrator.wire.http import Response
from orchestrator.wire.values import line


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done next, who must act, and our word for it."""

    remedy: Remedy
    blame: Blame
    word: str = ""


Rules = Mapping[tuple[int | None, str | None], Rule]

UNKNOWN = Rule(Remedy.LOOKUP, Blame.SERVICE)

STATUSES: Rules = {
    (400, None): Rule(Remedy.FAIL, Blame.DOCUMENT, "bad_request"),
    (401, None): Rule(Remedy.STOP, Blame.ACCOUNT, "bad_key"),
    (402, None): Rule(Remedy.STOP, Blame.ACCOUNT, "quota_used_up"),
    (403, None): Rule(Remedy.STOP, Blame.ACCOUNT, "forbidden"),
    (404, None): Rule(Remedy.FAIL, Blame.DOCUMENT, "not_found"),
    (405, None): Rule(Remedy.FAIL, Blame.DOCUMENT, "wrong_method"),
    (411, None): Rule(Remedy.FAIL, Blame.DOCUMENT, "length_required"),
    (413, None): Rule(Remedy.FAIL, Blame.DOCUMENT, "too_large"),
    (415, None): Rule(Remedy.FAIL, Blame.DOCUMENT, "unsupported"),
    (422, None): Rule(Remedy.FAIL, Blame.DOCUMENT, "bad_params"),
    (429, None): Rule(Remedy.RETRY, Blame.SERVICE, "too_many"),
    (503, None): Rule(Remedy.RETRY, Blame.SERVICE, "overloaded"),
}
"""What statuses mean whoever says them; 408, 409 and other 5xx leave it open."""


def rule_for(rules: Rules, status: int, code: str | None) -> Rule:
    """The rule for a reply that says no."""
    keys = ((status, code), (None, code), (status, None))
    found = next((rules[key] for key in keys if key in rules), UNKNOWN)
    is_known = not code or (status, code) in rules or (None, code) in rules
    if found.remedy is Remedy.RETRY and not is_known and status != 429:
        # A code that nobody knows may say that the work was begun.
        return UNKNOWN
    return found


def failure_by(
    rules: Rules, response: Response, *, code: str | None, message: str
) -> Failure:
    """A reply that says no, as a failure."""
    rule = rule_for(rules, response.status, code)
    said = line(message, 400) or line(response.excerpt(), 200) or "no words"
    word = line(code, 40) if code and code != str(response.status) else ""
    told = f"{word}: {said}" if word else said
    return Failure(
        code=rule.word
        or (f"code_{line(code, 40)}" if code else f"http_{response.status}"),
        message=f"status {response.status}, {told}",
        blame=rule.blame,
        remedy=rule.remedy,
        status=response.status,
        retry_after=response.retry_after(),
    )


def bad_reply(response: Response, why: str) -> Failure:
    """A good status without the words that belong to it: the outcome is unknown."""
    shown = line(response.excerpt(), 200)
    return Failure(
        "bad_reply",
        f"{why}: {shown}" if shown else why,
        Blame.SERVICE,
        Remedy.LOOKUP,
        status=response.status,
    )
