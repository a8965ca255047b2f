"""What every exchange has in common: gates, reading a reply, taking intents back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from orchestrator.clock import Clock
from orchestrator.engine.limits import REFUSALS, Gates, Passage
from orchestrator.engine.ports import Ledger, Reply
from orchestrator.engine.work import Work, load_of
from orchestrator.model import LARGE, Blame, Failure, Job, Phase, Progress, Remedy
from orchestrator.plan.deadlines import is_spent
from orchestrator.wire.flow import Provider, Step
from orchestrator.wire.http import Request, Response


def passage(gates: Gates, request: Request, *, has_room: bool = False) -> Passage:
    """A place on the wire for a request, within every limit.

    ``has_room`` says that room for its bytes is held already.
    """
    load = 0 if has_room else load_of(request)
    return gates.passage(load, is_large=load >= LARGE, lane=request.lane)


class Freeing:
    """A reply that gives its place on the wire back as soon as it is read.

    What is done with it afterwards (commits, files) would keep others waiting.
    """

    def __init__(self, reply: Reply, wire: Passage) -> None:
        self._reply = reply
        self._wire = wire

    @property
    def response(self) -> Response:
        """Status, headers and, unless it is streamed, the body."""
        return self._reply.response

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the streamed body.

        Raises:
            Unanswered: it ended early or stalled.
        """
        async for chunk in self._reply.chunks():
            yield chunk
        self._wire.free()


def freeing(reply: Reply, wire: Passage) -> Reply:
    """The reply, with its place given back as soon as it is read."""
    if reply.response.body or reply.response.status in (202, 204):
        wire.free()
        return reply
    return Freeing(reply, wire)


def is_uploading(provider: Provider, work: Work) -> bool:
    """Whether a job is about to ask for links to upload to, or to use them."""
    flow, phase = provider.flows[work.job.mode], work.progress.phase
    return Phase.UPLOAD in flow and phase in (Phase.SUBMIT, Phase.UPLOAD)


@asynccontextmanager
async def room_for(gates: Gates, provider: Provider, work: Work) -> AsyncIterator[None]:
    """Room for the bytes of a job, held from before its links are asked for.

    Links are short-lived: none is asked for while there is no room to use it.
    """
    work.has_room = is_uploading(provider, work)
    load = work.job.size if work.has_room else 0
    try:
        async with gates.room(load, is_large=load >= LARGE):
            yield
    finally:
        work.has_room = False


def unlinked(provider: Provider, work: Work, clock: Clock) -> bool:
    """Ask for links anew if those of a job died while it waited: none is used in vain.

    Says whether they did.
    """
    if not is_spent(work.linked, clock.now(), provider.link_life):
        return False
    before = work.progress
    work.linked = None
    work.progress = before.at(Phase.SUBMIT, uploads=(), laps=before.laps + 1)
    return True


def note_links(work: Work, before: Progress, clock: Clock) -> None:
    """Note since when a job has its links."""
    if before.phase is not work.progress.phase:
        is_linked = work.progress.phase is Phase.UPLOAD
        work.linked = clock.now() if is_linked else None


def parsed_by(
    provider: Provider, step: Step, job: Job, before: Progress, response: Response
) -> Progress:
    """Parse a reply; one that leads out of the flow says nothing that is known."""
    before = replace(before, failure=None) if before.failure else before
    parsed = step.parse(job, before, response)
    flow = provider.flows[job.mode]
    if parsed.failure or parsed.phase in flow or parsed.phase is Phase.ENDED:
        return parsed
    why = f"the reply leads to {parsed.phase}, which {job.mode} does not have"
    status = response.status
    failure = Failure("bad_reply", why, Blame.SERVICE, Remedy.LOOKUP, status)
    return before.failed(failure)


def tell_gates(gates: Gates, failure: Failure) -> None:
    """Close the gates for a while, or let nothing grow, as a failure demands.

    What a refusal says of the limits, they have heard from the passage.
    """
    if failure.retry_after:
        gates.pause(failure.retry_after)
    if failure.status not in REFUSALS and failure.blame is Blame.SERVICE:
        gates.had_trouble()


async def take_back(ledger: Ledger, work: Work, why: str) -> None:
    """Take an intent back, if there is one: the request provably did not arrive."""
    if work.intended is not None:
        await ledger.not_sent(work.job, work.progress, why)
        work.intended = None
