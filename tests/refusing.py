"""Services that refuse more than so much, and clients of them, in virtual time.

A service has a *budget* (a bucket of tokens, or windows) and *room* for so many at
once. What it refuses comes back at once; what it takes is answered later.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from orchestrator.engine.found.meter import Changed, Later, Meter, Place
from orchestrator.engine.found.slate import OwnSlate, Slate

ANY = 1_000_000_000
Latency = Callable[[random.Random], float]


def steady(seconds: float) -> Latency:
    """Every answer takes as long."""
    return lambda _: seconds


def uneven(seconds: float) -> Latency:
    """Answers take so long on the average; some much longer."""
    return lambda luck: seconds * luck.lognormvariate(-0.125, 0.5)


class Budget(Protocol):
    """What a service takes a second."""

    rate: float

    def take(self, now: float) -> bool:
        """Whether one more is allowed now."""
        ...


@dataclass
class Bucket:
    """Tokens come at a rate, and as many as ``depth`` gather."""

    rate: float
    depth: float
    tokens: float = 0.0
    since: float = 0.0

    def take(self, now: float) -> bool:
        """Take a token."""
        gained = (now - self.since) * self.rate
        self.tokens = min(self.depth, self.tokens + gained)
        self.since = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Windows:
    """So many in each window of time."""

    rate: float
    length: float = 1.0
    window: int = -1
    taken: int = 0

    def take(self, now: float) -> bool:
        """Count one."""
        window = int(now / self.length)
        if window != self.window:
            self.window, self.taken = window, 0
        self.taken += 1
        return self.taken <= self.rate * self.length


@dataclass
class Service:
    """Takes what budget and room allow, and refuses the rest."""

    budget: Budget = field(default_factory=lambda: Bucket(ANY, ANY))
    room: int = ANY
    latency: Latency = field(default_factory=lambda: steady(0.1))
    trip: float = 0.003
    inside: int = 0

    def take(self, now: float) -> bool:
        """Whether a request is taken; then it is inside until it is answered."""
        if self.inside >= self.room or not self.budget.take(now):
            return False
        self.inside += 1
        return True


class World:
    """Virtual time, a service, and clients that always have more to send."""

    def __init__(self, service: Service, seed: int = 1) -> None:
        self.service = service
        self.now = 0.0
        self.luck = random.Random(seed)
        self.taken: list[float] = []
        self.refused: list[float] = []
        self._events: list[tuple[float, int, Callable[..., None], Any]] = []
        self._count = count()

    def at(self, when: float, act: Callable[..., None], *given: Any) -> None:
        """Do something at a time."""
        heapq.heappush(self._events, (when, next(self._count), act, given))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, act, given = heapq.heappop(self._events)
            act(*given)
        self.now = until

    def use(self, begin: float, end: float) -> tuple[float, float]:
        """Requests that were taken a second, and the share that was refused."""
        taken = sum(begin <= each < end for each in self.taken)
        refused = sum(begin <= each < end for each in self.refused)
        return taken / (end - begin), refused / max(1, taken + refused)


class Client:
    """Sends as soon as its meter allows; timers are late, as they are."""

    def __init__(
        self,
        world: World,
        *,
        width: int = 64,
        rate: float | None = None,
        slate: Slate | None = None,
        changed: Changed = lambda *_: None,
        retry_after: float = 0.0,
    ) -> None:
        self.world = world
        self.sent: list[float] = []
        self.most = 0
        self.meter = Meter(
            slate or OwnSlate(world.now),
            width=width,
            rate=rate,
            rates={},
            changed=changed,
            now=world.now,
        )
        self._retry_after = retry_after
        self._wakes = 0
        self._full = True
        world.at(world.now, self._send, 0)

    def _send(self, wakes: int) -> None:
        if wakes != self._wakes:
            return
        world = self.world
        while isinstance(answer := self.meter.ask("", world.now), Place):
            self.sent.append(world.now)
            self.most = max(self.most, answer.level)
            world.at(world.now + world.service.trip / 2, self._arrive, answer)
        self._rest(answer)

    def _rest(self, later: Later) -> None:
        self._wakes += 1
        self._full = later.full
        if later.seconds < ANY:
            late = max(1e-6, later.seconds) + self.world.luck.random() * 0.0012
            self.world.at(self.world.now + late, self._send, self._wakes)

    def _arrive(self, place: Place) -> None:
        world, service = self.world, self.world.service
        back = service.trip / 2
        if service.take(world.now):
            world.at(world.now + service.latency(world.luck), self._answer, place)
        else:
            world.refused.append(world.now)
            world.at(world.now + back, self._refused, place)

    def _answer(self, place: Place) -> None:
        self.world.service.inside -= 1
        self.world.taken.append(self.world.now)
        back = self.world.service.trip / 2
        self.world.at(self.world.now + back, self._taken, place)

    def _refused(self, place: Place) -> None:
        now = self.world.now
        self.meter.refused(place, now, "status 429")
        if self._retry_after:
            self.meter.pause(now + self._retry_after, now)
        self._give(place)

    def _taken(self, place: Place) -> None:
        place.outcome = True
        self._give(place)

    def _give(self, place: Place) -> None:
        self.meter.give(place, self.world.now)
        if self._full:
            self._send(self._wakes)
