"""A provider in virtual time: who is asked when, by what was learned of the others."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.engine.kinds import Kind, Spell
from orchestrator.wire.flow import Pace


@dataclass
class Job:
    """One that begins at a time, takes its time, and is asked for now and then."""

    name: str
    start: float
    takes: float
    asked: list[float] = field(default_factory=list)

    @property
    def late(self) -> float:
        """Seconds after its end until it was known."""
        return self.asked[-1] - self.start - self.takes

    def most(self, spacing: float) -> float:
        """Polls that it may take."""
        return math.log2(max(1.0, self.takes / spacing)) + 3


class Waiting:
    """Asks for jobs of one kind, as the watch does, with nothing else to do."""

    def __init__(self, pace: Pace, seed: int = 7) -> None:
        self._luck = random.Random(seed)
        self.kind = Kind(pace)
        self._heap: list[tuple[float, int, Job]] = []
        self._lines: dict[object, deque[tuple[Spell, Job]]] = {}
        self._spells: dict[str, Spell] = {}
        self._count = 0
        self._now = 0.0

    def run(self, jobs: Sequence[Job]) -> None:
        """Ask until all are known to be done."""
        for each in jobs:
            self._put(each.start, each)
        while (found := self._next()) is not None:
            due, job = found
            self._now = max(self._now, due)
            if job.name in self._spells:
                self._ask(job, self._spells[job.name])
            else:
                spell = self._spells[job.name] = Spell(self.kind, self._now, self._now)
                self._park(job, spell, self.kind.begin(job.name))

    def _ask(self, job: Job, spell: Spell) -> None:
        job.asked.append(self._now)
        luck = self._luck.random()
        if self._now >= job.start + job.takes:
            self.kind.learn(spell, self._now - spell.since, luck)
            self.kind.left(job.name)
            return
        spell.asked = self._now
        spell.polls += 1
        self._park(job, spell, self.kind.again(job.name, spell, luck))

    def _park(self, job: Job, spell: Spell, seconds: float | None) -> None:
        if seconds is None:
            self._lines.setdefault(spell.line, deque()).append((spell, job))
        else:
            self._put(self._now + seconds, job)

    def _put(self, due: float, job: Job) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, job))

    def _next(self) -> tuple[float, Job] | None:
        lines = [each for each in self._lines.values() if each]
        line = min(lines, key=lambda each: each[0][0].due(), default=None)
        due = line[0][0].due() if line else math.inf
        if self._heap and self._heap[0][0] <= due:
            return self._heap[0][0], heapq.heappop(self._heap)[2]
        return (due, line.popleft()[1]) if line else None


def asked_for(times: Sequence[float], *, rate: float, pace: Pace) -> list[Job]:
    """Jobs that take these times and begin that many a second, to their end."""
    jobs = [Job(str(n), n / rate, each) for n, each in enumerate(times)]
    Waiting(pace).run(jobs)
    return jobs
