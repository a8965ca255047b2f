"""Decides when the next request of an account may leave; no I/O, time is passed in.

What was declared and what was found hold together, and for all processes that share the
slate: each question is answered, and its answer noted, with the slate locked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.engine.found.rate import LATE
from orchestrator.engine.found.slate import LANES, Seat, Slate
from orchestrator.engine.found.width import EASE

Changed = Callable[[str, float, str], None]
"""Told of a limit that was found: ``width`` or ``rate``, the figure, and why."""
WELL = "went well"
"""Why a limit was raised: nothing was refused for a while."""

CALM = 15.0
"""Seconds without growth after an answer that is an error."""
POLL = 0.005
"""Seconds between two looks for a place that another process may give back."""
HUNGRY = 0.1
"""Seconds for which a process that found no place is waited for."""
STALE = 10.0
"""Seconds without a beat after which what a process had on the wire is over."""
BLOCKED = 0.001
"""Seconds until a slate is tried again that somebody else holds."""
PATIENCE = 0.2
"""Seconds after which whoever holds a slate is frozen: it is used without the lock."""


@dataclass(slots=True)
class Place:
    """A request on the wire: its lane, as the how-manieth it left, and when.

    ``is_close`` is whether it left right after another one.
    ``outcome`` is whether the service took it, as soon as that is known.
    """

    lane: int
    level: int
    sent: float
    is_close: bool = False
    outcome: bool | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Ask again after so many seconds; sooner if a place is given back, if ``full``."""

    seconds: float
    full: bool = False


def spacing(rate: float) -> float:
    """Seconds between requests, so that no second ever has more than ``rate``.

    A request may leave ``LATE`` early where the one before it was late by as much, so
    they are apart a little more than ``1 / rate``.
    """
    return (1 + 4 * LATE) / rate


