"""Trust in an API's use of our ids: how it is gained, and what it settles."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from orchestrator.engine.dispatch import Dispatcher
from orchestrator.engine.limits import Gates
from orchestrator.engine.lookup import Lookup
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.model import Document, Job, Mode, Progress, State, Verdict
from orchestrator.providers import convertapi, local
from orchestrator.providers.convertapi.names import is_ours, uuid_of
from orchestrator.testing import Broken, Canned, ManualClock, MemoryFeed, MemoryLedger
from orchestrator.wire.flow import Absence, Limits, Pace
from orchestrator.wire.http import Repeat, Request, Response
from orchestrator.wire.outcome import Unanswered
from tests.model import World, document, job_of

PROVIDER = replace(
    local.provider,
    absence=Absence.PROVES_ONCE_TRUSTED,
    pace=Pace(first=60.0),
    is_ours=lambda job, handle: handle == job.id,
)


@dataclass
class Run:
    """A run over a world in which the first submit is lost."""

    world: World
    told: list[tuple[str, State]]
    lost: int = 0

    async def go(self) -> None:
        """To its end."""
        world, limits = self.world, Limits(width=4)
        assert isinstance(world.book, MemoryLedger)
        dispatcher = Dispatcher(
            world.driver(answer=self._answer),
            feed=MemoryFeed(world.book, "a"),
            watch=Watch[Work](world.clock),
            gates=Gates(limits, world.clock, lambda *_: None),
            limits=limits,
            make_job=self._job,
            tell=self._tell,
        )
        await asyncio.wait_for(world.clock.run(dispatcher.run([])), 10)

    def _job(self, what: tuple[Document, ...]) -> Job:
        self.world.made += 1
        return job_of(what[0], self.world.made, self.world.clock.now())

    async def _tell(self, verdicts: Sequence[Verdict]) -> None:
        self.told += [(each.document.id, each.state) for each in verdicts]

    def _answer(self, request: Request) -> Canned | Broken:
        if request.method == "PUT" and not self.lost:
            self.lost += 1
            return Broken(Unanswered("lost", "it never arrived"))
        return self.world.service.answer(request)


def run_of(count: int, **changes: object) -> Run:
    """A run of so many documents, async."""
    clock = ManualClock()
    wanted = [document(f"d{n}", Mode.ASYNC, n=n) for n in range(count)]
    provider = replace(PROVIDER, **changes)  # type: ignore[arg-type]
    book = MemoryLedger(wanted, clock=clock)
    return Run(World(book, clock=clock, provider=provider), [])


async def test_a_doubt_before_trust_settles_within_the_run() -> None:
    """A poll under an id of ours is good: so the lost request never arrived."""
    run = run_of(2)
    await run.go()
    assert sorted(run.told) == [("d0", State.DONE), ("d1", State.DONE)]
    assert run.world.book.trust_of("a") is True
    assert sum(run.world.service.bill.values()) == 2


async def test_without_trust_the_doubt_stays_and_is_told_once() -> None:
    """Nothing shows that the API goes by our ids."""
    run = run_of(1)
    await run.go()
    assert run.told == [("d0", State.IN_DOUBT)]
    assert run.world.book.trust_of("a") is None


@pytest.mark.parametrize("ours", [None, lambda _job, _handle: False])
async def test_a_poll_under_another_id_proves_nothing(ours: object) -> None:
    """The API made an id of its own, and may know nothing of ours."""
    run = run_of(2, is_ours=ours)
    await run.go()
    assert sorted(run.told) == [("d0", State.IN_DOUBT), ("d1", State.DONE)]
    assert run.lost == 1
    assert run.world.book.trust_of("a") is not True


async def test_the_next_run_settles_it() -> None:
    """Trust that was gained is kept, and what is in doubt is asked for again."""
    run = run_of(1)
    await run.go()
    await run.world.book.trust("a")
    world = run.world
    verdicts = await world.run(world.driver())
    assert [each.state for each in verdicts] == [State.DONE]
    assert sum(world.service.bill.values()) == 1


def test_ids_of_convertapi_are_known_as_ours() -> None:
    """In both generations, and no other."""
    assert convertapi.provider.is_ours is is_ours
    job = job_of(document("d"), 7)
    assert is_ours(job, job.id)
    assert is_ours(job, uuid_of(job))
    assert not is_ours(job, "another-id-that-it-made")


def lookup_of(book: MemoryLedger, *, trusted: bool | None = None) -> Lookup:
    """A lookup at ConvertAPI that sends nothing."""
    return Lookup(
        convertapi.provider,
        transport=None,  # type: ignore[arg-type]
        ledger=book,
        gates=None,  # type: ignore[arg-type]
        clock=ManualClock(),
        trusted=trusted,
        listens=False,
    )


async def test_tries_count_for_each_question_of_a_lookup() -> None:
    """A long row of suspects is no reason to give up; rounds of them count apart."""
    lookup = lookup_of(MemoryLedger())
    work = Work(job_of(document("d")), Progress(), rounds=2)
    await lookup._told(work, Progress(suspects=("a", "b", "c")))
    work.attempts += 2  # two refusals
    await lookup._told(work, Progress(suspects=("b", "c")))
    assert (work.attempts, work.rounds) == (0, 2)
    assert work.progress.suspects == ("b", "c")


@pytest.mark.parametrize(
    ("status", "headers", "is_trusted"),
    [
        (202, {}, True),
        (404, {}, False),
        (503, {}, False),
        (200, {"content-type": "text/html"}, False),
    ],
)
async def test_only_a_good_poll_of_convertapi_counts(
    status: int, headers: dict[str, str], *, is_trusted: bool
) -> None:
    """404 and 503 go on as polls, and show nothing."""
    job, book = job_of(document("d"), 7), MemoryLedger()
    lookup = lookup_of(book)
    work = Work(job, Progress(handle=job.id))
    await lookup.polled(work, Response(status, headers, json.dumps({}).encode()))
    assert lookup.is_trusted is is_trusted
    assert (book.trust_of("a") is True) is is_trusted


@pytest.mark.parametrize("trusted", [None, True])
async def test_an_api_that_made_an_id_is_not_trusted_again(
    *, trusted: bool | None
) -> None:
    """It ignored one of ours, so it may have ignored that of a lost request too."""
    job, book = job_of(document("d"), 7), MemoryLedger()
    lookup = lookup_of(book, trusted=trusted)
    named = Request("POST", "/async/convert/txt/to/pdf", Repeat.NAMED)
    await lookup.accepted(job, named, uuid_of(job))
    assert book.trust_of("a") is None, "nothing was noted"
    await lookup.accepted(job, named, "an-id-of-theirs")
    assert book.trust_of("a") is False
    await lookup.polled(Work(job, Progress(handle=job.id)), Response(202, {}, b"{}"))
    assert not lookup.is_trusted
    assert not lookup.may_gain()
    assert book.trust_of("a") is False


async def test_an_id_of_theirs_is_nothing_new_where_none_was_sent() -> None:
    """Only a request that carried ours can have it ignored."""
    job, book = job_of(document("d"), 7), MemoryLedger()
    lookup = lookup_of(book)
    await lookup.accepted(job, Request("POST", "/x", Repeat.CHARGED), "theirs")
    assert book.trust_of("a") is None
    assert lookup.may_gain()


async def test_a_lost_request_is_not_sent_again_to_an_api_that_made_an_id() -> None:
    """Trust came first, then an id of theirs: the absence of ours proves nothing."""
    run = run_of(3, is_ours=lambda job, _handle: not job.id.endswith("3"))
    await run.go()
    assert sorted(run.told) == [
        ("d0", State.IN_DOUBT),
        ("d1", State.DONE),
        ("d2", State.DONE),
    ]
    assert run.world.book.trust_of("a") is False
