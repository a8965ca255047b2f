"""The dispatcher: bounded, fair, and at its end when everything is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from orchestrator.engine.budget import Budget, Terms, Till
from orchestrator.engine.dispatch import Dispatcher, Fits
from orchestrator.engine.kinds import Kind, Spell
from orchestrator.engine.limits import Gates
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import AccountStopped, End, Wait, Work
from orchestrator.errors import MachineError
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Input,
    Job,
    Mode,
    Phase,
    Progress,
    Remedy,
    State,
    Verdict,
)
from orchestrator.testing import ManualClock, MemoryFeed, MemoryLedger
from orchestrator.wire.flow import Limits, Pace
from tests.model import document, job_of

STOP = Failure("unauthorized", "the key is refused", Blame.ACCOUNT, Remedy.STOP)
Outcome = Wait | End | Exception


class Carrier:
    """Stands in for the driver: carries by a script, and counts who is carried."""

    def __init__(self, ledger: MemoryLedger, clock: ManualClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.busy: list[str] = []
        self.most = 0
        self.most_large = 0
        self.order: list[str] = []
        self.outcome: Callable[[Work], Outcome | None] = lambda _: None
        self.seconds: Callable[[Work], float] = lambda _: 1.0
        self.finished = 0

    async def finish(self) -> None:
        """End of the run: nobody is carried any more."""
        assert not self.busy
        self.finished += 1

    async def drive(self, work: Work) -> Wait | End:
        """Carry for some seconds, then wait or end."""
        id_ = work.job.document.id
        self.order.append(id_)
        self.busy.append(id_)
        self.most = max(self.most, len(self.busy))
        large = sum(each.startswith("large") for each in self.busy)
        self.most_large = max(self.most_large, large)
        try:
            await self.ledger.intend(work.job, work.progress)
            await self.clock.sleep(self.seconds(work))
        finally:
            self.busy.remove(id_)
        outcome = self.outcome(work)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome or await self.end(work)

    async def end(self, work: Work) -> End:
        """The document is done."""
        verdicts = [Verdict(each, State.DONE) for each in work.job.documents]
        await self.ledger.settle(work.job, Progress(Phase.ENDED), verdicts)
        return End(verdicts)


class Scene:
    """A dispatcher over a ledger in memory."""

    def __init__(
        self,
        *documents: Document,
        limits: Limits | None = None,
        fits: Fits | None = None,
        till: Till | None = None,
        kept: int | None = None,
    ) -> None:
        limits = limits or Limits(width=2)
        self.clock = ManualClock()
        self.ledger = MemoryLedger(documents, clock=self.clock)
        self.carrier = Carrier(self.ledger, self.clock)
        self.told: list[str] = []
        self.made = 0
        self.watch = Watch[Work](self.clock)
        self.dispatcher = Dispatcher(
            self.carrier,  # type: ignore[arg-type]  # a stand-in
            feed=MemoryFeed(self.ledger, "a"),
            watch=self.watch,
            gates=Gates(limits, self.clock, lambda *_: None),
            limits=limits,
            make_job=self.job,
            tell=self.tell,
            fits=fits,
            till=till,
            shelf=None if kept is None else Shelf(self.read, kept=kept),
        )

    async def read(self, jobs: Sequence[str]) -> Mapping[str, tuple[Document, ...]]:
        """The documents of jobs, as the ledger has them."""
        await self.clock.sleep(0.01)
        return {each: self.ledger.jobs[each].job.documents for each in jobs}

    def job(self, what: tuple[Document, ...]) -> Job:
        """A new job."""
        self.made += 1
        return replace(job_of(what[0], self.made, self.clock.now()), documents=what)

    async def tell(self, verdicts: Sequence[Verdict]) -> None:
        """Hear how documents ended."""
        self.told += [each.document.id for each in verdicts]

    async def run(self, left: Sequence[Work] = ()) -> None:
        """Run to the end in virtual time."""
        await asyncio.wait_for(self.clock.run(self.dispatcher.run(left)), 10)


def small(count: int) -> list[Document]:
    """Small documents."""
    return [document(f"small{n:03}", n=n) for n in range(count)]


def large(count: int) -> list[Document]:
    """Large documents, more urgent than all small ones."""
    given = (Input("/in/big", 20_000_000),)
    return [
        document(f"large{n:03}", n=1000 + n, inputs=given, priority=9)
        for n in range(count)
    ]


async def test_everything_is_carried_once_by_few_workers() -> None:
    """Never one task per document."""
    scene = Scene(*small(300), limits=Limits(width=3))
    await scene.run()
    assert sorted(scene.told) == [each.id for each in small(300)]
    assert scene.carrier.most == 6
    assert scene.carrier.finished == 1
    assert sorted(scene.carrier.order) == sorted(set(scene.carrier.order))


async def test_nothing_to_do_ends_at_once() -> None:
    """Whether or not something was left."""
    scene = Scene()
    await scene.run()
    assert scene.told == []


async def test_who_waits_holds_no_worker() -> None:
    """All others go on while hundreds of jobs wait for a poll."""
    scene = Scene(*small(200), limits=Limits(width=1))
    polled: set[str] = set()

    def outcome(work: Work) -> Wait | None:
        if work.name in polled:
            return None
        polled.add(work.name)
        return Wait(10_000.0)

    scene.carrier.outcome = outcome
    await scene.run()
    assert len(scene.told) == 200
    assert scene.carrier.order[:200] == [each.id for each in small(200)]
    assert scene.clock.monotonic() < 10_000 + 250


@pytest.mark.parametrize("jobs", [1, 3, 7])
async def test_jobs_that_are_accepted_have_a_ceiling(jobs: int) -> None:
    """Active and waiting ones together, however many workers look at once."""
    scene = Scene(*small(30), *large(5), limits=Limits(width=6, jobs=jobs))
    seen: dict[str, int] = {}
    most = 0

    def outcome(work: Work) -> Wait | None:
        nonlocal most
        busy, waiting = scene.dispatcher.active, scene.dispatcher.waiting
        most = max(most, busy + waiting)
        seen[work.name] = seen.get(work.name, 0) + 1
        return Wait(3.0) if seen[work.name] < 3 else None

    scene.carrier.outcome = outcome
    await scene.run()
    assert len(scene.told) == 35
    assert most <= jobs


async def test_small_ones_are_not_starved_by_large_ones() -> None:
    """Large ones leave a place on the wire, also when all begin at once."""
    scene = Scene(*large(12), *small(40), limits=Limits(width=4, uploads=4))
    scene.carrier.seconds = lambda work: 1000.0 if work.job.document.is_large else 1.0
    await scene.run()
    assert scene.carrier.most_large <= 3
    ends = [scene.told.index(each.id) for each in small(40)]
    assert max(ends) < 43, "all small ones end with the first large ones"
    assert len(scene.told) == 52


async def test_large_ones_that_are_tried_again_keep_to_their_places() -> None:
    """Refused ones come back all at once; small ones go on."""
    scene = Scene(*large(9), *small(30), limits=Limits(width=4, uploads=4))
    tried: set[str] = set()

    def outcome(work: Work) -> Wait | None:
        if work.job.document.is_large and work.name not in tried:
            tried.add(work.name)
            return Wait(2.0)
        return None

    scene.carrier.outcome = outcome
    scene.carrier.seconds = lambda work: 50.0 if work.name in tried else 1.0
    await scene.run()
    assert scene.carrier.most_large <= 3
    assert len(scene.told) == 39


async def test_a_drain_starts_nothing_and_ends_what_is_accepted() -> None:
    """Also what only waits for its poll."""
    scene = Scene(*small(50), limits=Limits(width=2))
    polled: set[str] = set()

    def outcome(work: Work) -> Wait | None:
        if work.name not in polled:
            polled.add(work.name)
            return Wait(5.0)
        return None

    scene.carrier.outcome = outcome
    task = asyncio.create_task(scene.dispatcher.run([]))
    await scene.clock.advance(0.5)
    begun = set(scene.carrier.order)
    assert begun
    scene.dispatcher.drain()
    await scene.clock.advance(20)
    await asyncio.wait_for(task, 1)
    assert set(scene.told) == begun
    assert len(begun) == 4


async def test_a_drain_that_finds_nothing_in_flight_ends() -> None:
    """Said before the run begins, or while a page is being read."""
    scene = Scene(*small(5))
    scene.dispatcher.drain()
    await scene.run()
    assert scene.told == []


async def test_what_was_read_when_the_end_was_said_is_told() -> None:
    """A page is on its way for all workers: none of its documents is forgotten."""
    scene = Scene(*small(2), limits=Limits(width=3))
    task = asyncio.create_task(scene.dispatcher.run([]))
    await asyncio.sleep(0)
    while not scene.dispatcher._starting:
        await asyncio.sleep(0)
    scene.dispatcher.halt(STOP)
    await asyncio.wait_for(scene.clock.run(task), 5)
    assert scene.told == []
    assert await scene.dispatcher.has_more()


async def test_a_cost_above_the_declared_holds_back_what_was_not_sent() -> None:
    """Also a job that only waits to be tried again, now and in the next run."""
    budget = Budget(Decimal(100))
    till = Till("a", budget, Terms(lambda _: Decimal(2)))
    scene = Scene(*small(4), limits=Limits(width=1), till=till)

    def outcome(work: Work) -> Outcome | None:
        if work.job.document.id == "small000":
            return Wait(50.0)
        if work.job.document.id == "small001":
            work.progress = Progress(Phase.ENDED, cost=5.0)
        return None

    scene.carrier.outcome = outcome
    await scene.run()
    assert scene.carrier.order == ["small000", "small001", "small002"]
    assert budget.taken == Decimal(5 + 2)
    assert scene.dispatcher.halted is not None
    assert scene.dispatcher.halted.code == "cost_above_declared"
    unsent = Work(job_of(document("left"), 99), Progress())
    broken = Till("a", budget, Terms(lambda _: Decimal(2)), broken="it cost more")
    following = Scene(till=broken)
    await following.run([unsent])
    assert following.carrier.order == []


async def test_a_bad_account_stops_at_once() -> None:
    """What is in the air ends; nothing else is begun, and all of it stays open."""
    scene = Scene(*small(100), limits=Limits(width=2))
    scene.carrier.outcome = lambda _: AccountStopped(STOP)
    await scene.run()
    assert scene.dispatcher.stopped == STOP
    assert len(scene.carrier.order) == 4
    assert scene.told == []


async def test_a_bad_account_does_not_wait_for_who_waits() -> None:
    """A poll in an hour does not hold the end up."""
    scene = Scene(*small(10), limits=Limits(width=1))
    count = 0

    def outcome(_: Work) -> Outcome:
        nonlocal count
        count += 1
        return AccountStopped(STOP) if count == 4 else Wait(3600.0)

    scene.carrier.outcome = outcome
    await scene.run()
    assert scene.dispatcher.stopped == STOP
    assert scene.clock.monotonic() < 3600


async def test_a_machine_that_cannot_go_on_ends_the_run() -> None:
    """A full disk is nobody's document."""
    scene = Scene(*small(10))
    scene.carrier.outcome = lambda _: MachineError("disk full")
    with pytest.raises(ExceptionGroup) as caught:
        await scene.run()
    assert caught.group_contains(MachineError)


