"""Letting go of jobs at the provider, one by one and many at a time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.engine.limits import Gates
from orchestrator.engine.release import Releases
from orchestrator.engine.work import Work
from orchestrator.model import Mode, Phase, Progress
from orchestrator.providers import local
from orchestrator.testing import (
    Broken,
    Canned,
    ManualClock,
    MemoryLedger,
    ScriptedTransport,
)
from orchestrator.testing.transport import Answer, Turn
from orchestrator.wire.flow import Limits
from orchestrator.wire.http import Json, Repeat
from orchestrator.wire.outcome import Unanswered
from tests.model import document, job_of

DAY = 86_400.0
MANY = "POST /v1/deletions"
LOST = Broken(Unanswered("reset", "the connection broke"))


class Scene:
    """Jobs whose results are safe, and who lets go of them."""

    def __init__(self, *script: Turn, jobs: int = 3, together: int = 3) -> None:
        self.clock = ManualClock()
        self.documents = [document(f"d{n}", Mode.SYNC) for n in range(jobs)]
        self.ledger = MemoryLedger(self.documents, clock=self.clock)
        self.transport = ScriptedTransport(script)
        self.releases = Releases(
            local.provider,
            transport=self.transport,
            ledger=self.ledger,
            gates=Gates(Limits(), self.clock, lambda *_: None),
            clock=self.clock,
            together=together,
        )
        self.works: list[Work] = []

    async def take_all(self) -> None:
        """Take every job, as it is when its results were recorded."""
        for n, each in enumerate(self.documents):
            job = job_of(each, number=n + 1, created=self.clock.now())
            progress = Progress().at(Phase.RELEASE, handle=job.id)
            await self.ledger.advance(job, progress)
            self.works.append(Work(job, progress))
            await self.releases.take(self.works[-1])

    def phases(self) -> Sequence[Phase]:
        """Where the jobs stand on record."""
        return [self.ledger.jobs[each.job.id].phase for each in self.works]


async def test_many_jobs_are_let_go_of_with_one_request() -> None:
    """When enough are gathered, at once; it may be repeated, and costs nothing."""
    scene = Scene((MANY, Canned(204)))
    await scene.take_all()
    (request,) = scene.transport.requests
    ids = [each.job.id for each in scene.works]
    assert request.body == Json({"jobs": ids})
    assert request.repeat is Repeat.SAME
    assert scene.phases() == [Phase.ENDED] * 3


async def test_the_rest_goes_at_the_end_of_the_run() -> None:
    """Until then the ledger says that it is to be released."""
    scene = Scene((MANY, Canned(204)), jobs=2)
    await scene.take_all()
    assert scene.phases() == [Phase.RELEASE] * 2
    assert not scene.transport.requests
    await scene.releases.finish()
    assert scene.phases() == [Phase.ENDED] * 2
    await scene.releases.finish()
    assert scene.transport.lines == [MANY]


@pytest.mark.parametrize("answer", [LOST, Canned(429), Canned(503), Canned(401)])
@pytest.mark.parametrize(
    ("age", "phase"), [(DAY / 2, Phase.RELEASE), (2 * DAY, Phase.ENDED)]
)
async def test_one_that_is_lost_or_refused_is_tried_by_the_next_run(
    age: float, phase: Phase, answer: Answer
) -> None:
    """Unless the provider has let them go by itself; nobody is asked for each."""
    scene = Scene((MANY, answer), jobs=2)
    await scene.take_all()
    for each in scene.works:
        each.age(scene.clock)
    scene.clock.skip(age)
    await scene.releases.finish()
    assert scene.phases() == [phase] * 2


async def test_a_service_that_knows_no_such_request_is_asked_one_by_one() -> None:
    """As an older one would be."""
    scene = Scene((MANY, Canned(404)), *[("DELETE *", Canned(204))] * 2, jobs=2)
    await scene.take_all()
    await scene.releases.finish()
    assert len(scene.transport.lines) == 3
    assert scene.phases() == [Phase.ENDED] * 2


async def test_alone_each_is_let_go_of_at_once() -> None:
    """Nothing is gathered where nothing is gained."""
    scene = Scene(*[("DELETE *", Canned(204))] * 3, together=1)
    await scene.take_all()
    assert [each.split()[0] for each in scene.transport.lines] == ["DELETE"] * 3
    assert scene.phases() == [Phase.ENDED] * 3
