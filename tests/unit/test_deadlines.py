"""Deadlines: when what waits at a provider is gone, and what follows from that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.engine.limits import Gates
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    LARGE,
    Input,
    Mode,
    Phase,
    Progress,
    Result,
    Saved,
    State,
    Verdict,
)
from orchestrator.plan.deadlines import (
    Flight,
    Late,
    deadline,
    dues,
    fetch_rate,
    is_spent,
    iso,
    late,
    urgency,
)
from orchestrator.providers import compdf, convertapi, local, reportflow
from orchestrator.providers.convertapi.flows import FILE_LIFE
from orchestrator.testing import Canned, ManualClock, MemoryLedger
from orchestrator.testing.transport import ScriptedTransport
from orchestrator.wire.flow import Limits
from orchestrator.wire.http import Request
from tests.model import World, document, job_of

SAVED = Saved("/part", 1, "0")
RESULTS = (
    Result("a", "/a", expires=500.0, saved=SAVED),
    Result("b", "/b", expires=900.0),
    Result("c", "/c", expires=700.0),
)


@pytest.mark.parametrize(
    ("progress", "intended", "expected"),
    [
        (Progress(), None, None),
        (Progress(Phase.UPLOAD), None, None),
        (Progress(), 150.0, 250.0),
        (Progress(Phase.EXECUTE), 150.0, 250.0),
        (Progress(Phase.POLL), None, 200.0),
        (Progress(Phase.FETCH, results=(Result("a", "/a"),)), None, 200.0),
        (Progress(Phase.FETCH, results=RESULTS), None, 700.0),
        (Progress(Phase.FETCH, results=RESULTS[:1]), None, 200.0),
        (Progress(Phase.POLL, results=RESULTS), None, 200.0),
        (Progress(Phase.RELEASE, results=RESULTS), None, None),
        (Progress(Phase.ENDED), None, None),
    ],
)
def test_when_a_job_is_gone(
    progress: Progress, intended: float | None, expected: float | None
) -> None:
    """With its first result that is not here yet, or with the job itself."""
    found = deadline(progress, created=100.0, intended=intended, retention=100.0)
    assert found == expected


def test_what_nobody_knows_has_no_deadline() -> None:
    """An account that the manifest no longer has; results tell for themselves."""
    poll, fetch = Progress(Phase.POLL), Progress(Phase.FETCH, results=RESULTS)
    assert deadline(poll, created=0.0, intended=None, retention=None) is None
    assert deadline(fetch, created=0.0, intended=None, retention=None) == 700.0


def test_only_downloads_are_urgent() -> None:
    """Polls and submits keep the order of their times."""
    job = job_of(document("d"), created=100.0)
    assert urgency(job, Progress(Phase.POLL), 50.0) is None
    assert urgency(job, Progress(Phase.FETCH), 50.0) == 150.0
    assert urgency(job, Progress(Phase.FETCH, results=RESULTS), 50.0) == 700.0


def test_the_figures_of_the_providers() -> None:
    """As docs/providers.md has them; links are shorter-lived than jobs."""
    lives = {
        each.name: (each.retention, each.link_life)
        for each in (
            local.provider,
            compdf.provider,
            convertapi.provider,
            reportflow.provider,
        )
    }
    assert lives == {
        "local": (86_400.0, 900.0),
        "compdf": (86_400.0, 900.0),
        "convertapi": (7200.0, None),
        "reportflow": (86_400.0, None),
    }
    assert FILE_LIFE == 10_800.0


def test_a_link_is_spent_before_its_end() -> None:
    """Time is left to begin with it; what was never asked for is not spent."""
    assert not is_spent(None, 10_000.0, 900.0)
    assert not is_spent(0.0, 10_000.0, None)
    assert not is_spent(100.0, 900.0, 900.0)
    assert is_spent(100.0, 911.0, 900.0)


def flight(id_: str, created: float, account: str = "a") -> Flight:
    """A document that is polled for."""
    return Flight(account, id_, created, None, Progress(Phase.POLL))


def test_what_was_left_is_told_by_account() -> None:
    """What has expired, and what comes next."""
    found = dues(
        [
            flight("d1", 0.0),
            flight("d2", 950.0),
            flight("d3", 920.0),
            flight("e", 990.0, "b"),
            flight("f", 0.0, "unknown"),
        ],
        {"a": 100.0, "b": 100.0},
        1000.0,
    )
    assert [(d.account, d.documents, d.expired, d.gone) for d in found] == [
        ("a", 3, 1, "d1"),
        ("b", 1, 0, None),
    ]
    assert [(d.next, d.example) for d in found] == [(1020.0, "d3"), (1090.0, "e")]


def test_what_cannot_be_fetched_in_time_is_told() -> None:
    """By what may wait, and how fast it can be fetched."""
    assert late("a", 7200, rate=1.0, retention=7200.0) is None
    assert late("a", 10**9, rate=None, retention=1.0) is None
    found = late("a", 8000, rate=0.5, retention=7200.0)
    assert found == Late("a", 8000, 0.5, 16_000.0, 7200.0, 3600)


@pytest.mark.parametrize(
    ("rate", "rates", "expected"),
    [
        (None, {}, None),
        (4.0, {}, 2.0),
        (None, {"download": 1.5, "async": 0.1}, 1.5),
        (2.0, {"download": 1.5}, 1.0),
    ],
)
def test_how_fast_results_can_be_fetched(
    rate: float | None, rates: dict[str, float], expected: float | None
) -> None:
    """A poll and a download each; the narrower limit counts."""
    assert fetch_rate(rate, rates) == expected


def test_times_are_written_for_everybody() -> None:
    """In UTC, whatever the machine's zone."""
    assert iso(0.0) == "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Item:
    """Something that may be urgent."""

    name: str
    until: float | None = None


