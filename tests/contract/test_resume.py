"""Cut after any effect, in any mode, over any ledger: the next run finishes, once paid.

An effect is what outlives a process: a request that arrived, a bill, a write of the
ledger, a file. The model of the service bills a repeated submit again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.model import Document, Mode, State
from orchestrator.testing import Broken, Canned, ManualClock, MemoryLedger
from orchestrator.wire.http import Request
from orchestrator.wire.outcome import NotSent, Unanswered
from tests.model import PDF, Killed, Knife, Service, World, document, problem


def stage(path: Path, documents: list[Document]) -> None:
    """Write documents into a ledger file."""
    with Stage(path) as staged:
        for each in documents:
            staged.add(each)
        staged.compare()
        staged.merge()


def check(world: World, documents: list[Document]) -> None:
    """Everything is there, and paid once."""
    assert all(count == 1 for count in world.service.bill.values()), world.service.bill
    assert len(world.service.bill) == len(documents)
    assert world.outputs.files == {each.output: PDF for each in documents}
    assert not world.outputs.parts
    assert world.book.open_jobs("a") == []
    assert not world.book.open_documents("a", large=False, after=None, limit=9)


@pytest.mark.parametrize("mode", Mode)
async def test_cut_after_every_effect_in_memory(mode: Mode) -> None:
    """Each effect of the good path once: 1 bill, done."""
    cut = 0
    while True:
        cut += 1
        wanted = [document("d", mode)]
        clock = ManualClock()
        world = World(MemoryLedger(wanted, clock=clock), clock=clock)
        knife = Knife(cut)
        try:
            await world.run(world.driver(knife))
        except Killed:
            await world.run(world.driver())
        else:
            break
        check(world, wanted)
    assert cut > 6


@pytest.mark.parametrize("mode", Mode)
async def test_cut_twice(mode: Mode) -> None:
    """The run that goes on is cut as well, after each of its own effects."""
    for first in range(1, 40):
        for second in range(1, 40):
            wanted = [document("d", mode)]
            clock = ManualClock()
            world = World(MemoryLedger(wanted, clock=clock), clock=clock)
            runs = 0
            for cut in (first, second, 0):
                runs += 1
                try:
                    await world.run(world.driver(Knife(cut)))
                except Killed:
                    continue
                break
            check(world, wanted)
            if runs < 3:
                break
        if runs == 1:
            return
    pytest.fail("it never ended")


@pytest.mark.parametrize("mode", Mode)
async def test_cut_after_every_effect_on_disk(mode: Mode, tmp_path: Path) -> None:
    """The same over a ledger file that is opened anew after each cut."""
    cut = 0
    is_whole = False
    while not is_whole:
        cut += 1
        wanted = [document("d", mode)]
        path = tmp_path / f"{cut}.sqlite"
        stage(path, wanted)
        clock = ManualClock()
        async with Store(path, clock) as store:
            world = World(store, clock=clock)
            try:
                await world.run(world.driver(Knife(cut)))
                is_whole = True
            except Killed:
                pass
        async with Store(path, clock) as store:
            world.book = store
            await world.run(world.driver())
        async with Store(path, clock) as store:
            world.book = store
            check(world, wanted)


def losing(world: World, place: int, how: str) -> Callable[[Request], Canned | Broken]:
    """Answers of the service, of which one is lost on its way, or its request is."""
    count = 0

    def answer(request: Request) -> Canned | Broken:
        nonlocal count
        count += 1
        if count != place:
            return world.service.answer(request)
        if how == "refused":
            return Broken(NotSent("refused", "refused"))
        canned = Canned(0) if how == "request" else world.service.answer(request)
        if how == "body" and canned.file:
            cut = Unanswered("cut", "cut")
            return Canned(canned.status, canned.headers, file=canned.file[:1], cut=cut)
        return Broken(Unanswered("lost", "lost"))

    return answer


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("how", ["refused", "request", "reply", "body"])
async def test_any_request_or_reply_may_be_lost(mode: Mode, how: str) -> None:
    """One run goes on by itself: nothing is in doubt, nothing is paid twice."""
    for place in range(1, 9):
        wanted = [document("d", mode)]
        clock = ManualClock()
        world = World(MemoryLedger(wanted, clock=clock), clock=clock)
        driver = world.driver(answer=losing(world, place, how))
        verdicts = await world.run(driver)
        assert [each.state for each in verdicts] == [State.DONE]
        await world.run(world.driver())  # a DELETE that was lost
        check(world, wanted)


@pytest.mark.parametrize("mode", Mode)
async def test_requests_that_never_arrive_end(mode: Mode) -> None:
    """A document whose every submit is lost fails in the end, unbilled."""
    clock = ManualClock()
    book = MemoryLedger([document("d", mode)], clock=clock)
    world = World(book, clock=clock)

    def answer(request: Request) -> Canned | Broken:
        is_paid = request.repeat.may_cost
        return (
            Broken(Unanswered("lost", "lost"))
            if is_paid
            else world.service.answer(request)
        )

    verdicts = await world.run(world.driver(answer=answer))
    assert [each.state for each in verdicts] == [State.FAILED]
    assert not world.service.bill


class Failing(Service):
    """Bills a job, and fails at it."""

    def answer(self, request: Request) -> Canned:
        """Answer as the service would."""
        id_ = request.url.rsplit("/", 1)[-1]
        if request.method == "PUT":
            self._accept(id_)
            return problem(422, "render_failed")
        if id_ in self.jobs:
            job = {"id": id_, "state": "failed"}
            error = {"code": "render_failed", "message": "no", "retry": False}
            return Canned(200, body=json.dumps(job | {"error": error}).encode())
        return super().answer(request)


async def test_work_that_failed_is_not_begun_again() -> None:
    """It was billed: cut between its refusal and the verdict, it is only looked up."""
    cut = 0
    while True:
        cut += 1
        wanted = [document("d", Mode.SYNC)]
        clock = ManualClock()
        world = World(MemoryLedger(wanted, clock=clock), Failing(), clock=clock)
        try:
            await world.run(world.driver(Knife(cut)))
        except Killed:
            await world.run(world.driver())
        else:
            break
        assert list(world.service.bill.values()) == [1], cut
        assert isinstance(world.book, MemoryLedger)
        assert world.book.entries["d"].state is State.FAILED
    assert cut > 4
