"""When to try again: one policy, bounded by attempts and by time; performs no I/O.

Waits grow as ``base * factor ** n`` up to ``cap``, then half of each is left to chance
so that many clients do not come back together. A provider's own Retry-After wins over
a shorter wait.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Blame, Failure


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long; times in seconds."""

    attempts: int = 6
    total: float = 300.0
    base: float = 0.5
    factor: float = 2.0
    cap: float = 30.0


SERVICE = Policy()
"""A service that answers with errors: its document fails in the end."""

NETWORK = Policy(attempts=12, total=120.0, cap=15.0)
"""Nobody answers: the account stops in the end, and its documents stay open."""

MOST = 64
"""The wait grows no more after so many tries: no cap is as long as that."""


def policy_for(failure: Failure) -> Policy:
    """The policy that fits who is to blame."""
    return NETWORK if failure.blame is Blame.NETWORK else SERVICE


def decide(
    policy: Policy, failure: Failure, *, attempt: int, waited: float, luck: float
) -> float | None:
    """Seconds to wait before the next try, or ``None`` to give up.

    Args:
        policy: The bounds.
        failure: What happened; ``retry_after`` is obeyed.
        attempt: How many tries were made, at least 1.
        waited: Seconds waited so far.
        luck: A random number in [0, 1).
    """
    if attempt >= policy.attempts or waited >= policy.total:
        return None
    wait = min(policy.cap, policy.base * policy.factor ** min(attempt - 1, MOST))
    wait = wait / 2 + wait / 2 * luck
    return max(wait, failure.retry_after or 0.0)
