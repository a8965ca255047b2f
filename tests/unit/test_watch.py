"""Waiting costs nothing, and nobody sleeps through what concerns them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from orchestrator.engine.watch import Watch
from orchestrator.testing import ManualClock


@dataclass(frozen=True)
class Item:
    """Something with a name."""

    name: str


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def watch(clock: ManualClock) -> Watch[Item]:
    """An empty watch."""
    return Watch(clock)


def taken(watch: Watch[Item]) -> list[str]:
    """Everything that is due."""
    found = []
    while item := watch.take():
        found.append(item.name)
    return found


def test_due_in_order_of_time(watch: Watch[Item], clock: ManualClock) -> None:
    """Not in the order in which they were parked."""
    for name, seconds in (("c", 3.0), ("a", 1.0), ("b", 1.0)):
        watch.park(Item(name), seconds)
    assert taken(watch) == []
    clock.skip(1)
    assert taken(watch) == ["a", "b"]
    assert len(watch) == 1
    clock.skip(2)
    assert taken(watch) == ["c"]
    assert len(watch) == 0


def test_a_webhook_makes_due(watch: Watch[Item], clock: ManualClock) -> None:
    """Once, however often it comes; the stale place in the heap is nobody's."""
    watch.park(Item("a"), 10)
    watch.wake("a")
    watch.wake("a")
    assert taken(watch) == ["a"]
    watch.park(Item("a"), 100)
    clock.skip(10)
    assert taken(watch) == [], "the old time is not that of the new wait"
    clock.skip(90)
    assert taken(watch) == ["a"]


def test_an_early_webhook_is_remembered_once(watch: Watch[Item]) -> None:
    """The job is being carried: its next wait is none."""
    watch.wake("a", is_active=True)
    watch.park(Item("a"), 10)
    assert taken(watch) == ["a"]
    watch.park(Item("a"), 10)
    assert taken(watch) == []


def test_a_webhook_for_nobody_is_forgotten(watch: Watch[Item]) -> None:
    """Unknown names, and those of jobs that have ended, leave nothing behind."""
    watch.wake("a")
    watch.wake("b", is_active=True)
    watch.forget("b")
    for name in ("a", "b"):
        watch.park(Item(name), 10)
    assert taken(watch) == []
    assert not watch._early


async def rested(watch: Watch[Item]) -> asyncio.Task[None]:
    """Somebody who rests."""
    task = asyncio.create_task(watch.rest())
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_who_rests_wakes_when_something_is_due(
    watch: Watch[Item], clock: ManualClock
) -> None:
    """Also if what is due was parked later, and before what was due first."""
    watch.park(Item("late"), 50)
    first = await rested(watch)
    await clock.advance(1)
    assert not first.done()
    watch.park(Item("soon"), 5)
    await clock.advance(0)
    assert first.done(), "something stirred"
    second = await rested(watch)
    third = await rested(watch)
    await clock.advance(5)
    assert second.done()
    assert third.done()
    assert taken(watch) == ["soon"]
    watch.close()


async def test_who_rests_wakes_at_a_webhook(watch: Watch[Item]) -> None:
    """At once."""
    watch.park(Item("a"), 50)
    task = await rested(watch)
    watch.wake("a")
    await asyncio.wait_for(task, 1)
    await asyncio.wait_for(watch.rest(), 1)  # what is due lets nobody rest
    watch.close()


async def test_thousands_wait_behind_one_alarm(
    watch: Watch[Item], clock: ManualClock
) -> None:
    """A job that waits is an entry in a heap and no task."""
    for number in range(5000):
        watch.park(Item(str(number)), 1 + number)
    resting = [await rested(watch) for _ in range(4)]
    assert len(asyncio.all_tasks()) <= 6
    await clock.advance(1)
    assert taken(watch) == ["0"]
    for each in resting:
        each.cancel()
    watch.close()


def test_a_crowd_is_who_is_due_about_now(
    watch: Watch[Item], clock: ManualClock
) -> None:
    """None before the first is due; then its neighbours too, if they fit."""
    for name, seconds in (("a", 1.0), ("b", 2.0), ("c", 3.5), ("no", 1.0)):
        watch.park(Item(name), seconds)
    watch.park(Item("woken"), 1.0)
    watch.wake("woken")
    assert watch.crowd(9.0, lambda _: True) == []
    clock.skip(1)
    crowd = watch.crowd(2.0, lambda item: item.name != "no")
    assert sorted(each.work.name for each in crowd) == ["a", "b"]
    assert taken(watch) == ["woken", "a", "no"], "they stay where they are"


def test_who_is_put_off_waits_anew(watch: Watch[Item], clock: ManualClock) -> None:
    """The old time is nobody's; who has gone on is left alone."""
    watch.park(Item("a"), 0.0)
    watch.park(Item("b"), 0.0)
    a, b = sorted(watch.crowd(0.0, lambda _: True), key=lambda each: each.count)
    later = watch.put_off(a, 5.0)
    assert later is not a
    assert watch.put_off(a, 1.0) is a, "it has another place by now"
    assert taken(watch) == ["b"]
    assert watch.put_off(b, 1.0) is b
    watch.park(Item("b"), 9.0)
    assert watch.put_off(b, 1.0) is b, "it waits for something else by now"
    clock.skip(5)
    assert taken(watch) == ["a"]


class Line:
    """Who waits in it is due at a time that may change."""

    def __init__(self, head: float, others: float = 1e9) -> None:
        self.head = head
        self.others = others

    @property
    def line(self) -> Line:
        """Itself."""
        return self

    def due(self, *, is_head: bool = True) -> float:
        """When, as far as is known by now."""
        return self.head if is_head else self.others


def test_a_line_is_due_when_its_turn_says_so(
    watch: Watch[Item], clock: ManualClock
) -> None:
    """First in, first out, beside the heap; who was woken has left it."""
    line, other = Line(100.0), Line(200.0)
    for name in ("a", "woken", "b", "c"):
        watch.park(Item(name), 0.0, line)
    watch.park(Item("late"), 0.0, other)
    watch.park(Item("heap"), 5.0)
    watch.wake("woken")
    assert len(watch) == 6
    clock.skip(5)
    assert taken(watch) == ["woken", "heap"]
    line.head = 3.0
    assert taken(watch) == ["a", "b", "c"], "it learned meanwhile"
    other.head = 6.0
    assert taken(watch) == []
    clock.skip(1)
    assert taken(watch) == ["late"]
    assert not watch._lines


async def test_who_rests_wakes_when_the_head_of_a_line_is_due(
    watch: Watch[Item], clock: ManualClock
) -> None:
    """As for the heap."""
    watch.park(Item("a"), 0.0, Line(7.0))
    task = await rested(watch)
    await clock.advance(6)
    assert not task.done()
    await clock.advance(1)
    assert task.done()
    watch.close()


def test_only_the_head_of_a_line_is_in_a_crowd_if_nothing_is_known(
    watch: Watch[Item], clock: ManualClock
) -> None:
    """The others are not due, though they would be if they were the head."""
    unknown, known = Line(1.0), Line(1.0, 1.5)
    for name in ("a", "b"):
        watch.park(Item(name), 0.0, unknown)
    for name in ("c", "d"):
        watch.park(Item(name), 0.0, known)
    clock.skip(1)
    crowd = watch.crowd(2.0, lambda _: True)
    assert sorted(each.work.name for each in crowd) == ["a", "c", "d"]
    for each in crowd:
        watch.put_off(each, 50.0)
    assert taken(watch) == ["b"], "it is the head now"
