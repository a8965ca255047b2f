"""Decisions of the user in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.model import State
from orchestrator.report.attention import command
from orchestrator.report.units import number

_BILLED = {
    State.IN_DOUBT: "may have been billed already",
    State.OVERDUE: "accepted by the provider, which bills it once it is finished",
    State.LOST: "billed already",
    State.MISSING: "done, and billed, already",
    State.OPEN: "sent, and perhaps billed, already",
}
_DONE = {
    "resubmitted": "opened again as new work",
    "marked_done": "done, with the output that you have",
    "given_up": "given up",
}


def question(states: Mapping[State, int]) -> str:
    """What has to be confirmed before documents may be billed twice."""
    total = sum(states.values())
    parts = ", ".join(f"{states[each]:,} {_BILLED[each]}" for each in states)
    return f"{number(total, 'document')} may be billed a second time ({parts}). Go on?"


def resolved_lines(
    decision: str, states: Mapping[State, int], already: int, manifest: Sequence[str]
) -> Iterator[str]:
    """What ``resolve`` prints.

    Args:
        decision: ``resubmitted``, ``marked_done`` or ``given_up``.
        states: Documents that were decided about, by the state that they were in.
        already: How many were decided so before.
        manifest: The manifest, and the options that find its batch.
    """
    total = sum(states.values())
    if already:
        yield f"{number(already, 'document')}: decided so before"
    if not total:
        if not already:
            yield "nothing to decide"
        return
    parts = ", ".join(f"{count:,} {_words(state)}" for state, count in states.items())
    yield f"{number(total, 'document')} ({parts}): {_DONE[decision]}"
    if decision == "resubmitted":
        for state, words in _BILLED.items():
            if count := states.get(state):
                yield f"  {count:>6,}  {words}: may be billed a second time"
        yield f"next: {command('run', manifest)}"


def _words(state: State) -> str:
    return str(state).replace("_", " ")
