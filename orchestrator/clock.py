"""Time as a parameter: the only module that asks the clock of the machine."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time; all figures are in seconds."""

    def now(self) -> float:
        """Seconds since the epoch, for what is written down."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for what is waited for."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long in the running event loop."""
        await asyncio.sleep(seconds)
