"""How a run ended, as one exit code; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.errors import Exit
from orchestrator.model import Blame, Failure, State

UNSETTLED = (State.IN_DOUBT, State.OVERDUE, State.LOST, State.MISSING)
"""States that a user has to look at, or that the next run settles."""


def exit_of(
    states: Mapping[State, int],
    *,
    stopped: Iterable[Failure],
    is_interrupted: bool,
    is_stranded: bool = False,
) -> Exit:
    """The exit code: the first that applies of interrupted, machine, account, ....

    Args:
        states: Number of documents of the whole batch in each state.
        stopped: Why accounts stopped.
        is_interrupted: Whether the user asked for the end.
        is_stranded: Whether documents wait for jobs that nobody carries.
    """
    stops = list(stopped)
    if is_interrupted:
        return Exit.INTERRUPTED
    if any(each.blame is Blame.MACHINE for each in stops):
        return Exit.MACHINE
    if stops:
        return Exit.ACCOUNT
    if is_stranded or any(states.get(each) for each in UNSETTLED):
        return Exit.UNSETTLED
    return Exit.SOME_FAILED if states.get(State.FAILED) else Exit.DONE
