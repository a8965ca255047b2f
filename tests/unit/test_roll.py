"""Roll calls spare polls; whatever they say or fail to say, the poll is the truth."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from orchestrator.engine.dispatch import Dispatcher
from orchestrator.engine.drive import Driver
from orchestrator.engine.expect import Times
from orchestrator.engine.limits import Gates
from orchestrator.engine.roll import Roll
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.model import Job, Mode, Phase, Progress, State
from orchestrator.providers import compdf
from orchestrator.testing import (
    Broken,
    Canned,
    Hang,
    ManualClock,
    MemoryFeed,
    MemoryLedger,
    MemoryOutputs,
    ScriptedTransport,
)
from orchestrator.testing.transport import Answer
from orchestrator.wire.flow import Limits, Provider
from orchestrator.wire.http import Request
from orchestrator.wire.outcome import NotSent, Unanswered
from tests.model import document, job_of
from tests.vendors import ComPdf, said

WITHOUT = replace(compdf.provider, roll=None)


class Slow(ComPdf):
    """ComPDF, whose tasks take their time."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds
        self._ends: dict[str, float] = {}

    def _task(self, request: Request, sent: list[str], state: str) -> dict[str, Any]:
        task = super()._task(request, sent, state)
        self._ends[task["taskId"]] = self._clock.monotonic() + self._seconds
        return task

    def answer(self, request: Request) -> Canned:
        """Answer, with every task where it is by now."""
        for id_, end in self._ends.items():
            is_done = self._clock.monotonic() >= end
            stand = "TaskFinish" if is_done else "TaskProcessing"
            self.jobs[id_]["taskStatus"] = stand
        return super().answer(request)


@dataclass
class Scene:
    """An account at ComPDF, with as many documents as it takes at once."""

    provider: Provider = compdf.provider
    count: int = 50
    seconds: float = 60.0
    listed: Callable[[Request], Answer] | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    asked: Counter[str] = field(default_factory=Counter)
    calls: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put everything together."""
        documents = [document(f"d{n}", Mode.ASYNC) for n in range(self.count)]
        self.ledger = MemoryLedger(documents, clock=self.clock)
        self.service = Slow(self.clock, self.seconds)
        self.watch = Watch[Work](self.clock)
        transport = ScriptedTransport(always=[("*", self.answer)])
        gates = Gates(Limits(), self.clock, lambda *_: None)
        luck = random.Random(7)
        times = Times(self.provider.pace, self.clock, luck)
        driver = Driver(
            self.provider,
            transport=transport,
            ledger=self.ledger,
            outputs=MemoryOutputs(),
            gates=gates,
            clock=self.clock,
            luck=luck,
            times=times,
        )
        self.roll = Roll(
            self.provider,
            transport=transport,
            gates=gates,
            watch=self.watch,
            clock=self.clock,
            times=times,
        )
        self.dispatcher = Dispatcher(
            driver,
            feed=MemoryFeed(self.ledger, "a"),
            watch=self.watch,
            gates=gates,
            limits=Limits(),
            make_job=self.job,
            tell=self.tell,
            roll=self.roll,
        )

    def answer(self, request: Request) -> Answer:
        """Answer, and count what was asked."""
        word = request.url.rpartition("/")[2]
        self.asked[word] += 1
        if word == "list":
            self.calls.append(self.clock.monotonic())
            if self.listed is not None:
                return self.listed(request)
        return self.service.answer(request)

    def job(self, what: tuple[Any, ...]) -> Job:
        """A new job."""
        number = int(what[0].id[1:]) + 1
        return job_of(what[0], number, self.clock.now())

    async def tell(self, verdicts: object) -> None:
        """Hear nothing."""

    async def run(self) -> Counter[State]:
        """Run to the end; how documents ended."""
        await asyncio.wait_for(self.clock.run(self.dispatcher.run([])), 15)
        entries = self.ledger.entries.values()
        return Counter(each.state for each in entries)


async def test_one_request_asks_for_many() -> None:
    """Half of the requests or less; the end of a job is seen as soon as without."""
    alone, rolled = Scene(WITHOUT), Scene()
    assert await alone.run() == {State.DONE: 50}
    assert await rolled.run() == {State.DONE: 50}
    assert alone.asked["list"] == 0
    assert alone.asked["taskInfo"] >= 150
    assert rolled.asked["taskInfo"] <= 75
    assert rolled.asked["list"] <= 20
    assert rolled.clock.monotonic() <= alone.clock.monotonic() + 5
    assert min(rolled.service.bill.values()) == max(rolled.service.bill.values()) == 1


async def test_a_few_are_polled() -> None:
    """A roll call for three saves nothing worth having."""
    scene = Scene(count=3)
    assert await scene.run() == {State.DONE: 3}
    assert scene.asked["list"] == 0


async def test_calls_keep_their_distance() -> None:
    """As two polls of one job do."""
    scene = Scene(count=80)
    await scene.run()
    gaps = [b - a for a, b in zip(scene.calls, scene.calls[1:], strict=False)]
    assert len(gaps) > 3
    assert min(gaps) >= compdf.provider.pace.floor


def _always_pending(scene: Scene) -> Callable[[Request], Answer]:
    def answer(_: Request) -> Answer:
        jobs = [
            {"taskId": id_, "taskStatus": "TaskProcessing"}
            for id_ in scene.service.jobs
        ]
        return said({"records": jobs})

    return answer


async def test_a_list_that_lies_is_found_out() -> None:
    """The job's own polls come in between, and see the end."""
    scene = Scene(count=8)
    scene.listed = _always_pending(scene)
    assert await scene.run() == {State.DONE: 8}
    assert scene.clock.monotonic() < 300


