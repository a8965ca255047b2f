"""Deleting what is left at a provider, once its results are safe here.

Where an API deletes many jobs with one request, jobs are gathered for it: no document
waits for the deletion of another one. What is gathered when a run is killed is on
record as to be released, and the next run does it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from orchestrator.clock import Clock
from orchestrator.engine.exchange import passage
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Ledger, Transport
from orchestrator.engine.work import Work
from orchestrator.model import Phase
from orchestrator.wire.flow import Provider
from orchestrator.wire.outcome import NotSent, Unanswered

RELEASES = 1000
"""How many things of one job are deleted at the provider, at most."""
TOGETHER = 32
"""How many jobs are deleted with one request, where the API can."""
_UNKNOWN = (404, 405)
"""Statuses of a service that does not know this request: an older one."""


class Releases:
    """Lets go of the jobs of one account, several at a time where its API can."""

    def __init__(
        self,
        provider: Provider,
        *,
        transport: Transport,
        ledger: Ledger,
        gates: Gates,
        clock: Clock,
        together: int = 1,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._ledger = ledger
        self._gates = gates
        self._clock = clock
        self._together = together
        self._gathered: list[Work] = []

    async def take(self, work: Work) -> None:
        """Let go of a job, now or with others; see ``finish``."""
        if work.progress.phase is not Phase.RELEASE:
            return
        if self._provider.release_all is None or self._together < 2:
            await self._one(work)
            return
        self._gathered.append(work)
        if len(self._gathered) >= self._together:
            await self.finish()

    async def finish(self) -> None:
        """Let go of what is gathered."""
        works, self._gathered = self._gathered, []
        build = self._provider.release_all
        if not works or build is None:
            return
        request = build([each.job for each in works])
        try:
            async with (
                passage(self._gates, request) as wire,
                self._transport.send(request) as reply,
            ):
                wire.heard(reply.response)
                status, is_done = reply.response.status, reply.response.is_success
        except (NotSent, Unanswered):
            status, is_done = 0, False
        if is_done:
            await self._record(works)
        elif status in _UNKNOWN:
            for each in works:
                await self._one(each)
        else:
            # Whoever has no time for one request has none for many.
            await self._record([each for each in works if self._is_gone(each)])

    async def _record(self, works: Sequence[Work]) -> None:
        for each in works:
            each.progress = each.progress.at(Phase.ENDED)
        advance = self._ledger.advance
        await asyncio.gather(*(advance(each.job, each.progress) for each in works))

    def _is_gone(self, work: Work) -> bool:
        """Whether the provider has let a job go by itself; else the next run tries."""
        return work.age(self._clock).likely(self._clock) > self._provider.retention

    async def _one(self, work: Work) -> None:
        await release(
            self._provider,
            self._transport,
            self._ledger,
            self._gates,
            work,
            clock=self._clock,
        )


async def release(
    provider: Provider,
    transport: Transport,
    ledger: Ledger,
    gates: Gates,
    work: Work,
    *,
    clock: Clock,
) -> None:
    """Delete what is left of a job at the provider.

    One try each: what is left expires at the provider by itself.
    """
    step = provider.release
    if step is None or work.progress.phase is not Phase.RELEASE:
        return
    for _ in range(RELEASES):
        request = step.build(work.job, work.progress)
        try:
            async with (
                passage(gates, request) as wire,
                transport.send(request) as reply,
            ):
                wire.heard(reply.response)
                progress = step.parse(work.job, work.progress, reply.response)
        except (NotSent, Unanswered):
            if work.age(clock).likely(clock) <= provider.retention:
                return  # the next run tries again
            # The provider has let it go by itself.
            progress = work.progress.at(Phase.ENDED)
        work.progress = progress
        if progress.phase is not Phase.RELEASE:
            break
    ended = work.progress.phase is Phase.ENDED
    progress = work.progress if ended else work.progress.at(Phase.ENDED)
    await ledger.advance(work.job, progress)
