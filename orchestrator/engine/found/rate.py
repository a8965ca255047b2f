"""How many requests a second a service takes; see the theory in ``__init__.py``."""

from __future__ import annotations

import math
from ctypes import Structure

from orchestrator.engine.found.cells import cells, clear

BELOW = 0.05
"""By which share a pace starts below the rate that was measured."""
SHORTEST, LONGEST = 16.0, 18.0
"""Seconds in which the pace comes up to it; longer where requests are few."""
WORTH = 120.0
"""Requests that one refusal should be worth."""
BEYOND = 127.0
"""Square seconds: how fast the pace goes beyond it; twice the rate after 9.4 s."""
SEARCH = 3.0
"""Seconds in which the pace doubles while the rate is not known well."""
FEW = 2
"""Requests between two refusals up to which nothing had changed."""
SAMPLE = 20
"""Requests from which on a measurement is a good one."""
QUIET = 5.0
"""Seconds without a refusal after which the pace was about right."""
FAR = 1.5
"""A pace that is so many times what was measured says little about the rate."""
LIKE = 0.2
"""By which share two measurements may differ that are the same."""
ABOVE = 1.2
"""How far the pace goes beyond the rate before it counts as a new one."""
UNDO = 2.0
"""Seconds within which a verdict may turn out to have been the wrong one."""
HOLD, LONGEST_HOLD = 0.1, 30.0
"""Seconds for which nothing is sent after a refusal; doubled while that does not help.
"""
SPARSE = 5
"""Requests taken between two refusals from which on the rate may have no part in it."""
ODD, SELDOM, CALM = 4.0, 10.0, 200
"""So many such refusals below what was measured come at any pace, if they are more than
one in so many seconds or requests: a limit that changes makes fewer."""
MILD = 0.65
"""How far a measurement that is not a good one lowers the rate at most."""
NOISE = 60.0
"""Seconds for which it then takes three times as many to be taken for the rate's."""
WINDOW = 64.0
"""Requests over which the share of refusals is told."""
DENSE = 0.05
"""The share from which on refusals are the rate's: fewer have another cause, whatever
the pace is, and to go ever slower would not help."""
LATE = 0.002
"""Seconds that a timer may be late without a request being lost by it."""
SLACK = 0.02
"""The same where nothing was declared, and a burst of some may be tried."""


