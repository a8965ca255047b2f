"""When jobs are asked for: seldom, soon after their end, and never too often."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given, strategies as st

from orchestrator.engine.kinds import SHARE, plan
from orchestrator.wire.flow import Pace
from tests.waits import Job, asked_for

COUNT = 1000
SLOW = Pace(first=3.0, floor=3.0)
FAST = Pace(first=0.1)
LUCK = random.Random(3)

Times = Callable[[int], float]
ALIKE: dict[str, Times] = {
    "all alike": lambda _: 60.0,
    "about alike": lambda _: 60 * LUCK.gauss(1, 0.03),
    "two sorts": lambda n: 60.0 if n % 2 else 5.0,
    "slower and slower": lambda n: 60 + 60 * n / COUNT,
    "faster and faster": lambda n: 120 - 60 * n / COUNT,
    "suddenly slower": lambda n: 10.0 if n < COUNT / 2 else 100.0,
    "suddenly faster": lambda n: 100.0 if n < COUNT / 2 else 10.0,
    "some are stuck": lambda n: 5000.0 if n % 50 == 7 else 60.0,
}
SCATTERED: dict[str, Times] = {
    "scattered": lambda _: 60 * math.exp(LUCK.gauss(0, 0.3)),
}


def in_turn(rate: float, each: float) -> list[float]:
    """What jobs take that are done one after the other."""
    end, times = 0.0, []
    for n in range(COUNT):
        end = max(end, n / rate) + each
        times.append(end - n / rate)
    return times


def polls(jobs: Sequence[Job]) -> float:
    """Of a job, on average."""
    return mean(len(each.asked) for each in jobs)


def in_time(jobs: Sequence[Job], spacing: float) -> float:
    """The part of the jobs whose end was known within a tenth, or the spacing."""
    known = [each.late <= max(spacing, SHARE * each.takes) + 1e-9 for each in jobs]
    return sum(known) / len(jobs)


@pytest.mark.parametrize("rate", [1e6, 20.0], ids=["at once", "steadily"])
@pytest.mark.parametrize("pace", [SLOW, FAST], ids=["3 s", "0.1 s"])
@pytest.mark.parametrize("name", [*ALIKE, *SCATTERED])
def test_few_polls_and_most_ends_are_known_soon(
    name: str, pace: Pace, rate: float
) -> None:
    """Whatever the jobs take, and though nothing is known when they begin."""
    times = [(ALIKE | SCATTERED)[name](n) for n in range(COUNT)]
    jobs = asked_for(times, rate=rate, pace=pace)
    assert polls(jobs) <= mean(each.most(pace.first) for each in jobs)
    assert in_time(jobs, pace.first) >= (0.6 if name in ALIKE else 0.5)


@pytest.mark.parametrize("pace", [SLOW, FAST], ids=["3 s", "0.1 s"])
def test_jobs_that_take_the_same_are_asked_for_once(pace: Pace) -> None:
    """But for a few who find it out; and all ends are known in time."""
    jobs = asked_for([60.0] * 5000, rate=1000.0, pace=pace)
    assert polls(jobs) < 2.5
    assert in_time(jobs, pace.first) == 1


@pytest.mark.parametrize("rate", [1e6, 200.0], ids=["at once", "steadily"])
def test_who_is_done_in_turn_is_asked_for_in_turn(rate: float) -> None:
    """Times grow with the queue; nobody asks for who is far behind."""
    jobs = asked_for(in_turn(rate, 0.05), rate=rate, pace=FAST)
    assert polls(jobs) <= mean(each.most(0.1) for each in jobs)


@given(
    st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60),
    st.sampled_from([1e6, 50.0, 0.5]),
    st.sampled_from([SLOW, FAST]),
)
def test_nobody_is_forgotten_or_asked_for_too_soon(
    times: list[float], rate: float, pace: Pace
) -> None:
    """The vendor's least distance holds; the worst delay is that of doubling."""
    jobs = asked_for(times, rate=rate, pace=pace)
    for each in jobs:
        asked = [each.start, *each.asked]
        gaps = [b - a for a, b in pairwise(asked)]
        assert min(gaps) >= pace.first - 1e-6
        assert asked[-1] - each.start <= 2.5 * max(times) + 4 * pace.first


@given(
    st.lists(st.floats(0.001, 1e5), min_size=1, max_size=64),
    st.floats(0.05, 10.0),
)
def test_a_plan_serves_every_time_with_few_polls(
    times: list[float], spacing: float
) -> None:
    """Each is followed by a poll; those before it are no more than its share."""
    ages = plan(times, spacing)
    gaps = [b - a for a, b in pairwise([0.0, *ages])]
    assert min(gaps) >= spacing - 1e-6
    assert ages[-1] >= max(times)
    for each in times:
        count = 1 + sum(age < each for age in ages)
        assert count <= math.log2(max(each, spacing) / spacing) + 3 + 1e-9


def test_times_within_a_tenth_are_served_by_one_poll() -> None:
    """At the last of them, so that none of them needs another."""
    assert plan([60.0, 65.0, 61.0], 3.0) == [65.0]
    assert plan([2.0, 60.0, 65.0], 1.0) == [2.0, 65.0]
    assert plan([60.0, 67.0], 3.0) == [60.0, 67.0]
    assert plan([0.01], 3.0) == [3.0]
    assert plan([], 3.0) == []