async def test_a_list_that_lies_does_not_outlast_the_deadline() -> None:
    """Who is past it is asked for by itself, and is judged by that."""
    pace = replace(compdf.provider.pace, deadline=100.0)
    for seconds, state in ((99.0, State.DONE), (1e6, State.OVERDUE)):
        scene = Scene(replace(compdf.provider, pace=pace), 8, seconds)
        scene.listed = _always_pending(scene)
        assert await scene.run() == {state: 8}
        assert scene.clock.monotonic() < 100 + 33 + 5
        assert scene.asked["taskInfo"] >= 8


@pytest.mark.parametrize(
    "answer",
    [
        Canned(500),
        Canned(404, body=b"{}"),
        Canned(200, {"content-type": "text/html"}, b"<html>"),
        said({"code": "01001", "msg": "no"}),
        said({"code": "200", "data": {"records": []}}),
        Broken(NotSent("refused", "refused")),
        Broken(Unanswered("lost", "lost")),
    ],
    ids=["500", "404", "page", "code", "empty", "unsent", "lost"],
)
async def test_a_list_that_fails_changes_nothing(answer: Answer) -> None:
    """Every job is polled as if nobody had called, and calls become rare."""
    alone, scene = Scene(WITHOUT), Scene(listed=lambda _: answer)
    await alone.run()
    assert await scene.run() == {State.DONE: 50}
    assert abs(scene.asked["taskInfo"] - alone.asked["taskInfo"]) <= 50
    assert 1 <= scene.asked["list"] <= 4


async def test_a_list_that_hangs_holds_nobody_for_long() -> None:
    """They are polled; a reply that comes too late moves nobody."""
    scene = Scene(count=10, seconds=5.0, listed=lambda _: Hang())
    task = asyncio.create_task(scene.dispatcher.run([]))
    await scene.clock.advance(30)
    states = Counter(each.state for each in scene.ledger.entries.values())
    assert states == {State.DONE: 10}
    task.cancel()
    await asyncio.wait([task])


async def test_a_refusal_is_obeyed_by_the_whole_account() -> None:
    """Also when it is the list that is refused."""
    refusals = [Canned(429, {"retry-after": "40"})]
    scene = Scene(seconds=1.0)

    def answer(request: Request) -> Answer:
        return refusals.pop() if refusals else scene.service.answer(request)

    scene.listed = answer
    assert await scene.run() == {State.DONE: 50}
    assert scene.clock.monotonic() >= 43


def parked(scene: Scene, number: int, **progress: Any) -> Work:
    """A job that is due at once."""
    job = job_of(document(f"d{number}", Mode.ASYNC), number, scene.clock.now())
    given = {"phase": Phase.POLL, "handle": f"task-{number}"} | progress
    work = Work(job, Progress(**given))
    scene.watch.park(work, 0.0)
    return work


async def test_who_is_spared_waits_as_after_a_poll() -> None:
    """The count of its polls grows, and it is not asked for sooner."""
    scene = Scene(count=0)
    works = [parked(scene, n, polls=n) for n in range(5)]
    records = [{"taskId": f"task-{n}", "taskStatus": "TaskWaiting"} for n in range(4)]
    scene.listed = lambda _: said({"records": records})
    assert await scene.roll.call()
    assert [each.progress.polls for each in works] == [1, 2, 3, 4, 4]
    assert scene.watch.take() is works[4], "who is not named is due as before"
    scene.clock.skip(2.9)
    assert scene.watch.take() is None
    scene.clock.skip(0.2)
    assert scene.watch.take() is works[0]


async def test_who_was_woken_meanwhile_is_not_put_off() -> None:
    """A webhook is newer than the list."""
    scene = Scene(count=0)
    works = [parked(scene, n) for n in range(4)]
    records = [{"taskId": f"task-{n}", "taskStatus": "TaskWaiting"} for n in range(4)]

    def answer(_: Request) -> Answer:
        scene.watch.wake(works[2].name)
        return said({"records": records})

    scene.listed = answer
    assert await scene.roll.call()
    assert scene.watch.take() is works[2]
    assert works[2].progress.polls == 0
    assert scene.watch.take() is None


@pytest.mark.parametrize(
    "change",
    [
        {"phase": Phase.FETCH},
        {"handle": None},
        {"polls": 9},
    ],
    ids=str,
)
async def test_only_who_may_be_spared_counts(change: dict[str, Any]) -> None:
    """Three that can and one that cannot are no crowd."""
    scene = Scene(count=0)
    for n in range(3):
        parked(scene, n)
    parked(scene, 3, **change)
    assert not await scene.roll.call()
    assert scene.asked["list"] == 0


@pytest.mark.parametrize("change", [{"attempts": 1}, {"intended": 1.0}], ids=str)
async def test_who_is_in_trouble_is_asked_for_itself(change: dict[str, Any]) -> None:
    """A list could only delay what its own poll has to clear up."""
    scene = Scene(count=0)
    for n in range(3):
        parked(scene, n)
    work = parked(scene, 3)
    for name, value in change.items():
        setattr(work, name, value)
    assert not await scene.roll.call()


async def test_one_call_at_a_time() -> None:
    """Also while the first is on its way."""
    scene = Scene(count=0, listed=lambda _: Hang())
    for n in range(4):
        parked(scene, n)
    first = asyncio.create_task(scene.roll.call())
    await scene.clock.advance(0)
    for n in range(4, 8):
        parked(scene, n)
    assert not await scene.roll.call()
    assert scene.asked["list"] == 1
    first.cancel()
    await asyncio.wait([first])
