"""When to ask for jobs: about when they are likely to be done, as far as is known.

Theory of operation
-------------------
How long work takes is learned for each *kind* (mode, operation, formats, size). While
nothing is known of a kind, a few of its jobs are *scouts*: they are asked for whenever
a tenth of their time has passed, so each end is seen within a tenth. All others wait in
a line until the first scout is done, and cost nothing; should scouts take for ever, the
head of the line becomes one more whenever its time has doubled.

What was seen is kept as the last few times, and becomes a *plan*: the fewest ages to
ask at, such that each of those times would have been noticed within a tenth of itself.
That is the stabbing of intervals, for which greed is optimal; it asks once for times
that are all alike, and twice where there are two sorts of jobs. Where times are so
scattered that this takes more polls than ``log2(time / spacing) + 3``, a larger share
than a tenth is allowed until it does not. Who is older than the plan is asked for like
a scout. One job in thirty-two stays a scout, so that times that fall are noticed, too.

The line is first in, first out, and its times are computed when they are looked at: so
fifty thousand jobs that wait for the first word go by it as soon as it comes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.wire.flow import Pace

SHARE = 0.1
"""The part of its time by which the end of a job may be noticed late."""
WINDOW = 64
"""Times of a kind that are remembered."""
SCOUTS = 4
"""Jobs that are asked for often while nothing is known of their kind."""
EACH = 32
"""Each how-manieth job is a scout, too, whatever is known."""
MOST = 64
"""How many of those there are at a time."""
SPARE = 3
"""Polls of a job beyond those that a doubling of its age would take."""
_WIDER = 1.5
"""How the share grows until a plan is short enough."""


def plan(times: Sequence[float], spacing: float) -> list[float]:
    """The ages at which to ask for jobs that take about these times, in order.

    Args:
        times: What jobs took, in seconds; in any order.
        spacing: Seconds between two polls of one job, at least.
    """
    known, share = sorted(times), SHARE
    while True:
        polls = _stabbed(known, spacing, share)
        if share >= 1 or _is_short(polls, spacing):
            return [age for _, age in polls]
        share *= _WIDER


def _stabbed(
    known: Sequence[float], spacing: float, share: float
) -> list[tuple[float, float]]:
    """The first time that each poll serves, and the poll's age."""
    polls: list[tuple[float, float]] = []
    place, age = 0, 0.0
    while place < len(known):
        first = known[place]
        place = bisect_right(known, first + max(spacing, share * first), lo=place)
        age = max(known[place - 1], age + spacing)
        place = bisect_right(known, age, lo=place)
        polls.append((first, age))
    return polls


def _is_short(polls: Sequence[tuple[float, float]], spacing: float) -> bool:
    """Whether nobody is asked for more than ``log2(time / spacing) + 3`` times."""
    return all(
        count <= math.log2(max(first, spacing) / spacing) + SPARE
        for count, (first, _) in enumerate(polls, 1)
    )


class Kind:
    """What is known of one kind of work, and who finds out more."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._spacing = max(pace.first, pace.floor)
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._learned = 0
        self._begun = 0
        self._reached = -math.inf
        self._drawn: set[str] = set()
        self._recruits: set[str] = set()
        self.ages: list[float] = []

    def __repr__(self) -> str:
        ages = ", ".join(f"{each:.3g}" for each in self.ages)
        scouts = len(self._drawn) + len(self._recruits)
        return f"<Kind asks at [{ages}] s, {scouts} scouts>"

    def begin(self, name: str) -> float | None:
        """Seconds to the first poll of a job; ``None`` if it waits in a line."""
        self._begun += 1
        if self._begun % EACH or len(self._drawn) >= MOST:
            return None
        self._drawn.add(name)
        return max(self._spacing, self.ages[0] / 2 if self.ages else 0.0)

    def again(self, name: str, spell: Spell, luck: float) -> float | None:
        """Seconds to the next poll of a job that is not done yet.

        ``None`` if it waits in a line, for news of others.
        """
        age, gap = spell.age, self._pace.gap(spell.age, luck)
        if name in self._drawn or name in self._recruits:
            return gap
        place = bisect_right(self.ages, age + max(self._spacing, gap / 2))
        if place < len(self.ages) and spell.since <= self._reached:
            return self.ages[place] - age
        if age < self._frontier():
            return None
        self._recruits.add(name)
        return gap

    def left(self, name: str) -> None:
        """A job is asked for no more."""
        self._drawn.discard(name)
        self._recruits.discard(name)

    def due(self, spell: Spell, *, is_head: bool) -> float:
        """The age at which to ask for who waits in a line, as far as is known now.

        Where next to nothing is known, only its head is asked for.
        """
        age, frontier = spell.age, self._frontier() if is_head else math.inf
        if age <= 0:
            return self.ages[0] if self.ages else frontier
        gap = self._pace.gap(age)
        if spell.since > self._reached:
            # Nobody who came later is done.
            return max(age + gap, min(2 * age, frontier))
        place = bisect_right(self.ages, age)
        if place < len(self.ages):
            return max(age + max(self._spacing, gap / 2), self.ages[place])
        most = math.log2(max(1.0, age / self._spacing)) + SPARE
        return age + gap if spell.polls < most else max(age + gap, 2 * age)

    def _frontier(self) -> float:
        """The age from which one more scout is worth its polls."""
        more = max(0, len(self._recruits) - SCOUTS + 1)
        return self._spacing * 2.0 ** min(more, 60)

    def learn(
        self, spell: Spell, high: float, luck: float, *, is_told: bool = False
    ) -> None:
        """A job was seen to be done at the age of ``high`` seconds.

        ``is_told`` says that it was asked for as soon as it was done. Where its time is
        not known any better, one of the times that are known stands for it: so those
        that are seen at once do not count for more than others.
        """
        low = spell.age
        self._reached = max(self._reached, spell.since)
        if is_told or len(self._times) < SCOUTS:
            time = high
        elif high - low <= 2 * max(self._spacing, SHARE * high):
            time = (low + high) / 2
        else:
            likely = [each for each in self._times if low < each <= high]
            time = likely[int(luck * len(likely))] if likely else high
        self._times.append(time)
        self._learned += 1
        if self._learned < WINDOW or self._learned % 8 == 0:
            self.ages = plan(self._times, self._spacing)


@dataclass(slots=True)
class Spell:
    """One wait for a provider's work, by the monotonic clock.

    It began at ``since``; at ``asked``, the job was last said not to be done, after
    so many ``polls``.
    """

    kind: Kind
    since: float
    asked: float
    polls: int = 0

    @property
    def age(self) -> float:
        """How old the wait was when the job was last said not to be done."""
        return self.asked - self.since

    @property
    def line(self) -> tuple[Kind, bool]:
        """Who waits in the same line: who was asked for before has one of their own."""
        return self.kind, self.polls > 0

    def due(self, *, is_head: bool = True) -> float:
        """When to ask, as far as is known by now; ``is_head`` of the line."""
        return self.since + self.kind.due(self, is_head=is_head)
