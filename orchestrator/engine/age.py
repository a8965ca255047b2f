"""How old jobs and intents are, by clocks that are set while nobody looks.

Only the wall clock outlives a process, and it jumps: by NTP, by hand, by a suspend. So
within a run time is measured by the monotonic clock; the wall clock says no more than
how old something seemed when this run first saw it. What an absence proves may rest on
neither a forward jump (the request may still be on its way) nor one back (the provider
may long have forgotten the job).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from orchestrator.clock import Clock

BACK = 60.0
"""Seconds that a clock may be set back without making every age unknown."""


@dataclass(frozen=True, slots=True)
class Since:
    """When this run first saw something.

    ``seemed`` is how old it was by the wall clock, which may be wrong or negative;
    ``at`` is that moment by the monotonic clock; ``written`` the time on record.
    """

    seemed: float
    at: float
    written: float

    @classmethod
    def of(cls, written: float, clock: Clock) -> Self:
        """Something that was written down at that time, seen now."""
        return cls(clock.now() - written, clock.monotonic(), written)

    def least(self, clock: Clock) -> float:
        """Seconds that have surely passed."""
        return clock.monotonic() - self.at

    def likely(self, clock: Clock) -> float:
        """Seconds that have passed, as far as anybody knows; never below zero."""
        return max(0.0, self.seemed) + self.least(clock)

    def most(self, clock: Clock) -> float:
        """Seconds that may have passed; infinite where the wall clock went back."""
        if self.seemed < -BACK:
            return math.inf
        # A suspended machine stops the monotonic clock alone.
        return max(self.likely(clock), clock.now() - self.written)