async def test_a_webhook_ends_a_wait() -> None:
    """The job is polled at once, whatever its pace."""
    scene = Scene(*small(1))
    polled: set[str] = set()

    def outcome(work: Work) -> Wait | None:
        if work.name not in polled:
            polled.add(work.name)
            return Wait(100_000.0)
        return None

    scene.carrier.outcome = outcome
    task = asyncio.create_task(scene.dispatcher.run([]))
    await scene.clock.advance(5)
    assert scene.dispatcher.waiting == 1
    scene.dispatcher.wake("unknown")
    scene.dispatcher.wake(next(iter(polled)))
    await scene.clock.advance(2)
    await asyncio.wait_for(task, 1)
    assert len(scene.told) == 1


async def test_what_was_left_goes_first_and_what_it_reopens_is_done() -> None:
    """A document that was edited in flight is open again when its job has settled."""
    documents = small(3)
    scene = Scene(*documents)
    job = job_of(documents[0], 77)
    await scene.ledger.intend(job, Progress())
    edited = document("small000", n=0, params={"new": True})
    scene.ledger.put(edited)
    scene.carrier.seconds = lambda work: 30.0 if work.name == job.id else 1.0
    await scene.run([Work(job, Progress())])
    assert scene.carrier.order[0] == "small000"
    assert sorted(scene.told) == ["small000", "small000", "small001", "small002"]
    verdict = scene.ledger.entries["small000"].verdict
    assert verdict is not None
    assert verdict.document.params == {"new": True}