class Meter:
    """All limits of one account, declared and found."""

    def __init__(
        self,
        slate: Slate,
        *,
        width: int,
        rate: float | None,
        rates: Mapping[str, float],
        changed: Changed,
        now: float,
    ) -> None:
        self._slate = slate
        self._changed = changed
        self._cells = slate.cells
        self._head = self._cells.head
        self.width = self._cells.width
        self.rates = list(self._cells.lanes)
        # The plain lane first; those that there is no room for share the last.
        names = ["", *sorted(set(rates) - {""})]
        self._lanes = {name: min(n, LANES - 1) for n, name in enumerate(names)}
        self._spacing = [0.0] * LANES
        for name, each in rates.items():
            lane = self._lanes[name]
            self._spacing[lane] = max(self._spacing[lane], spacing(each))
        self._others: list[Seat] = []
        self._taken: Sequence[int] = ()
        self._blocked = math.inf
        self._mine = self._cells.seats[slate.mine]
        self._mine.busy = self._mine.hungry = 0.0
        self._mine.width, self._mine.rate = max(1, width), rate or 0.0
        self._mine.beat = now
        self._locked(now)
        self._unlock()

    @property
    def busy(self) -> int:
        """Our requests on the wire."""
        return int(self._mine.busy)

    @property
    def most(self) -> int:
        """How many may be on the wire, of all who share the account."""
        return min(int(self._head.width), int(self.width.level))

    def ask(self, lane: str, now: float) -> Place | Later:
        """Let a request leave now, or say when to ask again."""
        if not self._locked(now):
            return Later(BLOCKED)
        try:
            number = self._lanes.get(lane, 0)
            wait = self._due(number) - now
            wait = max(wait, self.rates[number].wait(now), self.width.eased(now))
            if wait > 0:
                return Later(wait)
            return self._seated(number, now)
        finally:
            self._unlock()

    def give(self, place: Place, now: float) -> None:
        """A request is no longer on the wire."""
        self._locked(now)
        told = 0
        try:
            self._mine.busy = max(0.0, self._mine.busy - 1)
            if place.outcome and self.width.took(place.level, place.sent):
                told = min(int(self._head.width), int(self.width.level))
                if told <= self._head.noted:
                    told = 0
        finally:
            self._unlock()
        if told:
            self._head.noted = told
            self._changed("width", told, WELL)

    def refused(self, place: Place, now: float, why: str) -> None:
        """The service does not take a request now: was it the rate, or the width?"""
        place.outcome = False
        self._locked(now)
        try:
            is_news = place.sent > self._head.verdict
            self.rates[place.lane].notes_refusal(is_news=is_news)
            self.width.notes_refusal()
            if not is_news:
                return
            told = self._judge(place, now)
        finally:
            self._unlock()
        if told:
            kind, figure = told
            self._changed(kind, figure, f"{why}, {place.level} on the wire")

    def pause(self, until: float, now: float) -> None:
        """Nothing leaves before ``until``."""
        self._locked(now)
        self._head.paused = max(self._head.paused, until)
        self.width.ease = self._head.paused + EASE
        self._unlock()

    def had_trouble(self, now: float) -> None:
        """The service answers with errors: nothing grows for a while."""
        self._locked(now)
        self.width.calm = now + CALM
        for each in self.rates:
            each.calm = now + CALM
        self._unlock()

    def beat(self, now: float) -> None:
        """We still run, and our requests are still on the wire."""
        self._mine.beat = now

    def leave(self) -> None:
        """Give the seat back."""
        self._mine.busy = self._mine.hungry = 0.0
        self._mine.width = self._mine.rate = 0.0

    # With the slate locked...

    def _locked(self, now: float) -> bool:
        """Lock the slate, and look who is there; a frozen holder is not waited for."""
        if self._slate.lock():
            self._blocked = math.inf
        else:
            self._blocked = min(self._blocked, now)
            if now - self._blocked < PATIENCE:
                return False
        self._mine.beat = now
        seats = self._slate.taken(now)
        if seats != self._taken:
            self._count(seats)
        return True

    def _unlock(self) -> None:
        self._slate.unlock()

    def _count(self, seats: Sequence[int]) -> None:
        self._taken = seats
        seated = [self._cells.seats[n] for n in seats]
        self._others = [self._cells.seats[n] for n in seats if n != self._slate.mine]
        widths = [each.width for each in seated if each.width]
        rates = [each.rate for each in seated if each.rate]
        self._head.width = min(widths, default=1.0)
        self._head.rate = min(rates, default=0.0)

    def _due(self, lane: int) -> float:
        due = self._head.paused
        if self._head.rate:
            due = max(due, self._head.next - LATE)
        if self._spacing[lane]:
            due = max(due, self.rates[lane].due - LATE)
        return due

    def _seated(self, lane: int, now: float) -> Place | Later:
        busy = self._busy(now)
        most = self.width.most(now, int(self._head.width))
        if busy >= most or self._gives_way(now):
            self._mine.hungry = now
            return Later(self._look(now), full=True)
        self._mine.hungry = 0.0
        self._mine.busy += 1
        self._head.served = self._slate.mine
        level, is_close = busy + 1, self.width.is_close(now)
        self.width.leaves(level, now)
        self._space(lane, now)
        return Place(lane, level, now, is_close)

    def _space(self, lane: int, now: float) -> None:
        rate = self.rates[lane]
        rate.leaves(now)
        if self._head.rate:
            head = self._head
            head.next = max(now - LATE, head.next) + spacing(head.rate)
        if self._spacing[lane]:
            rate.due = max(now - LATE, rate.due) + self._spacing[lane]
        if rate.pace and rate.has_grown():
            self._changed("rate", rate.pace, WELL)

    def _busy(self, now: float) -> int:
        busy = self._mine.busy
        for each in self._others:
            if now - each.beat < STALE:
                busy += each.busy
        return int(busy)

    def _gives_way(self, now: float) -> bool:
        """Whether somebody waits who has less than we, or was served longer ago."""
        if not self._others:
            return False
        mine, was_served = self._mine, self._head.served == self._slate.mine
        return any(
            now - each.hungry < HUNGRY
            and (each.busy < mine.busy or (each.busy == mine.busy and was_served))
            for each in self._others
        )

    def _look(self, now: float) -> float:
        """When a look is worth it although nobody gave a place back."""
        if self._others:
            return POLL
        wakes = self.width.wakes(now, self._head.width)
        return math.inf if wakes is None else wakes - now

    def _judge(self, place: Place, now: float) -> tuple[str, float] | None:
        width, rate = self.width, self.rates[place.lane]
        # Two that left together were a burst: a rate may refuse that.
        is_burst = place.is_close and place.level <= width.level and not rate.pace
        is_known = is_burst or rate.is_again()
        if not is_known and width.is_blamed(place.level, is_paced=rate.pace > 0):
            self._head.verdict = now
            width.refused(place.level, now)
            rate.undo(now)
            self._head.noted = width.level
            return "width", int(width.level)
        width.spared(place.level, now)
        if not rate.is_suspect(now):
            return None
        self._head.verdict = now
        if not rate.refused(place.sent, now):
            return None
        width.turn()
        # Infinite where it was given up: refusals come at any pace.
        return "rate", rate.pace or math.inf