def test_due_downloads_go_in_order_of_expiry() -> None:
    """Before all others; not before they are due; woken or not."""
    clock = ManualClock()
    watch: Watch[Item] = Watch(clock, lambda item: item.until)
    for name, until, seconds in (
        ("poll", None, 0.0),
        ("late", 900.0, 0.0),
        ("soon", 300.0, 0.0),
        ("first", 100.0, 5.0),
        ("woken", 500.0, 99.0),
    ):
        watch.park(Item(name, until), seconds)
    watch.wake("woken")
    assert len(watch) == 5
    found = [each.name for each in iter(watch.take, None)]
    assert found == ["soon", "woken", "late", "poll"]
    clock.skip(5)
    assert [each.name for each in iter(watch.take, None)] == ["first"]
    assert not watch


async def test_who_rests_is_woken_for_a_download() -> None:
    """The alarm knows of both kinds."""
    clock = ManualClock()
    watch: Watch[Item] = Watch(clock, lambda item: item.until)
    watch.park(Item("poll"), 60.0)
    watch.park(Item("download", 5.0), 3.0)
    await asyncio.wait_for(clock.run(watch.rest()), 5)
    watch.close()
    found = watch.take()
    assert found is not None
    assert found.name == "download"


# Links to upload to...


def world_of() -> World:
    """A world with one pre-signed document."""
    clock = ManualClock()
    wanted = document("d", Mode.PRESIGNED)
    return World(MemoryLedger([wanted], clock=clock), clock=clock)


