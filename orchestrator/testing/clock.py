"""Time under the control of a test."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class ManualClock:
    """Time that stands still until it is told to go on; sleepers wake in order."""

    ROUNDS = 25
    """How often the event loop may turn before everybody counts as asleep."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._passed = 0.0
        self._count = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was told to go on that far."""
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._count += 1
        waker = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, self._count, waker))
        await waker

    def set(self, seconds: float) -> None:
        """Put the wall clock forward, or back, as NTP does; nobody has waited."""
        self._start += seconds

    def skip(self, seconds: float) -> None:
        """Let time pass at once; sleepers that are due wake in order."""
        self._wake_until(self._passed + seconds)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everybody who wakes do what they have to do."""
        end = self._passed + seconds
        await self._calm()
        while (due := self._next()) is not None and due <= end:
            self._wake_until(due)
            await self._calm()
        self._wake_until(end)
        await self._calm()

    async def run(self, work: Awaitable[T]) -> T:
        """Carry work to its end; time passes whenever all of it sleeps."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await self._calm()
                due = self._next()
                if due is not None:
                    self._wake_until(due)
                elif not task.done():
                    await asyncio.wait([task], timeout=0.005)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        return await task

    async def _calm(self) -> None:
        for _ in range(self.ROUNDS):
            await asyncio.sleep(0)

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake_until(self, end: float) -> None:
        while (due := self._next()) is not None and due <= end:
            self._passed = max(self._passed, due)
            heapq.heappop(self._sleepers)[2].set_result(None)
        self._passed = max(self._passed, end)
