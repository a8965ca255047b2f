"""Waiting costs nothing: jobs that wait are entries in a heap or a line, in no slot.

A place in the heap has its time. Who waits in a line is due when its turn says so,
which may change while it waits; only the head of a line is looked at.

A webhook only makes a waiting job due at once; the poll stays the truth. One that
arrives before its job has begun to wait is remembered until it does.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from orchestrator.clock import Clock


class Named(Protocol):
    """Anything that is found again by a name."""

    @property
    def name(self) -> str:
        """The name."""
        ...


class Turn(Protocol):
    """When somebody is due who waits in a line."""

    @property
    def line(self) -> Hashable:
        """What all who wait in the same line have in common."""
        ...

    def due(self, *, is_head: bool = True) -> float:
        """When, by the monotonic clock, as far as is known by now.

        ``is_head`` says that it is the first of its line.
        """
        ...


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True)
class Place(Generic[T]):
    """A place in the heap: a job, until when it waits, and for the how-manieth time."""

    count: int
    due: float
    work: T


class Watch(Generic[T]):
    """Jobs that wait for their time or for a webhook."""

    def __init__(
        self, clock: Clock, urgency: Callable[[T], float | None] | None = None
    ) -> None:
        """Watch nobody yet.

        Args:
            clock: Tells when a job is due.
            urgency: The order of jobs that are due, the lowest first and before all
                that have none.
        """
        self._clock = clock
        self._urgency = urgency or (lambda _: None)
        self._urgent: list[tuple[float, int, T]] = []
        self._dated: list[tuple[float, int, str]] = []
        self._heap: list[tuple[float, int, str]] = []
        self._lines: dict[Hashable, deque[tuple[Turn, int, str]]] = {}
        self._parked: dict[str, tuple[int, T]] = {}
        self._ready: deque[T] = deque()
        self._early: set[str] = set()
        self._count = 0
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_due = 0.0
        self.stirred = asyncio.Event()

    def __len__(self) -> int:
        return len(self._parked) + len(self._ready) + len(self._urgent)

    @property
    def is_pressed(self) -> bool:
        """Whether one is due that comes before all others, or that was woken."""
        return bool(self._urgent or self._ready)

    def park(self, work: T, seconds: float, turn: Turn | None = None) -> None:
        """Let a job wait that long, or for its turn, or until it is woken."""
        if work.name in self._early:
            self._early.discard(work.name)
            self._call(work)
        elif turn is not None:
            self._queue(work, turn)
        else:
            self._put(work, seconds)
        self.stirred.set()

    def _queue(self, work: T, turn: Turn) -> None:
        self._count += 1
        self._parked[work.name] = (self._count, work)
        line = self._lines.setdefault(turn.line, deque())
        line.append((turn, self._count, work.name))

    def _put(self, work: T, seconds: float) -> Place[T]:
        self._count += 1
        self._parked[work.name] = (self._count, work)
        due = self._clock.monotonic() + seconds
        heap = self._heap if self._urgency(work) is None else self._dated
        heapq.heappush(heap, (due, self._count, work.name))
        return Place(self._count, due, work)

    def wake(self, name: str, *, is_active: bool = False) -> None:
        """A webhook came: the job is due now, or as soon as it begins to wait."""
        if name in self._parked:
            self._call(self._parked.pop(name)[1])
            self.stirred.set()
        elif is_active:
            self._early.add(name)

    def forget(self, name: str) -> None:
        """The job has ended: nothing of it is kept."""
        self._early.discard(name)

    def take(self) -> T | None:
        """A job that is due, or ``None``."""
        now = self._clock.monotonic()
        while (due := self._first(self._dated)) is not None and due <= now:
            _, _, name = heapq.heappop(self._dated)
            self._call(self._parked.pop(name)[1])
        if self._urgent:
            return heapq.heappop(self._urgent)[2]
        if self._ready:
            return self._ready.popleft()
        # Who has been due for longest.
        due, line = self._first(self._heap), self._first_line()
        if line is not None and line[0] <= min(now, math.inf if due is None else due):
            name = line[1].popleft()[2]
        elif due is not None and due <= now:
            name = heapq.heappop(self._heap)[2]
        else:
            return None
        return self._parked.pop(name)[1]

    def _call(self, work: T) -> None:
        """A job is due now."""
        urgency = self._urgency(work)
        if urgency is None:
            self._ready.append(work)
        else:
            self._count += 1
            heapq.heappush(self._urgent, (urgency, self._count, work))

    def crowd(self, within: float, fits: Callable[[T], bool]) -> list[Place[T]]:
        """Who fits and is due within that time, once somebody is due; all stay.

        Who was woken is not among them: there is news of it.
        """
        now = self._clock.monotonic()
        if (self._next_due() or now) > now:
            return []
        return [
            Place(count, due, work)
            for due, count, name in self._until(now + within)
            if (work := self._holder(count, name)) is not None and fits(work)
        ]

    def _until(self, end: float) -> Iterator[tuple[float, int, str]]:
        """Places of the heap and of the lines that are due by then."""
        yield from (each for each in self._heap if each[0] <= end)
        for line in self._lines.values():
            for place, (turn, count, name) in enumerate(line):
                if (due := turn.due(is_head=not place)) > end:
                    break
                yield due, count, name

    def holds(self, place: Place[T]) -> bool:
        """Whether a job is still where it was."""
        return self._holder(place.count, place.work.name) is not None

    def put_off(self, place: Place[T], seconds: float) -> Place[T]:
        """Let a job wait that long from now, unless it has left that place."""
        if not self.holds(place):
            return place
        self.stirred.set()
        return self._put(place.work, seconds)

    def _holder(self, count: int, name: str) -> T | None:
        """Who waits in a place; nobody once the job was woken, taken or put off."""
        current, work = self._parked.get(name, (None, None))
        return work if current == count else None

    async def rest(self) -> None:
        """Wait until a job is due or something stirs.

        Call it in the same breath as a ``take`` that gave nothing, or what stirred in
        between is missed.
        """
        self.stirred.clear()
        if self._ready or self._urgent:
            return
        if (due := self._next_due()) is not None:
            self._set_alarm(due)
        await self.stirred.wait()

    def close(self) -> None:
        """Forget the alarm."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _next_due(self) -> float | None:
        line = self._first_line()
        dues = (
            self._first(self._heap),
            self._first(self._dated),
            None if line is None else line[0],
        )
        return min((each for each in dues if each is not None), default=None)

    def _first(self, heap: list[tuple[float, int, str]]) -> float | None:
        """When the first of a heap is due, without those who left their place."""
        while heap:
            due, count, name = heap[0]
            if self._holder(count, name) is not None:
                return due
            heapq.heappop(heap)
        return None

    def _first_line(self) -> tuple[float, deque[tuple[Turn, int, str]]] | None:
        """The line whose head is due first, and when; without those who left it."""
        found = None
        for key, line in tuple(self._lines.items()):
            while line and self._holder(line[0][1], line[0][2]) is None:
                line.popleft()
            if not line:
                del self._lines[key]
            elif found is None or line[0][0].due() < found[0]:
                found = line[0][0].due(), line
        return found

    def _set_alarm(self, due: float) -> None:
        """One alarm for all who rest, at the time of the first job that is due."""
        rings = self._alarm is not None and not self._alarm.done()
        if rings and self._alarm_due <= due:
            return
        self.close()
        self._alarm_due = due
        self._alarm = asyncio.create_task(self._ring(due), name="alarm")

    async def _ring(self, due: float) -> None:
        await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        self.stirred.set()
