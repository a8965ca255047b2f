"""What every exchange has in common: gates, reading a reply, taking intents back."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Ledger
from orchestrator.engine.work import Work, load_of
from orchestrator.model import LARGE, Blame, Failure, Job, Phase, Progress, Remedy
from orchestrator.wire.flow import Provider, Step
from orchestrator.wire.http import Request, Response


def passage(gates: Gates, request: Request) -> AbstractAsyncContextManager[None]:
    """A place on the wire for a request, within every limit."""
    load = load_of(request)
    return gates.passage(load, is_large=load >= LARGE, lane=request.lane)


def parsed_by(
    provider: Provider, step: Step, job: Job, before: Progress, response: Response
) -> Progress:
    """Parse a reply; one that leads out of the flow says nothing that is known."""
    before = replace(before, failure=None)
    parsed = step.parse(job, before, response)
    flow = provider.flows[job.mode]
    if parsed.failure or parsed.phase in flow or parsed.phase is Phase.ENDED:
        return parsed
    why = f"the reply leads to {parsed.phase}, which {job.mode} does not have"
    status = response.status
    failure = Failure("bad_reply", why, Blame.SERVICE, Remedy.LOOKUP, status)
    return before.failed(failure)


def tell_gates(gates: Gates, failure: Failure) -> None:
    """Narrow the gates, or close them for a while, as a refusal demands."""
    if failure.retry_after:
        gates.pause(failure.retry_after)
    if failure.status in (429, 503):
        gates.width.was_refused(f"status {failure.status}")
    elif failure.blame is Blame.SERVICE:
        gates.width.had_trouble()


async def take_back(ledger: Ledger, work: Work, why: str) -> None:
    """Take an intent back, if there is one: the request provably did not arrive."""
    if work.intended is not None:
        await ledger.not_sent(work.job, work.progress, why)
        work.intended = None