async def test_small_ones_that_travel_together_take_no_place_of_the_large() -> None:
    """Though their sum is large, their places stay what they are."""
    few = [
        document(f"small{n:03}", n=n, inputs=(Input("/in/x", 6_000_000),))
        for n in range(20)
    ]
    limits = Limits(width=4, uploads=2)
    scene = Scene(*few, *large(8), limits=limits, fits=lambda some, _: len(some) < 3)
    await scene.run()
    assert len(scene.told) == 28
    assert scene.dispatcher._sending == 0
    assert scene.carrier.most_large <= 2


async def test_documents_that_fit_travel_in_one_job() -> None:
    """As many as the provider says, in order, and never two modes in one job."""
    modes = [Mode.SYNC] * 5 + [Mode.ASYNC] * 4
    documents = [
        replace(each, mode=mode) for each, mode in zip(small(9), modes, strict=True)
    ]
    scene = Scene(
        *documents, limits=Limits(width=1), fits=lambda some, _: len(some) < 3
    )
    await scene.run()
    assert sorted(scene.told) == [each.id for each in documents]
    assert scene.carrier.order == ["small000", "small003", "small005", "small008"]


async def test_what_was_left_is_taken_up_in_pages() -> None:
    """However much was left: no more is known at once than the account may hold."""
    scene = Scene(*small(900), limits=Limits(width=2, jobs=300))
    left = [Work(scene.job((each,)), Progress()) for each in small(900)[:700]]
    for work in left:
        await scene.ledger.intend(work.job, work.progress)
    asked: list[int] = []
    known: list[int] = []

    async def page(limit: int) -> Sequence[Work]:
        asked.append(limit)
        await scene.clock.sleep(0.5)
        known.append(scene.dispatcher.active + scene.dispatcher.waiting)
        given, left[:limit] = left[:limit], []
        return given

    await asyncio.wait_for(scene.clock.run(scene.dispatcher.run(page)), 15)
    assert scene.carrier.order == [each.id for each in small(900)]
    assert asked == [256] * 4
    assert max(known) < 300


