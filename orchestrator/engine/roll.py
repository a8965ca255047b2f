"""Roll calls: one request that tells of many jobs whose polls fall due together.

What a roll call says is a hint, as a webhook is. A job that it names as unfinished is
spared its own poll, and waits as if that poll had said so; every other job, and all of
them if the roll call fails, are polled as if nobody had called. The poll of the job
itself stays the truth: past its deadline, after a poll that failed, and each tenth
time, a job is polled whatever a list would say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orchestrator.clock import Clock
from orchestrator.engine.expect import Times
from orchestrator.engine.limits import REFUSALS, Gates
from orchestrator.engine.ports import Transport
from orchestrator.engine.watch import Place, Watch
from orchestrator.engine.work import Work
from orchestrator.model import Phase
from orchestrator.wire.flow import Provider, RollCall
from orchestrator.wire.outcome import NotSent, Unanswered

ENOUGH = 4
"""Polls that fall due together and are worth a roll call."""
ITSELF = 10
"""Each how-manieth poll is the job's own: a list that lags is found out."""
HOLD = 10.0
"""Seconds for which jobs wait for a roll call; then they are polled."""


class Roll:
    """Calls the roll of one account: one call at a time, and not too often."""

    def __init__(
        self,
        provider: Provider,
        *,
        transport: Transport,
        gates: Gates,
        watch: Watch[Work],
        clock: Clock,
        times: Times,
    ) -> None:
        self._roll = provider.roll
        self._pace = provider.pace
        self._transport = transport
        self._gates = gates
        self._watch = watch
        self._clock = clock
        self._times = times
        self._between = max(1.0, provider.pace.floor)
        self._calling = False
        self._next = clock.monotonic()

    async def call(self) -> bool:
        """Ask for those who are due about now, if they are many.

        Says whether it asked; otherwise it gives way to nobody.
        """
        is_early = self._clock.monotonic() < self._next
        if self._roll is None or self._calling or is_early:
            return False
        crowd = self._watch.crowd(self._between, self._may_ask)
        if len(crowd) < ENOUGH:
            return False
        self._calling = True
        try:
            await self._ask(self._roll, crowd)
        finally:
            self._calling = False
        return True

    def _may_ask(self, work: Work) -> bool:
        """Whether a hint is enough for now."""
        age = work.age(self._clock).likely(self._clock)
        return (
            work.progress.phase is Phase.POLL
            and bool(work.progress.handle)
            and work.intended is None
            and not work.attempts
            and work.progress.polls % ITSELF != ITSELF - 1
            and age <= self._pace.deadline
        )

    async def _ask(self, roll: RollCall, crowd: list[Place[Work]]) -> None:
        held = [(each.due, self._watch.put_off(each, HOLD)) for each in crowd]
        pending = await self._pending(roll, [each.work for each in crowd])
        now, spared = self._clock.monotonic(), 0
        for due, place in held:
            if place.work.progress.handle in pending:
                spared += self._spare(place)
            else:
                self._watch.put_off(place, max(0.0, due - now))
        # One that helped nobody is not soon tried again.
        self._next = now + max(self._between, 0.0 if spared else self._pace.cap)

    def _spare(self, place: Place[Work]) -> bool:
        """Let a job wait as after its own poll, unless it went on meanwhile."""
        work = place.work
        if not self._watch.holds(place):
            return False
        work.progress = replace(work.progress, polls=work.progress.polls + 1)
        wait = self._times.again(work)
        self._watch.park(work, wait.seconds, wait.turn)
        return True

    async def _pending(self, roll: RollCall, works: list[Work]) -> Collection[str]:
        request = roll.build([each.progress.handle or "" for each in works])
        try:
            async with (
                self._gates.passage(0, is_large=False, lane=request.lane) as wire,
                self._transport.send(request) as reply,
            ):
                wire.heard(reply.response)
                response = reply.response
        except (NotSent, Unanswered):
            return ()
        if response.status in REFUSALS:
            self._gates.pause(response.retry_after() or 0.0)
        return roll.pending(response) if response.is_success else ()
