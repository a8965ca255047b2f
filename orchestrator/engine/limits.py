"""Ceilings of one account: width, rate, uploads, bytes in flight.

Every limit is a ceiling also for a moment: a request passes all gates before its
connection is asked for, and the rate gate spaces requests instead of letting bursts
through. Below the ceilings, width and rate are found from what the service refuses
(``engine/found``), and both may be shared with other processes.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self

from orchestrator.clock import Clock
from orchestrator.engine.found.meter import WELL, Changed, Later, Meter, Place
from orchestrator.engine.found.slate import OwnSlate, Slate
from orchestrator.wire.flow import Limits
from orchestrator.wire.http import Response

__all__ = ["WELL", "Changed", "Gates", "Passage", "Weight"]

FIRST = 4
"""Requests in a lane that look for a place: as many as may leave in one turn of a loop
that is busy; more would only look in vain."""
BEAT = 1.0
"""Seconds between two signs of life for those who share the account."""
REFUSALS = (429, 503)
"""Statuses that say that there were too many requests."""


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
        slate: Slate | None = None,
    ) -> None:
        self.uploads = asyncio.Semaphore(max(1, limits.uploads))
        self.bytes = Weight(limits.bytes_in_flight)
        self._clock = clock
        now = clock.monotonic()
        self.meter = Meter(
            slate or OwnSlate(now),
            width=limits.width,
            rate=limits.rate,
            rates=rates or {},
            changed=changed,
            now=now,
        )
        self._is_shared = slate is not None
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._resting: deque[asyncio.Future[None]] = deque()
        self._heart: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Gates {self.meter.busy}/{self.meter.most}>"

    def pause(self, seconds: float) -> None:
        """Obey a Retry-After for every request of the account."""
        now = self._clock.monotonic()
        self.meter.pause(now + seconds, now)

    def had_trouble(self) -> None:
        """Pause the growth: the service answers with errors, or not at all."""
        self.meter.had_trouble(self._clock.monotonic())

    def passage(self, load: int, *, is_large: bool, lane: str = "") -> Passage:
        """Pass all gates with ``load`` bytes to send, and hold them.

        ``lane`` names one of the provider's own rates, which holds beside the
        account's.
        """
        return Passage(self, load, is_large=is_large, lane=lane)

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

    async def enter(self, lane: str) -> Place:
        """Take a place on the wire, as soon as every limit allows it."""
        turn = self._turns.get(lane)
        if turn is None:
            turn = self._turns[lane] = asyncio.Semaphore(FIRST)
        if not turn.locked():
            answer = self.meter.ask(lane, self._clock.monotonic())
            if isinstance(answer, Place):
                return self._entered(answer)
        # First come, first served: only the first in a lane look for a place.
        async with turn:
            while True:
                answer = self.meter.ask(lane, self._clock.monotonic())
                if isinstance(answer, Place):
                    return self._entered(answer)
                await self._rest(answer)

    def leave(self, place: Place) -> None:
        """Give a place back."""
        self.meter.give(place, self._clock.monotonic())
        for each in self._resting:
            if not each.done():
                each.set_result(None)

    def heard(self, place: Place, response: Response) -> None:
        """The head of a reply is here: was the request taken, or refused?"""
        if response.status in REFUSALS:
            now = self._clock.monotonic()
            self.meter.refused(place, now, f"status {response.status}")
        elif response.status < 500:
            place.outcome = True

    def close(self) -> None:
        """Let others have what was ours."""
        if self._heart is not None:
            self._heart.cancel()
        self.meter.leave()

    async def _rest(self, later: Later) -> None:
        if not later.full:
            await self._clock.sleep(later.seconds)
            return
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        self._resting.append(place)
        timer = None
        if later.seconds < math.inf:
            timer = loop.call_later(later.seconds, _wake, place)
        try:
            await place
        finally:
            self._resting.remove(place)
            if timer is not None:
                timer.cancel()

    def _entered(self, place: Place) -> Place:
        if self._is_shared and self._heart is None:
            self._beat()
        return place

    def _beat(self) -> None:
        """Tell that we still run for as long as something of ours is on the wire."""
        self._heart = None
        if self.meter.busy:
            self.meter.beat(self._clock.monotonic())
            loop = asyncio.get_running_loop()
            self._heart = loop.call_later(BEAT, self._beat)


class Passage:
    """A passage through all gates, as a context.

    Every request makes one: as nested generators they cost more than its parsing.
    """

    __slots__ = ("_gates", "_is_large", "_lane", "_load", "_place", "_room")

    def __init__(self, gates: Gates, load: int, *, is_large: bool, lane: str) -> None:
        self._gates = gates
        self._load = load
        self._is_large = is_large
        self._lane = lane
        self._room: AbstractAsyncContextManager[None] | None = None
        self._place: Place | None = None

    def heard(self, response: Response) -> None:
        """The head of the account's reply is here: what does it say of the limits?"""
        if self._place is not None:
            self._gates.heard(self._place, response)

    def free(self) -> None:
        """The reply is read: the wire is free, whatever is still done with it."""
        place, self._place = self._place, None
        if place is not None:
            self._gates.leave(place)

    async def __aenter__(self) -> Self:
        gates = self._gates
        if self._is_large or not gates.bytes.take_now(self._load):
            self._room = gates.room(self._load, is_large=self._is_large)
            await self._room.__aenter__()
        try:
            self._place = await gates.enter(self._lane)
        except BaseException:
            await self._leave_room()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.free()
        await self._leave_room()

    async def _leave_room(self) -> None:
        room, self._room = self._room, None
        if room is None:
            self._gates.bytes.give(self._load)
        else:
            await room.__aexit__(None, None, None)


def _wake(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_result(None)
