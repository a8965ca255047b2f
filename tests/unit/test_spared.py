"""What a job that failed has cost: nothing only where that is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.engine.work import Work, is_free
from orchestrator.model import (
    Blame,
    Failure,
    Mode,
    Phase,
    Progress,
    Remedy,
    Result,
    State,
)
from orchestrator.providers import local
from orchestrator.testing import Canned, MemoryLedger
from orchestrator.wire.http import Request
from tests.model import Service, World, document, job_of

MADE = (Result("a.pdf", "/a.pdf"),)


def why(remedy: Remedy, status: int | None = None) -> Failure:
    """A failure."""
    return Failure("bad", "bad", Blame.SERVICE, remedy, status)


@pytest.mark.parametrize(
    ("progress", "failure", "with_sparing", "without"),
    [
        (Progress(Phase.SUBMIT), why(Remedy.FAIL, 422), True, False),
        (Progress(Phase.SUBMIT), why(Remedy.FAIL), True, True),
        (Progress(Phase.EXECUTE), why(Remedy.RETRY, 409), True, True),
        (Progress(Phase.POLL), why(Remedy.FAIL, 422), True, False),
        (Progress(Phase.POLL), why(Remedy.RETRY, 200), False, False),
        (Progress(Phase.FETCH, results=MADE), why(Remedy.FAIL), False, False),
        (Progress(Phase.FETCH, results=MADE), why(Remedy.RETRY), False, False),
        (Progress(Phase.POLL, results=MADE), why(Remedy.FAIL), False, False),
        (Progress(Phase.POLL, cost=1.0), why(Remedy.FAIL), False, False),
    ],
)
def test_only_work_that_failed_there_is_free(
    progress: Progress, failure: Failure, *, with_sparing: bool, without: bool
) -> None:
    """What was done is charged, also where nobody can use it."""
    work = Work(job_of(document("d")), progress)
    assert is_free(work, failure, spares=True) is with_sparing
    assert is_free(work, failure, spares=False) is without


def torn(service: Service) -> Callable[[Request], Canned]:
    """Answers of a service whose results are never what it declares."""

    def answer(request: Request) -> Canned:
        said = service.answer(request)
        return (
            Canned(said.status, said.headers, file=(b"<html>",)) if said.file else said
        )

    return answer


@pytest.mark.parametrize("mode", Mode)
async def test_a_result_that_cannot_be_used_was_billed(mode: Mode) -> None:
    """So nothing is given back to the budget."""
    book = MemoryLedger([document("d", mode)])
    world = World(book)
    assert local.provider.spares_failures
    verdicts = await world.run(world.driver(answer=torn(world.service)))
    assert [each.state for each in verdicts] == [State.FAILED]
    assert sum(world.service.bill.values()) == 1
    (held,) = book.jobs.values()
    assert '"cost":0' not in held.progress
