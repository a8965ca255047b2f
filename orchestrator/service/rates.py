"""Counts requests in sliding windows, where limits are switched on."""

from __future__ import annotations

from collections import deque

from orchestrator.clock import Clock

WINDOW = 60.0


class Rates:
    """Requests a minute, by what they ask for."""

    def __init__(self, clock: Clock, *, is_on: bool) -> None:
        self._clock = clock
        self._is_on = is_on
        self._taken: dict[str, deque[float]] = {}

    def take(self, what: str, most: int) -> float | None:
        """Count a request, or say in how many seconds there is room for it."""
        if not self._is_on:
            return None
        now = self._clock.monotonic()
        taken = self._taken.setdefault(what, deque())
        while taken and taken[0] <= now - WINDOW:
            taken.popleft()
        if len(taken) >= most:
            return taken[0] + WINDOW - now
        taken.append(now)
        return None
