"""Ceilings hold also for a moment, and nothing that was taken is kept for good."""

from __future__ import annotations

import asyncio
import time

from hypothesis import given, settings, strategies as st

from orchestrator.engine.limits import Gates, Weight, Width
from orchestrator.testing import ManualClock
from orchestrator.wire.flow import Limits


def width(ceiling: int) -> tuple[Width, ManualClock, list[tuple[int, str]]]:
    """A width, its clock, and what it says of itself."""
    clock = ManualClock()
    said: list[tuple[int, str]] = []
    return Width(ceiling, clock, lambda *change: said.append(change)), clock, said


async def rounds(count: int = 10) -> None:
    """Let everybody run who can."""
    for _ in range(count):
        await asyncio.sleep(0)


Plan = list[tuple[int, int | None]]
plans = st.lists(
    st.tuples(st.integers(0, 4), st.none() | st.integers(0, 6)), max_size=40
)


async def crowd(gate: object, plan: Plan, most: int) -> None:
    """Many tasks hold a width for some rounds; some are cancelled on the way."""
    assert isinstance(gate, Width)
    held = 0

    async def one(stay: int) -> None:
        nonlocal held
        await gate.acquire()
        try:
            held += 1
            assert held <= most
            assert gate.busy <= most
            await rounds(stay)
        finally:
            held -= 1
            gate.release()

    tasks = []
    for stay, cancel in plan:
        task = asyncio.create_task(one(stay))
        tasks.append(task)
        if cancel is not None:
            asyncio.get_running_loop().call_later(0, task.cancel)
            await rounds(cancel)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    strange = [each for each in ended if each is not None]
    assert all(isinstance(each, asyncio.CancelledError) for each in strange), strange
    assert gate.busy == 0
    assert not gate._waiting


@settings(max_examples=60, deadline=None)
@given(plan=plans, ceiling=st.integers(1, 5))
def test_width_is_a_ceiling_whoever_gives_up(plan: Plan, ceiling: int) -> None:
    """Cancelled before, while and after getting a place: every place comes back."""
    asyncio.run(crowd(width(ceiling)[0], plan, ceiling))


async def test_a_place_passed_to_somebody_who_gave_up_is_passed_on() -> None:
    """Cancelled in the very moment in which the place comes free."""
    gate, _, _ = width(1)
    await gate.acquire()
    first = asyncio.create_task(gate.acquire())
    second = asyncio.create_task(gate.acquire())
    await rounds()
    first.cancel()
    gate.release()
    await rounds()
    assert first.cancelled()
    assert second.done()
    assert gate.busy == 1
    third = asyncio.create_task(gate.acquire())
    await rounds()
    gate.release()
    third.cancel()
    await rounds()
    assert gate.busy == 0


async def test_refusals_shrink_once_in_fifteen_seconds() -> None:
    """A volley of 429 is one signal."""
    gate, clock, said = width(10)
    for _ in range(10):
        gate.was_refused("status 429")
    assert said == [(8, "status 429")]
    clock.skip(14.9)
    gate.was_refused("status 429")
    assert len(said) == 1
    clock.skip(0.2)
    gate.was_refused("status 503")
    assert said == [(8, "status 429"), (6, "status 503")]
    for _ in range(40):
        clock.skip(20)
        gate.was_refused("status 429")
    assert int(gate.limit) == 1


async def test_it_grows_only_when_full_and_calm() -> None:
    """And never above its ceiling."""
    gate, clock, said = width(4)
    gate.was_refused("status 429")
    assert int(gate.limit) == 3
    clock.skip(16)
    gate.went_well()
    assert gate.limit < 3.3, "nobody was held back"
    for _ in range(3):
        await gate.acquire()
    gate.had_trouble()
    gate.went_well()
    assert len(said) == 1, "an error pauses the growth"
    clock.skip(16)
    waits = asyncio.create_task(gate.acquire())
    await rounds()
    for _ in range(20):
        gate.went_well()
    await rounds()
    assert waits.done()
    assert gate.limit == 4
    assert said[-1] == (4, "went well")


