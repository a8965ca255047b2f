"""Downloads that were cut: only what is missing is asked for again."""

from __future__ import annotations

from orchestrator.engine.ports import Outputs
from orchestrator.engine.work import Work
from orchestrator.model import Blame, Failure, Phase, Remedy
from orchestrator.wire import ranges
from orchestrator.wire.http import Request, Response
from orchestrator.wire.ranges import Begun


async def going_on(outputs: Outputs, work: Work, request: Request) -> Request:
    """The same request, or one for what is missing of a file that was begun."""
    if not ranges.is_download(request) or work.anew:
        return request
    begun = await begun_of(outputs, work)
    return request if begun is None else ranges.going_on(request, begun)


async def begun_of(outputs: Outputs, work: Work) -> Begun | None:
    """What is here of the result that is fetched next."""
    progress = work.progress
    if progress.phase is not Phase.FETCH:
        return None
    index = next((i for i, e in enumerate(progress.results) if not e.saved), None)
    if index is None:
        return None
    result = progress.results[index]
    return await outputs.begun(
        work.job,
        index,
        size=result.size,
        sha256=result.sha256,
        document=result.document,
    )


async def note_growth(outputs: Outputs, work: Work, request: Request) -> None:
    """A try that brought a piece was none in vain: there is an end to the pieces."""
    begun = await begun_of(outputs, work)
    if begun is not None and begun.size > ranges.asked_from(request):
        work.attempts = 0
        work.waited = 0.0


def off(response: Response) -> Failure:
    """What a reply means that does not begin where it was asked to."""
    why = "the rest of the file cannot be had; all of it is fetched again"
    return Failure("bad_range", why, Blame.SERVICE, Remedy.RETRY, response.status)
