"""Ceilings of one account: width, rate, uploads, bytes in flight.

Every limit is a ceiling also for a moment: a request passes all gates before its
connection is asked for, and the rate gate spaces requests instead of letting bursts
through. The width adapts below its ceiling: it shrinks when the service refuses, and
grows again only while it is the bound.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType

from aiolimiter import AsyncLimiter

from orchestrator.clock import Clock
from orchestrator.wire.flow import Limits

Changed = Callable[[int, str], None]


class Width:
    """How many requests may be on the wire; adapts between 1 and its ceiling.

    Shrinks by a fifth when the service refuses, at most once in ``CALM`` seconds;
    grows by one for each full round that went well; server errors pause the growth.
    """

    CALM = 15.0
    SHRINK = 0.8

    def __init__(self, ceiling: int, clock: Clock, changed: Changed) -> None:
        self.ceiling = max(1, ceiling)
        self.limit = float(self.ceiling)
        self.busy = 0
        self._clock = clock
        self._changed = changed
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._shrunk = -self.CALM
        self._calm_until = 0.0

    def __repr__(self) -> str:
        return f"<Width {self.busy}/{int(self.limit)} of {self.ceiling}>"

    async def acquire(self) -> None:
        """Wait for a place."""
        if self.busy < int(self.limit) and not self._waiting:
            self.busy += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release()
            else:
                # Whoever gave a place back meanwhile may have passed it over already.
                with suppress(ValueError):
                    self._waiting.remove(place)
            raise

    def release(self) -> None:
        """Give a place back."""
        self.busy -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.busy < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.busy += 1
                place.set_result(None)

    def went_well(self) -> None:
        """Grow a little, if this gate is what holds requests back."""
        is_full = self.busy >= int(self.limit)
        if (
            self.limit < self.ceiling
            and is_full
            and self._clock.monotonic() >= self._calm_until
        ):
            before = int(self.limit)
            self.limit = min(self.ceiling, self.limit + 1 / self.limit)
            if int(self.limit) != before:
                self._changed(int(self.limit), "went well")
            self._admit()

    def was_refused(self, why: str) -> None:
        """Shrink, unless that was done a moment ago."""
        now = self._clock.monotonic()
        self._calm_until = now + self.CALM
        if now - self._shrunk < self.CALM:
            return
        self._shrunk = now
        self.limit = max(1.0, self.limit * self.SHRINK)
        self._changed(int(self.limit), why)

    def had_trouble(self) -> None:
        """Pause the growth: the service answers with errors."""
        self._calm_until = self._clock.monotonic() + self.CALM


class Weight:
    """A gate for bytes, first come first served; too large a load goes alone."""

    def __init__(self, total: int) -> None:
        self.total = max(1, total)
        self.used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def carry(self, load: int) -> AsyncIterator[None]:
        """Hold ``load`` bytes."""
        load = min(load, self.total)
        await self._take(load)
        try:
            yield
        finally:
            self.used -= load
            self._admit()

    def take_now(self, load: int) -> bool:
        """Hold ``load`` bytes if that needs no waiting; see ``give``."""
        if self._waiting or self.used + load > self.total:
            return False
        self.used += load
        return True

    def give(self, load: int) -> None:
        """Give bytes back that ``take_now`` took."""
        self.used -= load
        if self._waiting:
            self._admit()

    async def _take(self, load: int) -> None:
        if self.take_now(load):
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((load, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.used -= load
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting:
            load, place = self._waiting[0]
            if not place.done():
                if self.used + load > self.total:
                    return
                self.used += load
                place.set_result(None)
            self._waiting.popleft()


class Gates:
    """All ceilings of one account, passed in one order by every request."""

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        changed: Changed,
        *,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.width = Width(limits.width, clock, changed)
        self.uploads = asyncio.Semaphore(max(1, limits.uploads))
        self.bytes = Weight(limits.bytes_in_flight)
        self._rate = _spaced(limits.rate) if limits.rate else None
        self._rates = {lane: _spaced(each) for lane, each in (rates or {}).items()}
        self._clock = clock
        self._paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """Obey a Retry-After for every request of the account."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def passage(
        self, load: int, *, is_large: bool, lane: str = ""
    ) -> AbstractAsyncContextManager[None]:
        """Pass all gates with ``load`` bytes to send, and hold them.

        ``lane`` names one of the provider's own rates, which holds beside the
        account's.
        """
        return _Passage(self, load, is_large=is_large, lane=lane)

    @asynccontextmanager
    async def room(self, load: int, *, is_large: bool) -> AsyncIterator[None]:
        """Hold room for ``load`` bytes, and for one more large upload if it is one."""
        if is_large:
            async with self.uploads, self.bytes.carry(load):
                yield
        elif load:
            async with self.bytes.carry(load):
                yield
        else:
            yield

    async def enter(self, lane: str) -> None:
        """Take a place on the wire, at the account's rate and that of a lane."""
        await self.width.acquire()
        try:
            # The rate comes last, so that a pause does not end in a burst; and a pause
            # that was asked for while a request waited for its turn holds it, too.
            while True:
                await self._sit_out()
                for rate in (self._rate, self._rates.get(lane)):
                    if rate is not None:
                        await rate.acquire()
                if self._pause_left() <= 0:
                    return
        except BaseException:
            self.width.release()
            raise

    async def _sit_out(self) -> None:
        while (wait := self._pause_left()) > 0:
            await self._clock.sleep(wait)

    def _pause_left(self) -> float:
        return self._paused_until - self._clock.monotonic()


class _Passage:
    """A passage through all gates, as a context.

    Every request makes one: as nested generators they cost more than its parsing.
    """

    __slots__ = ("_gates", "_is_large", "_lane", "_load", "_room")

    def __init__(self, gates: Gates, load: int, *, is_large: bool, lane: str) -> None:
        self._gates = gates
        self._load = load
        self._is_large = is_large
        self._lane = lane
        self._room: AbstractAsyncContextManager[None] | None = None

    async def __aenter__(self) -> None:
        gates = self._gates
        if self._is_large or not gates.bytes.take_now(self._load):
            self._room = gates.room(self._load, is_large=self._is_large)
            await self._room.__aenter__()
        try:
            await gates.enter(self._lane)
        except BaseException:
            await self._leave_room()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gates.width.release()
        await self._leave_room()

    async def _leave_room(self) -> None:
        room, self._room = self._room, None
        if room is None:
            self._gates.bytes.give(self._load)
        else:
            await room.__aexit__(None, None, None)


def _spaced(rate: float) -> AsyncLimiter:
    """One token and its own period: requests are spaced, bursts cannot pass."""
    return AsyncLimiter(1, 1 / rate)