@settings(max_examples=60, deadline=None)
@given(
    loads=st.lists(
        st.tuples(st.integers(1, 150), st.none() | st.integers(0, 4)), max_size=30
    )
)
def test_weight_is_a_ceiling(loads: list[tuple[int, int | None]]) -> None:
    """Never more bytes than allowed; what is too large goes alone."""

    async def main() -> None:
        gate = Weight(100)
        held = 0

        async def one(load: int) -> None:
            nonlocal held
            async with gate.carry(load):
                share = min(load, 100)
                held += share
                try:
                    assert held <= 100
                    await rounds(2)
                finally:
                    held -= share

        tasks = []
        for load, cancel in loads:
            tasks.append(asyncio.create_task(one(load)))
            if cancel is not None:
                await rounds(cancel)
                tasks[-1].cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        strange = [each for each in ended if each is not None]
        assert all(isinstance(each, asyncio.CancelledError) for each in strange)
        assert gate.used == 0
        assert not gate._waiting

    asyncio.run(main())


async def test_weight_comes_back_from_whoever_gives_up() -> None:
    """Waiting, admitted a moment ago, or inside."""
    gate = Weight(100)

    async def hold(load: int) -> None:
        async with gate.carry(load):
            await asyncio.get_running_loop().create_future()

    inside = asyncio.create_task(hold(60))
    waiting = [asyncio.create_task(hold(load)) for load in (50, 70, 30)]
    await rounds()
    assert gate.used == 60
    waiting[0].cancel()
    inside.cancel()
    await rounds()
    assert gate.used == 100, "70 and 30 are in"
    for each in waiting:
        each.cancel()
    await rounds()
    assert gate.used == 0
    assert not gate._waiting


async def test_a_pause_holds_everybody_and_ends_without_a_burst() -> None:
    """Also who had passed the rate gate when it was asked for."""
    clock = ManualClock()
    gates = Gates(Limits(width=8, rate=50), clock, lambda *_: None)
    sent: list[tuple[float, float]] = []

    async def one() -> None:
        async with gates.passage(0, is_large=False):
            sent.append((clock.monotonic(), time.monotonic()))

    gates.pause(30)
    tasks = [asyncio.create_task(one()) for _ in range(5)]
    await clock.advance(29)
    assert sent == []
    await clock.advance(2)
    await asyncio.gather(*tasks)
    assert all(virtual >= 30 for virtual, _ in sent)
    span = sent[-1][1] - sent[0][1]
    assert span > 0.05, "five at fifty a second take 80 ms also after a pause"


async def test_a_pause_that_begins_while_one_waits_for_its_turn_holds() -> None:
    """The rate gate is not a way around a Retry-After."""
    clock = ManualClock()
    gates = Gates(Limits(width=2, rate=20), clock, lambda *_: None)
    sent: list[float] = []

    async def one() -> None:
        async with gates.passage(0, is_large=False):
            sent.append(clock.monotonic())

    first, second = asyncio.create_task(one()), asyncio.create_task(one())
    await rounds()
    assert len(sent) == 1
    gates.pause(10)
    await asyncio.sleep(0.12)
    assert len(sent) == 1
    await clock.advance(11)
    await asyncio.gather(first, second)
    assert sent[1] >= 10


async def test_large_uploads_have_their_own_ceiling() -> None:
    """And give everything back when they break."""
    clock = ManualClock()
    gates = Gates(
        Limits(width=8, uploads=2, bytes_in_flight=100), clock, lambda *_: None
    )
    inside = most = 0

    async def one() -> None:
        nonlocal inside, most
        async with gates.passage(40, is_large=True):
            inside += 1
            most = max(most, inside)
            await rounds(3)
            inside -= 1
            raise OSError

    tasks = [asyncio.create_task(one()) for _ in range(6)]
    await asyncio.wait(tasks)
    assert [type(each.exception()) for each in tasks] == [OSError] * 6
    assert most == 2
    assert (gates.width.busy, gates.bytes.used) == (0, 0)
    assert not gates.uploads.locked()