async def test_no_link_is_asked_for_without_room_to_use_it() -> None:
    """Nobody holds a short-lived link while others fill the wire."""
    world = world_of()
    gates = Gates(Limits(uploads=1), world.clock, lambda *_: None)
    driver = world.driver()
    driver._gates = driver._lookup._gates = gates
    large = document("d", Mode.PRESIGNED, inputs=(Input("/in/d", LARGE),))
    work = Work(job_of(large), Progress())
    transport = driver._transport
    assert isinstance(transport, ScriptedTransport)
    await gates.uploads.acquire()
    task = asyncio.create_task(driver.drive(work))
    for _ in range(20):
        await asyncio.sleep(0)
    assert transport.lines == []
    gates.uploads.release()
    while not task.done():
        await asyncio.sleep(0)
    assert transport.lines[0].endswith("?mode=presigned")
    assert not gates.uploads.locked(), "the room is given back"
    assert gates.bytes.used == 0
    assert not work.has_room


async def test_a_link_that_died_while_it_waited_is_not_used() -> None:
    """No byte is sent in vain; a new one is asked for, within bounds."""
    world = world_of()
    puts = 0

    def answer(request: Request) -> Canned:
        nonlocal puts
        is_put = request.method == "PUT" and "uploads" in request.url
        puts += is_put
        if is_put and puts == 1:
            return Canned(503, {"retry-after": "1000"})
        return world.service.answer(request)

    driver = world.driver(answer=answer)
    (verdict,) = await world.run(driver)
    assert verdict.state is State.DONE
    transport = driver._transport
    assert isinstance(transport, ScriptedTransport)
    told = [line.partition("/v1/")[2].partition("/")[0] for line in transport.lines[:4]]
    assert told == ["jobs", "uploads", "jobs", "uploads"]


# What the ledger tells...


async def left(path: Path, clock: ManualClock) -> Sequence[str]:
    """A ledger with a document in each state that may have a deadline."""
    names = ["new", "polled", "fetched", "doubted", "done"]
    documents = [document(name, Mode.ASYNC, n=n) for n, name in enumerate(names)]
    with Stage(path) as stage:
        for each in documents:
            stage.add(each)
        stage.compare()
        stage.merge()
    jobs = [job_of(each, n, clock.now()) for n, each in enumerate(documents)]
    async with Store(path, clock) as store:
        await store.advance(jobs[1], Progress(Phase.POLL))
        results = (Result("a", "/a", expires=clock.now() + 60.0),)
        await store.advance(jobs[2], Progress(Phase.FETCH, results=results))
        await store.intend(jobs[3], Progress())
        doubted = [Verdict(documents[3], State.IN_DOUBT)]
        await store.settle(jobs[3], Progress(), doubted)
        await store.intend(jobs[4], Progress())
        done = [Verdict(documents[4], State.DONE)]
        await store.settle(jobs[4], Progress(Phase.RELEASE, results=results), done)
    return names


async def test_each_row_shows_its_deadline(tmp_path: Path) -> None:
    """In ISO 8601; of results without knowing the account, of jobs with it."""
    clock = ManualClock()
    names = await left(tmp_path / "l.sqlite", clock)
    day = iso(clock.now() + 86_400.0)
    soon = iso(clock.now() + 60.0)
    with View(tmp_path / "l.sqlite") as view:
        rows = [each.flat() for each in view.rows(retentions={"a": 86_400.0})]
        assert [row["id"] for row in rows] == names
        assert [row["deadline"] for row in rows] == [None, day, soon, day, None]
        told = [each.deadline for each in view.rows(state=State.OPEN)]
        assert told == [None, None, clock.now() + 60.0]


async def test_a_plan_knows_what_was_left(tmp_path: Path) -> None:
    """Out of the ledger, without writing to it."""
    clock = ManualClock()
    await left(tmp_path / "l.sqlite", clock)
    with Stage(tmp_path / "l.sqlite") as stage:
        found = {each.document: each for each in stage.flights()}
        assert set(found) == {"polled", "fetched", "doubted"}
        (due,) = dues(found.values(), {"a": 86_400.0}, clock.now() + 61.0)
        assert (due.documents, due.expired, due.gone) == (3, 1, "fetched")
    with Stage(tmp_path / "none.sqlite") as stage:
        assert list(stage.flights()) == []
