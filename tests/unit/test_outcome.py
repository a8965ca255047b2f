"""Exit codes as a table."""

import pytest

from orchestrator.errors import Exit
from orchestrator.model import Blame, Failure, Remedy, State
from orchestrator.report.outcome import exit_of

ACCOUNT = Failure("unauthorized", "no", Blame.ACCOUNT, Remedy.STOP)
MACHINE = Failure("disk_full", "no", Blame.MACHINE, Remedy.STOP)


@pytest.mark.parametrize(
    ("states", "stopped", "is_interrupted", "code"),
    [
        ({}, [], False, 0),
        ({State.DONE: 3}, [], False, 0),
        ({State.DONE: 3, State.GONE: 1}, [], False, 0),
        ({State.DONE: 3, State.OPEN: 1}, [], False, 0),
        ({State.DONE: 3, State.FAILED: 1}, [], False, 3),
        ({State.IN_DOUBT: 1}, [], False, 5),
        ({State.OVERDUE: 1, State.FAILED: 1}, [], False, 5),
        ({State.LOST: 1}, [], False, 5),
        ({State.MISSING: 1}, [], False, 5),
        ({State.FAILED: 1, State.LOST: 1}, [ACCOUNT], False, 4),
        ({State.OPEN: 1}, [ACCOUNT], False, 4),
        ({State.OPEN: 1}, [ACCOUNT, MACHINE], False, 6),
        ({State.OPEN: 1, State.FAILED: 1}, [MACHINE], True, 130),
    ],
)
def test_the_first_that_applies(
    states: dict[State, int],
    stopped: list[Failure],
    code: int,
    *,
    is_interrupted: bool,
) -> None:
    """Interrupted, machine, account, unsettled, failed, done."""
    found = exit_of(states, stopped=stopped, is_interrupted=is_interrupted)
    assert found is Exit(code)
