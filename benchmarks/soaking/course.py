"""Runs the batch to its end under a ceiling of memory, and kills it now and then."""

from __future__ import annotations

import random
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.killing import parts
from benchmarks.soaking.gauge import Gauge
from benchmarks.soaking.scene import Scene

ENDED = (0, 3, 5)
"""Exit codes of a run that has nothing left to do."""
LAST = 0.95
"""Part of the batch after which nothing is killed any more."""
YOUNG = 0.25
"""Part of the kills that hit a run in its first seconds."""
STEPS = 10
Say = Callable[[str], None]


@dataclass
class Course:
    """What happened so far.

    Attributes:
        ceiling: Bytes that the engine may have in private memory (RLIMIT_DATA).
        until: When to stop early, on the monotonic clock.
    """

    scene: Scene
    luck: random.Random
    ceiling: int
    until: float
    say: Say
    gauge: Gauge = field(default_factory=Gauge)
    marks: deque[int] = field(default_factory=deque)
    kills: int = 0
    runs: int = 0
    began: float = 0.0
    told: int = 0
    settled: int = 0
    is_cut_short: bool = False
    exit: int | None = None

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self.scene.batch.ids)

    def run(self, kills: int) -> None:
        """Carry the batch to its end, killed so often on its way."""
        self.marks.extend(_marks(self.luck, kills, self.documents))
        self.began = time.monotonic()
        while not self.is_cut_short:
            self.exit = self._one()
            if self.exit is not None:
                return

    def _one(self) -> int | None:
        """One run; its exit code, ``None`` if it was killed."""
        self.runs += 1
        run = self.scene.client()
        run.start()
        if run.process is None:
            return None
        limit_memory(run.process.pid, self.ceiling)
        if self.runs > 1 and self.marks and self.luck.random() < YOUNG:
            # In the middle of reading, comparing, looking up.
            self.marks.popleft()
            if run.wait(self.luck.uniform(0.05, 5.0)) is None:
                self.kills += run.kill()
                return None
        return self._watched(run)

    def _watched(self, run: parts.Part) -> int | None:
        pause = 0.1 if self.documents < 5000 else 1.0
        while (code := run.wait(pause)) is None:
            self._look(run)
            if self.marks and self.settled >= self.marks[0]:
                self.marks.popleft()
                if run.wait(self.luck.uniform(0.0, pause)) is None:
                    self.kills += run.kill()
                return None
            if time.monotonic() > self.until:
                return self._stop(run)
        return code

    def _stop(self, run: parts.Part) -> int | None:
        """Have it finish what is in flight, and start nothing new."""
        self.is_cut_short = True
        if run.process is not None:
            run.process.send_signal(signal.SIGINT)
        return run.wait(600.0)

    def _look(self, run: parts.Part) -> None:
        self.settled = self.scene.batch.settled()
        service = self.scene.service.process
        if run.process is None or service is None:
            return
        percent = 100 * self.settled / self.documents
        self.gauge.read(percent, run.process.pid, service.pid)
        if percent >= self.told + 100 / STEPS:
            self.told = int(percent)
            self._tell()

    def _tell(self) -> None:
        seconds = time.monotonic() - self.began
        last = self.gauge.samples[-1:]
        memory = "".join(
            f", engine {each.engine / 1e6:.0f} MB, service {each.service / 1e6:.0f} MB"
            for each in last
        )
        self.say(
            f"{self.told:>4} %: {self.settled:,} documents in {seconds:,.0f} s, "
            f"{self.kills} kills{memory}"
        )


def limit_memory(pid: int, ceiling: int) -> None:
    """Let a process have no more private memory: growth would end it."""
    resource.prlimit(pid, resource.RLIMIT_DATA, (ceiling, ceiling))


def _marks(luck: random.Random, kills: int, documents: int) -> Sequence[int]:
    """After how many documents each kill comes, in order."""
    return sorted(luck.randint(1, int(LAST * documents)) for _ in range(kills))
