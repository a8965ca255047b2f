"""What a provider offers to settle a document that needs eyes."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.batch.accounts import Account
from orchestrator.model import State, Trouble
from orchestrator.wire.flow import Absence


@dataclass(frozen=True, slots=True)
class Offer:
    """A word for programs, and words for people."""

    kind: str
    words: str


UNKNOWN = Offer("unknown", "the manifest does not tell what the account is")
_LOOKUP = Offer(
    "lookup", "each run asks the provider; what it never got is sent again, once"
)
_HALF_LOOKUP = Offer(
    "lookup", "each run asks the provider; what it does not find stays in doubt"
)
_ECHO = Offer(
    "echo",
    "it cannot be looked up; a webhook that names it settles it (docs/webhooks.md)",
)
_NOTHING = Offer("nothing", "the provider cannot be asked: look into its own console")
_POLL = Offer("poll", "each run asks again whether it is finished")
_NEVER = Offer("nothing", "it was never accepted: sent anew, it is paid for once")
_LOST = Offer("nothing", "the provider has it no more")
_MISSING = Offer("nothing", "if the file comes back, the next run counts it as done")
_FAILED = Offer("retry", "it is asked for again when you say so")


def offer(trouble: Trouble, account: Account | None) -> Offer:
    """What may still settle a document without its user."""
    if trouble.state is not State.IN_DOUBT:
        return _BY_STATE.get(trouble.state, _FAILED)
    if trouble.failure and trouble.failure.code == "withdrawn":
        return _NEVER
    if account is None or trouble.phase is None:
        return UNKNOWN
    step = account.provider.flows.get(trouble.mode, {}).get(trouble.phase)
    if step is not None and step.find is not None:
        proves = account.provider.absence is Absence.PROVES
        return _LOOKUP if proves else _HALF_LOOKUP
    return _NOTHING if account.provider.adoption is None else _ECHO


_BY_STATE = {
    State.OVERDUE: _POLL,
    State.LOST: _LOST,
    State.MISSING: _MISSING,
    State.FAILED: _FAILED,
}
