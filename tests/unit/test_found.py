"""Limits are found from what is refused: nearly all is used, and little is refused.

The services are played in virtual time (``tests/refusing.py``).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings, strategies as st

from orchestrator.engine.found.slate import Cells
from tests.refusing import (
    Bucket,
    Budget,
    Client,
    Service,
    Windows,
    World,
    steady,
    uneven,
)

BUDGETS: dict[str, Callable[[float], Budget]] = {
    "bucket": lambda rate: Bucket(rate, rate),
    "shallow": lambda rate: Bucket(rate, rate / 10),
    "deep": lambda rate: Bucket(rate, 10 * rate),
    "windows": Windows,
}


@pytest.mark.parametrize("seconds", [0.02, 0.2])
@pytest.mark.parametrize("rate", [30.0, 60.0])
@pytest.mark.parametrize("kind", sorted(BUDGETS))
def test_a_rate_is_found(kind: str, rate: float, seconds: float) -> None:
    """However the service counts, and however long it takes."""
    world = World(Service(BUDGETS[kind](rate), latency=uneven(seconds)))
    Client(world)
    world.run(80)
    used, refused = world.use(30, 80)
    # A bucket of few tokens refuses two that come together by chance, too.
    least = 0.85 if kind == "shallow" else 0.95
    assert used >= least * rate
    assert refused < 0.01


class Noise:
    """Refuses one in some, whatever is asked and how fast."""

    rate = math.inf

    def __init__(self, share: float) -> None:
        self._share = share
        self._luck = random.Random(3)

    def take(self, now: float) -> bool:  # a budget is asked so
        """Whether a request is taken."""
        return self._luck.random() >= self._share


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("share", [0.01, 0.03, 0.05])
def test_a_service_in_trouble_is_not_given_up(share: float, seed: int) -> None:
    """What is refused at any pace brings neither the pace down nor the width."""
    world = World(Service(Noise(share), latency=uneven(0.1)), seed)
    client = Client(world)
    world.run(50)
    used, refused = world.use(20, 50)
    assert used >= 0.8 * (1 - share) * 64 / 0.103
    assert refused < 2 * share
    assert client.meter.width.level > 50


def test_a_limit_that_halves_is_no_trouble() -> None:
    """However often it is refused until its pace is found, it is taken for a limit."""
    said: list[float] = []
    world = World(Service(Bucket(90, 90), latency=uneven(0.1)))
    Client(world, changed=lambda _, figure, __: said.append(figure))
    world.run(45)
    _change(world, 45)
    world.run(75)
    assert math.inf not in said
    assert sum(each >= 45 for each in world.refused) < 15


@pytest.mark.parametrize("latency", [steady(0.2), uneven(0.2)])
@pytest.mark.parametrize("room", [2, 4, 8, 24])
def test_a_width_is_found(room: int, latency: Callable[..., float]) -> None:
    """By trying one more, seldom."""
    world = World(Service(room=room, latency=latency))
    client = Client(world)
    world.run(60)
    used, refused = world.use(20, 60)
    assert used >= 0.95 * room / 0.203, "the wire takes 3 ms beside"
    assert refused < 0.015
    assert abs(client.meter.width.level - room) <= 1


@pytest.mark.parametrize(("room", "seconds"), [(8, 0.1), (8, 0.3), (16, 0.1)])
def test_both_are_found(room: int, seconds: float) -> None:
    """Whichever binds."""
    world = World(Service(Bucket(50, 50), room, uneven(seconds)))
    Client(world)
    world.run(90)
    used, refused = world.use(30, 90)
    assert used >= 0.95 * min(50, room / (seconds + 0.003))
    assert refused < 0.01


@pytest.mark.parametrize("kind", ["bucket", "windows"])
@pytest.mark.parametrize("rate", [40.0, 80.0])
def test_a_rate_that_changes_is_found_again(kind: str, rate: float) -> None:
    """Within half a minute, in both directions."""
    world = World(Service(BUDGETS[kind](rate), latency=uneven(0.1)))
    Client(world)
    world.run(60)
    _change(world, rate / 2)
    world.run(120)
    used, refused = world.use(90, 120)
    assert used >= 0.95 * rate / 2
    assert refused < 0.01
    _change(world, rate)
    world.run(180)
    used, _ = world.use(150, 180)
    assert used >= 0.95 * rate
    assert len(world.refused) < 0.01 * len(world.taken)


def _change(world: World, rate: float) -> None:
    budget = world.service.budget
    if isinstance(budget, Bucket):
        budget.take(world.now)
        budget.depth *= rate / budget.rate
    budget.rate = rate


@pytest.mark.parametrize("latency", [steady(0.2), uneven(0.2)])
@pytest.mark.parametrize("room", [8, 20])
def test_a_width_that_changes_is_found_again(
    room: int, latency: Callable[..., float]
) -> None:
    """Within half a minute, in both directions."""
    world = World(Service(room=room, latency=latency))
    Client(world)
    world.run(60)
    world.service.room = room // 2
    world.run(120)
    used, refused = world.use(90, 120)
    assert used >= 0.95 * room / 2 / 0.203
    assert refused < 0.01
    world.service.room = room
    world.run(180)
    used, _ = world.use(150, 180)
    assert used >= 0.95 * room / 0.203
    assert len(world.refused) < 0.01 * len(world.taken)


def test_a_wait_that_is_asked_for_is_kept() -> None:
    """A Retry-After costs its time, and not more than that."""
    world = World(Service(Bucket(50, 50), latency=uneven(0.1)))
    client = Client(world, retry_after=1.0)
    world.run(90)
    for each in world.refused:
        heard = each + world.service.trip / 2
        assert not any(heard < sent < heard + 0.99 for sent in client.sent)
    used, refused = world.use(30, 90)
    assert used >= 0.95 * 50
    assert refused < 0.01


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(2, 300),
    width=st.integers(1, 12),
    room=st.integers(1, 20),
    budget=st.floats(5, 400),
    seconds=st.floats(0.005, 0.5),
)
@example(rate=70.75, width=1, room=1, budget=68.0, seconds=0.005)
def test_what_was_declared_is_never_exceeded(
    rate: float, width: int, room: int, budget: float, seconds: float
) -> None:
    """Not in any second, not for a moment, whatever the service says."""
    world = World(Service(Bucket(budget, 3), room, uneven(seconds)))
    client = Client(world, rate=rate, width=width)
    world.run(8)
    assert client.most <= width
    sent, most = client.sent, max(1, int(rate))
    for first, last in zip(sent, sent[most:], strict=False):
        assert last - first >= min(1.0, most / rate) - 1e-9


def test_a_rate_that_was_declared_is_used() -> None:
    """Timers that are late by a millisecond do not add up."""
    world = World(Service(latency=steady(0.01)))
    client = Client(world, rate=400)
    world.run(10)
    assert len(client.sent) >= 0.98 * 400 * 10


class Shared:
    """One slate for several clients in one process."""

    def __init__(self, cells: Cells, mine: int, seats: list[int]) -> None:
        self.cells = cells
        self.mine = mine
        self._seats = seats
        seats.append(mine)

    def lock(self) -> bool:
        """Nobody comes between."""
        return True

    def unlock(self) -> None:
        """Nobody waits."""

    def taken(self, now: float) -> tuple[int, ...]:
        """Everybody who came."""
        return tuple(self._seats)


def test_two_that_share_are_as_one() -> None:
    """What is allowed is used, fairly, within the smaller of their ceilings."""
    cells = Cells()
    cells.begin(0.0)
    seats: list[int] = []
    world = World(Service(Bucket(100, 100), latency=uneven(0.05)))
    first = Client(world, slate=Shared(cells, 0, seats), width=32)
    world.run(20)
    second = Client(world, slate=Shared(cells, 1, seats), width=6, rate=80)
    world.run(100)
    assert second.most <= 6
    used, refused = world.use(40, 100)
    assert 0.95 * 80 <= used <= 80
    assert refused == 0
    late = [len([t for t in each.sent if t > 40]) for each in (first, second)]
    assert 0.5 < late[0] / late[1] < 2
    both = sorted(t for each in (first, second) for t in each.sent if t > 20)
    assert all(b - a >= 1.0 - 1e-9 for a, b in zip(both, both[80:], strict=False))


def test_places_are_dealt_fairly_and_never_twice() -> None:
    """One that came later gets its half, although no place was free."""
    cells = Cells()
    cells.begin(0.0)
    seats: list[int] = []
    world = World(Service(room=8, latency=uneven(0.1)))
    first = Client(world, slate=Shared(cells, 0, seats), width=8)
    world.run(10)
    second = Client(world, slate=Shared(cells, 1, seats), width=8)
    world.run(30)
    assert world.refused == []
    late = [len([t for t in each.sent if t > 12]) for each in (first, second)]
    assert 0.8 < late[0] / late[1] < 1.25
    assert sum(late) / 18 >= 0.9 * 8 / 0.103


def test_who_is_frozen_is_waited_for_and_then_left_behind() -> None:
    """Its requests count for ten seconds without a sign of life."""
    cells = Cells()
    cells.begin(0.0)
    seats: list[int] = []
    world = World(Service(latency=steady(0.1)))
    first = Client(world, slate=Shared(cells, 0, seats), width=4)
    world.run(5)
    world._events.clear()  # it is frozen with four on the wire
    second = Client(world, slate=Shared(cells, 1, seats), width=4)
    world.run(14)
    assert second.sent == []
    assert first.meter.busy == 4
    world.run(20)
    assert len(second.sent) > 100


def test_every_change_has_its_reason() -> None:
    """What was found, and what told so."""
    said: list[tuple[str, float, str]] = []
    world = World(Service(Bucket(50, 50), latency=uneven(0.05)))
    Client(world, changed=lambda *change: said.append(change))
    world.run(30)
    kinds = {kind for kind, _, _ in said}
    assert kinds == {"width", "rate"}
    assert all("status 429" in why or why == "went well" for _, _, why in said)
    assert len(said) < 100
