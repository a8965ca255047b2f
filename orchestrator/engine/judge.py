"""What becomes of a job after a turn: it goes on, waits, has ended, or cannot go on."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

from orchestrator.clock import Clock
from orchestrator.engine import retry
from orchestrator.engine.ending import Ending
from orchestrator.engine.expect import Times
from orchestrator.engine.lookup import Lookup
from orchestrator.engine.work import (
    UNWANTED,
    AccountStopped,
    End,
    Wait,
    Work,
    billed,
    doubt,
)
from orchestrator.model import Blame, Failure, Phase, Remedy, State
from orchestrator.wire.flow import Provider

LAPS = 3
"""How often a job may go back in its flow (a link that died) before it fails."""
FRESH = 60.0
"""Seconds for which a request that was taken shows that an account goes on."""

_ENDINGS = {
    Remedy.FAIL: State.FAILED,
    Remedy.OVERDUE: State.OVERDUE,
    Remedy.LOST: State.LOST,
    Remedy.DOUBT: State.IN_DOUBT,
    Remedy.ABSENT: State.IN_DOUBT,
}
_BUSY = 429
"""A status that is never about the document."""
_FULL = (_BUSY, 503, 507)
"""Statuses that say that the service has no room now, whatever the document."""


class Judge:
    """Judges the jobs of one account.

    ``finish`` ends a job whose results are all here.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        lookup: Lookup,
        ending: Ending,
        finish: Callable[[Work], Awaitable[End | None]],
        times: Times,
        clock: Clock,
        luck: random.Random,
    ) -> None:
        self._pace = provider.pace
        self._lookup = lookup
        self._ending = ending
        self._finish = finish
        self._times = times
        self._clock = clock
        self._luck = luck
        self._taken: dict[Phase, float] = {}

    def took(self, phase: Phase) -> None:
        """A request of some job in that phase was taken."""
        self._taken[phase] = self._clock.monotonic()

    async def judge(self, work: Work) -> Wait | End | None:
        """Say whether a job waits or has ended; ``None`` = it can go on at once.

        Raises:
            AccountStopped: the account cannot go on; the job stays open.
            MachineError: the ledger or an output cannot be written.
        """
        progress = work.progress
        if progress.failure is not None:
            return await self._judge_failure(work, progress.failure)
        if progress.laps > LAPS:
            why = f"it went back {progress.laps} times: links died, requests were lost"
            # What was accepted is kept within reach: it may be paid for.
            is_accepted = progress.phase in (Phase.POLL, Phase.FETCH)
            state = State.OVERDUE if is_accepted else State.FAILED
            work.progress = replace(progress, laps=0)
            failure = Failure("too_many_laps", why, Blame.SERVICE, Remedy.FAIL)
            return await self._ending.settle(work, state, failure)
        if progress.phase is Phase.ENDED:
            return await self._finish(work)
        if progress.wait is not None:
            work.progress = replace(progress, wait=None)
            return Wait(progress.wait)
        if progress.phase is Phase.POLL:
            return await self._poll_later(work)
        return None

    async def _poll_later(self, work: Work) -> Wait | End:
        deadline = self._pace.deadline
        if work.age(self._clock).likely(self._clock) > deadline:
            why = f"not finished after {deadline:.0f} s; asked again next time"
            failure = Failure("overdue", why, Blame.SERVICE, Remedy.OVERDUE)
            return await self._ending.settle(work, State.OVERDUE, failure)
        return self._times.wait(work)

    async def _judge_failure(self, work: Work, failure: Failure) -> Wait | End | None:
        settle = self._ending.settle
        if failure == UNWANTED:
            await settle(work, State.FAILED, failure)
            # Nobody asked for what ended here: there is nothing to tell.
            return End(())
        if failure.remedy is Remedy.LOOKUP:
            can_ask = work.intended is not None and self._lookup.can_ask(work)
            return (can_ask and self._ask_again(work, failure)) or await settle(
                work, State.IN_DOUBT, doubt(failure)
            )
        if failure.remedy is Remedy.RETRY:
            return self._retry(work, failure) or await self._give_up(work, failure)
        if failure.remedy is Remedy.STOP:
            raise AccountStopped(failure)
        return await settle(work, _ENDINGS[failure.remedy], failure)

    async def _give_up(self, work: Work, failure: Failure) -> End:
        """End a job after its last try, with what was paid for still within reach."""
        if _is_of_account(failure) and not self._goes_on(work):
            raise AccountStopped(failure)
        settle = self._ending.settle
        if work.intended is not None:
            return await settle(work, State.IN_DOUBT, doubt(failure))
        is_accepted = work.progress.phase in (Phase.POLL, Phase.FETCH)
        if is_accepted and (failure.status is not None or _is_silence(failure)):
            return await settle(work, State.OVERDUE, failure)
        # What was fetched is no document, however often it was fetched.
        failure = billed(failure) if is_accepted else failure
        return await settle(work, State.FAILED, failure)

    def _goes_on(self, work: Work) -> bool:
        """Whether the account takes from others what fails for this job.

        Then it is neither full nor gone, and no reason to stop it; it may be this very
        document that brings a service down, or that a firewall does not let pass.
        """
        is_question = work.intended is not None
        taken = (
            self._lookup.answered
            if is_question
            else self._taken.get(work.progress.phase, -math.inf)
        )
        return taken > self._clock.monotonic() - min(work.waited, FRESH)

    def _ask_again(self, work: Work, failure: Failure) -> Wait | None:
        """Wait for the next question about a lost request; each round counts."""
        work.rounds += 1
        return self._wait(work, failure, retry.policy_for(failure), work.rounds)

    def _retry(self, work: Work, failure: Failure) -> Wait | None:
        work.attempts += 1
        policy = retry.policy_for(failure)
        if _is_of_account(failure) and self._goes_on(work):
            # Only time is a reason to give up, and a queue is not even for that one.
            total = math.inf if failure.status == _BUSY else policy.total
            policy = replace(policy, attempts=work.attempts + 1, total=total)
        return self._wait(work, failure, policy, work.attempts)

    def _wait(
        self, work: Work, failure: Failure, policy: retry.Policy, attempt: int
    ) -> Wait | None:
        seconds = retry.decide(
            policy,
            failure,
            attempt=attempt,
            waited=work.waited,
            luck=self._luck.random(),
        )
        if seconds is None:
            return None
        work.waited += seconds
        if work.intended is None:
            work.progress = replace(work.progress, failure=None)
        return Wait(seconds)


def _is_silence(failure: Failure) -> bool:
    """Whether nothing was heard at all."""
    return failure.blame is Blame.NETWORK and failure.status is None


def _is_of_account(failure: Failure) -> bool:
    """Whether every other request of the account may fare the same."""
    return _is_silence(failure) or failure.status in _FULL
