"""Memory of the processes that take part, read from /proc, as the batch goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

MARKS = (10, 50, 100)
"""Percent of the documents at which memory is told."""
WINDOW = 5
"""Percent before a mark of which the samples count: one alone would be luck."""
SLACK = {"engine": 24 << 20, "service": 48 << 20}
"""Bytes by which memory may differ: caches that fill, and an allocator's holes.

The service reads and writes its job table with 16 MB of cache each, which are full
after some 25,000 jobs.
"""
FACTOR = 1.2


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident bytes at one moment; ``percent`` of the documents have their ends."""

    percent: float
    engine: int
    service: int
    converters: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The median of each part's memory before a mark, in bytes."""

    percent: int
    engine: float
    service: float
    converters: float


@dataclass
class Gauge:
    """All samples of one batch."""

    samples: list[Sample] = field(default_factory=list)

    def read(self, percent: float, engine: int, service: int) -> None:
        """Take one sample of two processes, and of the children of the service."""
        below = sum(map(resident, children(service)))
        sample = Sample(percent, resident(engine), resident(service), below)
        if sample.engine and sample.service:
            self.samples.append(sample)

    def marks(self) -> list[Mark]:
        """What was used before each mark that was reached, and at the end."""
        last = max((each.percent for each in self.samples), default=0.0)
        # Nobody can look at a run that has ended.
        furthest = 100 if last > 100 - WINDOW else round(last)
        reached = [each for each in MARKS if each < furthest]
        return [
            Mark(
                percent,
                median(each.engine for each in near),
                median(each.service for each in near),
                median(each.converters for each in near),
            )
            for percent in (*reached, furthest)
            if (near := self._before(percent))
        ]

    def _before(self, percent: int) -> list[Sample]:
        return [
            each
            for each in self.samples
            if percent - WINDOW <= each.percent <= percent and each.percent > 0
        ]

    @property
    def peak(self) -> int:
        """The most that the engine had at once, in bytes."""
        return max((each.engine for each in self.samples), default=0)


def growth(marks: Sequence[Mark]) -> list[str]:
    """Which parts need more at the last mark than at the first, and how much."""
    if not marks:
        return []
    first, last = marks[0], marks[-1]
    pairs = {
        "engine": (first.engine, last.engine),
        "service": (first.service, last.service),
    }
    return [
        f"the {name} grew from {before / 1e6:.0f} to {after / 1e6:.0f} MB"
        for name, (before, after) in pairs.items()
        if after > before * FACTOR and after > before + SLACK[name]
    ]


def resident(pid: int) -> int:
    """Resident bytes of a process; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def children(pid: int) -> list[int]:
    """Processes that a process has started and not reaped."""
    found: list[int] = []
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, each.read_text().split())
        except OSError:
            continue
    return found
