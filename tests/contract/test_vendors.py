"""Paid APIs: cut anywhere, lose anything; paid once, and in doubt only with a cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.batch.accounts import providers
from orchestrator.engine.work import Work
from orchestrator.model import Mode, Phase, Progress, State
from orchestrator.testing import Broken, Canned, ManualClock, MemoryLedger
from orchestrator.wire.flow import Provider
from orchestrator.wire.http import Request
from orchestrator.wire.outcome import NotSent, Unanswered
from tests.model import PDF, Killed, Knife, Service, World, document, job_of
from tests.vendors import ComPdf, ConvertApi, FirstGeneration

VENDORS: list[tuple[str, type[Service]]] = [
    ("compdf", ComPdf),
    ("convertapi", ConvertApi),
    ("convertapi", FirstGeneration),
]
CASES = [(*each, mode) for each in VENDORS for mode in Mode]
IDS = [f"{vendor.__name__}-{mode}" for _, vendor, mode in CASES]
each_case = pytest.mark.parametrize(("name", "vendor", "mode"), CASES, ids=IDS)


def world_of(name: str, vendor: type[Service], mode: Mode) -> World:
    """One document, one account, an API, and nothing that happened yet."""
    clock = ManualClock()
    book = MemoryLedger([document("d", mode)], clock=clock)
    return World(book, vendor(), clock, provider=providers()[name])


def state_of(world: World) -> State:
    """How the document ended."""
    assert isinstance(world.book, MemoryLedger)
    return world.book.entries["d"].state


def check(world: World, provider: Provider, mode: Mode, *, lost: bool) -> None:
    """Paid once at most; done, or in doubt where that can be."""
    assert all(count == 1 for count in world.service.bill.values()), world.service.bill
    if state_of(world) is State.DONE:
        # What could not be deleted is tried once more at the next run.
        left = {progress.phase for _, progress, _ in world.book.open_jobs("a")}
        assert left <= {Phase.RELEASE}
        assert list(world.outputs.files.values()) == [PDF]
        return
    assert state_of(world) is State.IN_DOUBT
    assert lost
    # What has no name is in doubt; what has one, only before it was ever answered.
    once = provider.exactly_once if world.service.bill else ()
    assert mode not in once


@each_case
async def test_the_good_path(name: str, vendor: type[Service], mode: Mode) -> None:
    """Done, and paid once."""
    world = world_of(name, vendor, mode)
    await world.run(world.driver())
    assert state_of(world) is State.DONE
    assert sum(world.service.bill.values()) == 1
    if providers()[name].release:
        assert not world.service.jobs


@each_case
async def test_cut_after_every_effect(
    name: str, vendor: type[Service], mode: Mode
) -> None:
    """Each effect of the good path once."""
    for cut in range(1, 60):
        world = world_of(name, vendor, mode)
        try:
            await world.run(world.driver(Knife(cut)))
        except Killed:
            await world.run(world.driver())
        else:
            assert cut > 6
            return
        check(world, providers()[name], mode, lost=True)
    pytest.fail("it never ended")


def losing(world: World, place: int, how: str) -> Callable[[Request], Canned | Broken]:
    """Answers of the API, of which one is lost on its way, or its request is."""
    count = 0

    def answer(request: Request) -> Canned | Broken:
        nonlocal count
        count += 1
        if count != place:
            return world.service.answer(request)
        if how == "refused":
            return Broken(NotSent("refused", "refused"))
        if how.isdigit():
            return Canned(int(how))
        if how == "reply":
            world.service.answer(request)
        if how.startswith("after "):
            world.service.answer(request)
            return Canned(int(how[6:]), body=b"<html>gateway")
        return Broken(Unanswered("lost", "lost"))

    return answer


@each_case
@pytest.mark.parametrize(
    "how",
    ["refused", "request", "reply", "429", "503", "500", "after 500", "after 504"],
)
async def test_any_request_or_reply_may_be_lost(
    name: str, vendor: type[Service], mode: Mode, how: str
) -> None:
    """Nothing is paid twice, and a refusal leaves nothing in doubt."""
    for place in range(1, 9):
        world = world_of(name, vendor, mode)
        await world.run(world.driver(answer=losing(world, place, how)))
        # ComPDF documents no 503: it may be a gateway's, after the work.
        clean = {"refused", "429"} | ({"503"} if name != "compdf" else set())
        is_clean = how in clean
        check(world, providers()[name], mode, lost=not is_clean)


async def test_a_callback_finds_a_lost_task() -> None:
    """ComPDF repeats the callback in its list: with our id in it, nothing is lost."""
    world = world_of("compdf", ComPdf, Mode.ASYNC)
    driver = world.driver(answer=losing(world, 1, "reply"))
    made = job_of(document("d", Mode.ASYNC), created=world.clock.now())
    job = replace(made, callback="https://me/hook/secret")
    verdicts = await world.carry(driver, Work(job, Progress()))
    assert [each.state for each in verdicts] == [State.DONE]
    assert sum(world.service.bill.values()) == 1
