"""The retry policy as a table."""

import pytest

from orchestrator.engine.retry import NETWORK, SERVICE, Policy, decide, policy_for
from orchestrator.model import Blame, Failure, Remedy

PLAIN = Policy(attempts=4, total=100.0, base=1.0, factor=2.0, cap=3.0)


def failure(blame: Blame = Blame.SERVICE, after: float | None = None) -> Failure:
    """A failure that may be tried again."""
    return Failure("x", "x", blame, Remedy.RETRY, retry_after=after)


@pytest.mark.parametrize(
    ("attempt", "waited", "luck", "after", "seconds"),
    [
        (1, 0.0, 0.0, None, 0.5),
        (1, 0.0, 0.5, None, 0.75),
        (2, 0.0, 0.0, None, 1.0),
        (3, 0.0, 0.0, None, 1.5),
        (3, 99.9, 0.0, None, 1.5),
        (4, 0.0, 0.0, None, None),
        (1, 100.0, 0.0, None, None),
        (1, 0.0, 0.0, 20.0, 20.0),
        (1, 0.0, 0.0, 0.1, 0.5),
        (4, 0.0, 0.0, 20.0, None),
    ],
)
def test_when_to_try_again(
    attempt: int,
    waited: float,
    luck: float,
    after: float | None,
    seconds: float | None,
) -> None:
    """Growing waits, half of them luck, bounded by tries and by time."""
    found = decide(
        PLAIN, failure(after=after), attempt=attempt, waited=waited, luck=luck
    )
    assert found == seconds


@pytest.mark.parametrize("blame", Blame)
def test_the_policy_follows_the_blame(blame: Blame) -> None:
    """A dead network has its own bounds."""
    expected = NETWORK if blame is Blame.NETWORK else SERVICE
    assert policy_for(failure(blame)) is expected


def test_a_queue_that_is_waited_for_all_day_does_not_overflow() -> None:
    """Thousands of tries, where a policy has no end."""
    endless = Policy(attempts=10_000, base=1.0, factor=2.0, cap=30.0)
    assert decide(endless, failure(), attempt=9_000, waited=0.0, luck=1.0) == 30.0