@cells()
class Rate(Structure):
    """The pace of requests, what was measured, and when the next one may leave."""

    pace: float
    """Requests a second; 0 = as they come."""
    peak: float
    """The rate that was measured."""
    clock: float
    """Seconds for which the pace was the bound since then."""
    is_search: float
    """Whether it was measured badly."""
    next: float
    """When the next request may leave."""
    since: float
    """Since when is counted, ..."""
    count: float
    """...requests that left since then and were not refused."""
    hold: float
    """Seconds for which nothing was sent after the last refusal, ..."""
    held: float
    """...and until when."""
    gap: float
    """Seconds between the first two after it: time to hear of another refusal."""
    calm: float
    """Until then the pace does not grow: the service answers with errors."""
    noted: float
    """The pace that was last told of."""
    due: float
    """When the next request may leave by the declared rate of the lane."""
    trust: float
    """How far the pace that was refused counts beside what was measured, 0 to 1: all
    of it where a service counts in windows, nothing where it lets bursts through."""
    is_beyond: float
    """Whether the pace went so far that counting began anew."""
    cut: float
    """When the pace was cut, and what it was before."""
    old_pace: float
    old_peak: float
    old_clock: float
    was_search: float
    last_count: float
    """What was counted before the last refusal, ..."""
    last_span: float
    """...and in how many seconds."""
    odd: float
    """How many refusals of late the pace does not explain, ..."""
    odd_when: float
    """...and when it was so many."""
    noisy: float
    """Until when refusals are known to have another cause."""
    share: float
    """How many of the last requests were refused, 0 to 1."""

    def begin(self, now: float) -> None:
        """Know nothing."""
        clear(self)
        self.since, self.trust, self.cut = now, 0.5, now - UNDO

    def wait(self, now: float) -> float:
        """Seconds until the next request may leave."""
        if now < self.held:
            return self.held - now
        return self.next - SLACK - now if self.pace else 0.0

    def leaves(self, now: float) -> None:
        """A request leaves."""
        self.count += 1
        self.share *= 1 - 1 / WINDOW
        if not self.pace:
            if now - self.since > 2.0:  # what is long ago counts less and less
                self.since, self.count = now - (now - self.since) / 2, self.count / 2
            return
        between, late = 1 / self.pace, now - self.next
        if late > 1.0:
            # Nobody was held back: what a bucket has gathered meanwhile is no measure.
            self.since, self.count = now, 1.0
        elif late < between and now >= self.calm:
            self.clock += between
            self.pace = self._paced()
            if not self.is_beyond and self.pace > ABOVE * self.peak:
                self.since, self.count, self.is_beyond = now, 1.0, 1.0
        if self.gap:
            between, self.gap = max(between, self.gap), 0.0
        self.next = max(now - SLACK, self.next) + between

    def _paced(self) -> float:
        peak, clock, to = self.peak, self.clock, self._plateau()
        if self.is_search:
            return peak * (1 - BELOW) * 2 ** min(clock / SEARCH, 20.0)
        if clock < to:
            return peak * (1 - BELOW * ((to - clock) / to) ** 3)
        return peak * math.exp(min(14.0, (clock - to) ** 2 / BEYOND))

    def _plateau(self) -> float:
        return min(LONGEST, max(SHORTEST, WORTH / self.peak))

    def refused(self, sent: float, now: float) -> bool:
        """The service does not take so many a second; says whether the pace changed."""
        trip = now - sent
        if self.is_again():
            self._hold(min(LONGEST_HOLD, self.hold * 2), now, trip)
            return False
        if self._is_noise(now):
            return True
        self._remember(now)
        count, span = self._sample(max(self.count, 1.0), max(sent - self.since, 0.05))
        is_good = count >= SAMPLE or span > QUIET
        least = 0.0 if is_good else MILD * self.peak
        self._measure(count / span, is_good=is_good)
        self.peak = max(self.peak, least)
        self.last_count, self.last_span = count, span
        self.clock, self.since, self.count, self.is_beyond = 0.0, sent, 0.0, 0.0
        self.pace = self.noted = self.peak * (1 - BELOW)
        self._hold(HOLD, now, trip)
        return True

    def is_again(self) -> bool:
        """Whether this is the last refusal, a moment later: nothing was taken since."""
        return self.hold > 0 and self.count <= FEW

    def _is_noise(self, now: float) -> bool:
        """Give the pace up if refusals come at any, as of a service in trouble.

        A rate that is too high is refused no more once the pace is below it. What comes
        now and then, however slow the pace, has another cause, and to go ever slower
        would not help. The slower the pace when it came, the more it tells.
        """
        if not 0 < self.pace < ABOVE * self.peak or self.count < SPARSE:
            return False
        calm = min((now - self.odd_when) / SELDOM, self.count / CALM)
        odd = max(0.0, self.odd - calm)
        self.odd, self.odd_when = odd + max(0.0, 1 - self.clock / self._plateau()), now
        if self.odd < ODD:
            return False
        self.pace = self.noted = self.peak = self.share = self.odd = 0.0
        self.hold = self.held = self.clock = 0.0
        self.noisy, self.cut = now + NOISE, now - UNDO
        return True

    def notes_refusal(self, *, is_news: bool) -> None:
        """Count a refusal, whatever it is about; no news if it left before the last."""
        self.share = min(1.0, self.share + 1 / WINDOW)
        if is_news:
            self.count = max(0.0, self.count - 1)

    def is_suspect(self, now: float) -> bool:
        """Whether refusals may be the rate's: there is a pace, or they are many."""
        if now < self.noisy:
            return self.share >= 3 * DENSE
        return self.pace > 0 or self.share >= DENSE

    def _sample(self, count: float, span: float) -> tuple[float, float]:
        """A short count, together with the one before it if that says the same."""
        if self.pace and count < SAMPLE and self.last_span:
            likely = self.last_count / self.last_span * span
            if abs(count - likely) <= 2 + LIKE * likely:
                return count + self.last_count, span + self.last_span
        return count, span

    def _measure(self, measured: float, *, is_good: bool) -> None:
        """Take what was measured, and where bursts are not allowed, more than that."""
        pace, clock, to = self.pace, self.clock, self._plateau() if self.peak else 0.0
        is_far = pace > FAR * measured
        is_like = abs(measured - self.peak) < LIKE * self.peak
        if not self.is_search and clock < to / 2:
            self.trust /= 2
        if not pace or not is_good or (is_far and not is_like):
            self.peak, self.is_search = min(pace or measured, measured), 1.0
            return
        if not self.is_search and clock > to:
            self.trust = min(1.0, self.trust + 0.25)
        more = 0.0 if is_far else self.trust * (pace - measured)
        self.peak, self.is_search = min(pace, measured + more), 0.0

    def _remember(self, now: float) -> None:
        if now - self.cut >= UNDO:
            self.old_pace, self.old_peak = self.pace, self.peak
            self.old_clock, self.was_search = self.clock, self.is_search
        self.cut = now

    def undo(self, now: float) -> None:
        """It was the width that was refused, just now: go back to where we were."""
        if now - self.cut < UNDO:
            self.pace, self.peak = self.old_pace, self.old_peak
            self.clock, self.is_search = self.old_clock, self.was_search
            self.since, self.count, self.cut = now, 0.0, now - UNDO
            self.hold = 0.0

    def _hold(self, seconds: float, now: float, trip: float) -> None:
        self.hold, self.held = seconds, now + seconds
        self.next, self.gap = self.held, min(1.0, 1.5 * trip + SLACK)

    def has_grown(self) -> bool:
        """Whether the pace is a quarter above what was last told of it."""
        if self.pace <= self.noted * 1.25:
            return False
        self.noted = self.pace
        return True