async def test_jobs_that_wait_leave_their_documents_to_the_ledger() -> None:
    """All but a few; they have them again when they are carried, and none is lost."""
    scene = Scene(*small(300), kept=50)
    polled: dict[str, int] = {}
    ids: dict[str, list[str]] = {}
    spell = Spell(Kind(Pace()), 0.0, 0.0)

    def outcome(work: Work) -> Outcome | None:
        carried = [each.id for each in work.job.documents]
        assert ids.setdefault(work.name, carried) == carried
        polled[work.name] = polled.get(work.name, 0) + 1
        work.progress, work.spell = Progress(Phase.POLL), spell
        return Wait(1000.0) if polled[work.name] < 3 else None

    scene.carrier.seconds = lambda _: 0.5
    scene.carrier.outcome = outcome
    task = asyncio.create_task(scene.run())
    whole: list[int] = []
    while not task.done():
        parked = [work for _, work in scene.watch._parked.values()]
        if len(parked) == 300:
            whole.append(sum(bool(each.job.documents) for each in parked))
        await asyncio.sleep(0)
    await task
    assert sorted(scene.told) == [each.id for each in small(300)]
    assert set(polled.values()) == {3}
    assert whole
    assert max(whole) <= 50


async def test_a_job_whose_outcome_is_unknown_keeps_its_documents() -> None:
    """It may have to be sent again; so may one that was never accepted."""
    shelf = Shelf(Scene().read, kept=0)
    spell = Spell(Kind(Pace()), 0.0, 0.0)
    for phase, intended in ((Phase.POLL, 1.0), (Phase.SUBMIT, None)):
        work = Work(job_of(document("d"), 1), Progress(phase), intended, spell=spell)
        shelf.lay(work, 10)
        assert work.job.documents
        assert not shelf.has(work)


async def test_new_documents_have_their_turn_though_polls_are_due() -> None:
    """Each fourth, so that what never ends holds up nobody; polls have the others."""
    scene = Scene(*small(40), limits=Limits(width=1))
    endless = {f"small{n:03}" for n in range(20)}

    def outcome(work: Work) -> Outcome | None:
        is_endless = work.job.document.id in endless and len(scene.told) < 20
        return Wait(0.0) if is_endless else None

    scene.carrier.outcome = outcome
    await scene.run()
    assert len(scene.told) == 40
    first = {each: scene.carrier.order.index(each) for each in scene.told}
    assert max(first.values()) <= 4 * 40 + 8
    assert first["small030"] >= 3 * 20, "polls are not passed over for long"
