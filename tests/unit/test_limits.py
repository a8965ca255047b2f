"""Ceilings hold also for a moment, and nothing that was taken is kept for good."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings, strategies as st

from orchestrator.engine.limits import Gates, Weight
from orchestrator.testing import ManualClock
from orchestrator.wire.flow import Limits
from orchestrator.wire.http import Response


def gates(
    width: int, rate: float | None = None
) -> tuple[Gates, ManualClock, list[tuple[str, float, str]]]:
    """Gates, their clock, and what they say of themselves."""
    clock = ManualClock()
    said: list[tuple[str, float, str]] = []
    limits = Limits(width=width, rate=rate)
    return Gates(limits, clock, lambda *change: said.append(change)), clock, said


async def rounds(count: int = 10) -> None:
    """Let everybody run who can."""
    for _ in range(count):
        await asyncio.sleep(0)


Plan = list[tuple[int, int | None]]
plans = st.lists(
    st.tuples(st.integers(0, 4), st.none() | st.integers(0, 6)), max_size=40
)


async def crowd(gate: Gates, plan: Plan, most: int) -> None:
    """Many tasks hold a place for some rounds; some are cancelled on the way."""
    held = 0

    async def one(stay: int) -> None:
        nonlocal held
        async with gate.passage(0, is_large=False):
            held += 1
            try:
                assert held <= most
                assert gate.meter.busy <= most
                await rounds(stay)
            finally:
                held -= 1

    tasks = []
    for stay, cancel in plan:
        task = asyncio.create_task(one(stay))
        tasks.append(task)
        if cancel is not None:
            asyncio.get_running_loop().call_later(0, task.cancel)
            await rounds(cancel)
    async with asyncio.timeout(10):
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    strange = [each for each in ended if each is not None]
    assert all(isinstance(each, asyncio.CancelledError) for each in strange), strange
    assert gate.meter.busy == 0
    assert not gate._resting


@settings(max_examples=60, deadline=None)
@given(plan=plans, ceiling=st.integers(1, 5))
def test_width_is_a_ceiling_whoever_gives_up(plan: Plan, ceiling: int) -> None:
    """Cancelled before, while and after getting a place: every place comes back."""
    asyncio.run(crowd(gates(ceiling)[0], plan, ceiling))


async def test_a_place_passed_to_somebody_who_gave_up_is_passed_on() -> None:
    """Cancelled in the very moment in which the place comes free."""
    gate, _, _ = gates(1)
    held = await gate.enter("")
    first = asyncio.create_task(gate.enter(""))
    second = asyncio.create_task(gate.enter(""))
    await rounds()
    first.cancel()
    gate.leave(held)
    await rounds()
    assert first.cancelled()
    assert second.done()
    assert gate.meter.busy == 1


async def test_a_place_is_free_when_the_reply_is_read() -> None:
    """Whatever is still done with it."""
    gate, _, _ = gates(1)
    async with gate.passage(0, is_large=False) as wire:
        waits = asyncio.create_task(gate.enter(""))
        await rounds()
        assert not waits.done()
        wire.free()
        await rounds()
        assert waits.done()
    assert gate.meter.busy == 1


async def test_a_refusal_is_heard_of_once() -> None:
    """A volley of 429 is one signal, and says on what it is based."""
    gate, _, said = gates(4)
    places = [await gate.enter("") for _ in range(4)]
    for each in places:
        gate.heard(each, Response(429))
    assert [kind for kind, _, _ in said] == ["rate"]
    assert said[0][2] == "status 429, 4 on the wire"


async def test_errors_pause_the_growth() -> None:
    """Nothing more is tried for a while."""
    gate, clock, _ = gates(64)
    clock.skip(1)
    gate.had_trouble()
    places = [await gate.enter("") for _ in range(8)]
    waits = asyncio.create_task(gate.enter(""))
    await rounds()
    assert not waits.done()
    clock.skip(16)
    gate.heard(places[0], Response(200))
    gate.leave(places[0])
    await rounds()
    assert waits.done()


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
    """Also who had waited for the rate when it was asked for."""
    gate, clock, _ = gates(8, rate=50)
    sent: list[float] = []

    async def one() -> None:
        async with gate.passage(0, is_large=False):
            sent.append(clock.monotonic())

    gate.pause(30)
    tasks = [asyncio.create_task(one()) for _ in range(5)]
    await clock.advance(29)
    assert sent == []
    await clock.advance(2)
    await asyncio.gather(*tasks)
    assert sent[0] >= 30
    assert sent[-1] - sent[0] >= 0.078, "five at fifty a second take 80 ms"


async def test_a_pause_that_begins_while_one_waits_for_its_turn_holds() -> None:
    """The rate gate is not a way around a Retry-After."""
    gate, clock, _ = gates(2, rate=20)
    sent: list[float] = []

    async def one() -> None:
        async with gate.passage(0, is_large=False):
            sent.append(clock.monotonic())

    first, second = asyncio.create_task(one()), asyncio.create_task(one())
    await rounds()
    assert len(sent) == 1
    gate.pause(10)
    await clock.advance(9)
    assert len(sent) == 1
    await clock.advance(2)
    await asyncio.gather(first, second)
    assert sent[1] >= 10


async def test_lanes_do_not_wait_for_each_other() -> None:
    """A provider's rate for downloads holds no poll back."""
    clock = ManualClock()
    gate = Gates(Limits(width=4), clock, lambda *_: None, rates={"download": 0.1})
    await gate.enter("download")
    waits = asyncio.create_task(gate.enter("download"))
    await rounds()
    assert not waits.done()
    await gate.enter("")
    await clock.advance(11)
    assert waits.done()


async def test_large_uploads_have_their_own_ceiling() -> None:
    """And give everything back when they break."""
    clock = ManualClock()
    gate = Gates(
        Limits(width=8, uploads=2, bytes_in_flight=100), clock, lambda *_: None
    )
    inside = most = 0

    async def one() -> None:
        nonlocal inside, most
        async with gate.passage(40, is_large=True):
            inside += 1
            most = max(most, inside)
            await rounds(3)
            inside -= 1
            raise OSError

    tasks = [asyncio.create_task(one()) for _ in range(6)]
    await asyncio.wait(tasks)
    assert [type(each.exception()) for each in tasks] == [OSError] * 6
    assert most == 2
    assert (gate.meter.busy, gate.bytes.used) == (0, 0)
    assert not gate.uploads.locked()
