"""Deleting what is left at a provider, once its results are safe here."""

from __future__ import annotations

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
            async with passage(gates, request), transport.send(request) as reply:
                progress = step.parse(work.job, work.progress, reply.response)
        except (NotSent, Unanswered):
            if work.age(clock).likely(clock) <= provider.retention:
                return  # the next run tries again
            # The provider has let it go by itself.
            progress = work.progress.at(Phase.ENDED)
        work.progress = progress
        if progress.phase is not Phase.RELEASE:
            break
    await ledger.advance(work.job, work.progress.at(Phase.ENDED))
