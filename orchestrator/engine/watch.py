"""Waiting costs nothing: jobs that wait are entries in one heap, and hold no slot.

A webhook only makes a waiting job due at once; the poll stays the truth. One that
arrives before its job has begun to wait is remembered until it does.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from typing import Generic, Protocol, TypeVar

from orchestrator.clock import Clock


class Named(Protocol):
    """Anything that is found again by a name."""

    @property
    def name(self) -> str:
        """The name."""
        ...


T = TypeVar("T", bound=Named)


class Watch(Generic[T]):
    """Jobs that wait for their time or for a webhook."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, str]] = []
        self._parked: dict[str, tuple[int, T]] = {}
        self._ready: deque[T] = deque()
        self._early: set[str] = set()
        self._count = 0
        self.stirred = asyncio.Event()

    def __len__(self) -> int:
        return len(self._parked) + len(self._ready)

    def park(self, work: T, seconds: float) -> None:
        """Let a job wait that long, or until it is woken."""
        if work.name in self._early:
            self._early.discard(work.name)
            self._ready.append(work)
        else:
            self._count += 1
            self._parked[work.name] = (self._count, work)
            due = self._clock.monotonic() + seconds
            heapq.heappush(self._heap, (due, self._count, work.name))
        self.stirred.set()

    def wake(self, name: str, *, is_active: bool = False) -> None:
        """A webhook came: the job is due now, or as soon as it begins to wait."""
        if name in self._parked:
            self._ready.append(self._parked.pop(name)[1])
            self.stirred.set()
        elif is_active:
            self._early.add(name)

    def forget(self, name: str) -> None:
        """The job has ended: nothing of it is kept."""
        self._early.discard(name)

    def take(self) -> T | None:
        """A job that is due, or ``None``."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            _, count, name = heapq.heappop(self._heap)
            if name in self._parked and self._parked[name][0] == count:
                self._ready.append(self._parked.pop(name)[1])
        return self._ready.popleft() if self._ready else None

    def delay(self) -> float | None:
        """Seconds until the next job is due; ``None`` when none waits."""
        if self._ready:
            return 0.0
        while self._heap:
            due, count, name = self._heap[0]
            if name in self._parked and self._parked[name][0] == count:
                return max(0.0, due - self._clock.monotonic())
            heapq.heappop(self._heap)
        return None
