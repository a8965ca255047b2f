"""How many requests a service takes at once; see the theory in ``__init__.py``."""

from __future__ import annotations

from ctypes import Array, Structure, c_double

from orchestrator.engine.found.cells import cells, clear

START = 8
"""Levels that are tried at once: what providers declare when nobody says."""
PROBE = 20.0
"""Seconds between two tries of the level above one that was refused."""
TAKEN = 1.0
"""A refusal comes soon: what is on the wire for so many seconds was taken."""
EASE = 1.0
"""Seconds for which requests are kept apart after a pause."""
LEVELS = 64
"""Levels at which what is taken is counted; those above count as the highest."""
RUN, FEW = 3, 2
"""So many refusals with so few requests between them are a limit's. One now and then,
among many that are taken, is not: fewer at once would be refused as well."""
ENOUGH = 6.0
"""Requests that have to be taken at a level before a refusal at it is the rate's."""
KEPT = 8.0
"""Requests beyond which more of them say no more."""
UNDO = 2.0
"""Seconds within which a verdict may turn out to have been the wrong one."""


@cells(counts=LEVELS + 1)
class Width(Structure):
    """The level that is known to be taken, and what may be tried above it."""

    level: float
    """How many at once are known to be taken."""
    is_settled: float
    """Whether the level above was refused."""
    probe: float
    """When the level above may be tried again."""
    cut: float
    """When the level was last lowered."""
    run: float
    """Refusals that came one after the other, ..."""
    after: float
    """...and requests that left since the last one."""
    step: float
    """By how much it is lowered next."""
    bar: float
    """The level that was refused last."""
    top: float
    """The highest level that was tried since the last refusal, ..."""
    top_since: float
    """...and since when it is on the wire."""
    old_level: float
    """The level before it was lowered, ..."""
    was_settled: float
    """...and whether it was settled then."""
    calm: float
    """Until then nothing new is tried: the service answers with errors."""
    last: float
    """When the last request left, ..."""
    gap: float
    """...and how far apart they are, on the average."""
    ease: float
    """Until then requests are kept apart: a pause does not end in a burst."""
    counts: Array[c_double]
    """How many requests were taken at each level of late."""

    def begin(self, now: float) -> None:
        """Know nothing."""
        clear(self)
        self.level, self.step, self.cut = START, 1.0, now - PROBE

    def most(self, now: float, ceiling: int) -> int:
        """How many may be on the wire now."""
        level = int(self.level)
        if level >= ceiling:
            return ceiling
        # Two at the same time are a burst, which a rate may refuse.
        if now - self.last < self.gap / 2 or now < self.calm:
            return level
        if not self.is_settled:
            if self.top > level and now - self.top_since >= TAKEN:
                level = int(self.top)
                self.level = level
            return min(ceiling, level + max(1, level // 4))
        return level + 1 if now >= self.probe else level

    def is_close(self, now: float) -> bool:
        """Whether a request that leaves now does so right after another one."""
        return now - self.last < self.gap / 4

    def eased(self, now: float) -> float:
        """Seconds for which a request is kept apart from the one before it."""
        return self.last + self.gap / 2 - now if now < self.ease else 0.0

    def wakes(self, now: float, ceiling: float) -> float | None:
        """When more may be on the wire although nobody hears of anything."""
        if self.level >= ceiling:
            return None
        spaced = self.last + self.gap / 2
        if spaced > now:
            return max(spaced, self.calm)
        wakes = self.probe if self.is_settled else self.top_since + TAKEN
        wakes = max(wakes, self.calm)
        return wakes if wakes > now else None

    def leaves(self, level: int, now: float) -> None:
        """A request leaves as the ``level``-th on the wire."""
        gap = self.gap or 0.1
        self.gap = max(0.001, gap + (min(4 * gap, now - self.last) - gap) / 8)
        self.last = now
        self.after += 1
        if level > self.top:
            self.top, self.top_since = level, now
        if self.is_settled and level > self.level:
            self.probe = now + PROBE

    def took(self, level: int, sent: float) -> bool:
        """The service took a request; says whether the level rose."""
        self.counts[min(level, LEVELS)] += 1.0
        if sent >= self.cut:
            self.step = 1.0
            if level >= self.bar:
                self.bar = 0.0
        if level <= self.level:
            return False
        if sent >= self.cut:
            self.level, self.is_settled = level, 0.0
        elif level < self.bar:
            self.level = level  # on its way when a higher one was refused
        return self.level == level

    def notes_refusal(self) -> None:
        """Count a refusal, whatever it is about."""
        self.run = self.run + 1 if self.after <= FEW else 1.0
        self.after = 0.0

    def is_blamed(self, level: int, *, is_paced: bool) -> bool:
        """Whether a refusal at this level is the width's; else it is the rate's."""
        if level <= 1:
            return False
        if self.bar and level >= self.bar:
            return True  # as the last time
        if not is_paced and level >= self.level and self.step == 1:
            # The width is all that holds requests back.
            return level > self.level or self.run >= RUN
        return sum(self.counts[min(level, LEVELS) :]) < ENOUGH

    def turn(self) -> None:
        """A refusal: what was taken before it counts half, and only so much."""
        above, kept = 0.0, 0.0
        for level in range(LEVELS, 0, -1):
            above += self.counts[level]
            more = min(KEPT, above) / 2
            self.counts[level], kept = more - kept, more
        self.top = 0.0

    def refused(self, level: int, now: float) -> None:
        """The service does not take so many at once."""
        self.old_level, self.was_settled = self.level, self.is_settled
        again = 0 < self.bar <= level
        self.is_settled, self.probe = 1.0, now + PROBE
        if level <= self.level:
            # It takes fewer than it did. Look for how many in ever larger steps, and
            # then come up again.
            self.level = max(1.0, level - self.step)
            self.step *= 2
        if not again:
            self.probe = now + TAKEN  # once may be by chance
        self.cut, self.bar = now, level
        self.turn()

    def spared(self, level: int, now: float) -> None:
        """It was the rate that was refused; if we were wrong just now, go back."""
        if level < self.bar:
            self.bar = 0.0
        if now - self.cut < UNDO and self.old_level:
            self.level = max(self.level, self.old_level)
            self.is_settled, self.old_level = self.was_settled, 0.0
