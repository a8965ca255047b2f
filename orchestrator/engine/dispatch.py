"""The dispatcher: pulls open documents lazily and keeps the workers of an account busy.

Workers take, in this order: a job that is due (a poll, a retry, one that a webhook
woke), a large document if an upload slot is free, a small document. So a job that
waits holds no slot, and small documents are not starved behind large uploads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from orchestrator.engine.drive import Driver
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Feed
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import AccountStopped, End, Wait, Work
from orchestrator.model import LARGE, Document, Failure, Job, Progress, Verdict
from orchestrator.wire.flow import Limits

MakeJob = Callable[[Document], Job]
Tell = Callable[[Sequence[Verdict]], Awaitable[None]]

PAGE = 256


class Queue:
    """Open documents of one lane, read in pages."""

    def __init__(self, feed: Feed, *, large: bool) -> None:
        self._feed = feed
        self._large = large
        self._page: deque[Document] = deque()
        self._lock = asyncio.Lock()
        self.ended = False

    async def take(self) -> Document | None:
        """The next document, or ``None`` at the end."""
        async with self._lock:
            if not self._page and not self.ended:
                self._page.extend(await self._feed.page(large=self._large, limit=PAGE))
                self.ended = not self._page
            return self._page.popleft() if self._page else None


class Dispatcher:
    """Carries every open document of one account to its end."""

    def __init__(
        self,
        driver: Driver,
        *,
        feed: Feed,
        watch: Watch[Work],
        gates: Gates,
        limits: Limits,
        make_job: MakeJob,
        tell: Tell,
    ) -> None:
        self._driver = driver
        self._watch = watch
        self._gates = gates
        self._limits = limits
        self._make_job = make_job
        self._tell = tell
        self._small = Queue(feed, large=False)
        self._large = Queue(feed, large=True)
        self._large_busy = 0
        self._active: dict[str, Work] = {}
        self._draining = False
        self.stopped: Failure | None = None

    # What others may ask and say...

    @property
    def active(self) -> int:
        """Jobs that are being carried."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Jobs that wait for their time."""
        return len(self._watch)

    def drain(self) -> None:
        """Start nothing new; what is accepted is still carried to its end."""
        self._draining = True
        self._watch.stirred.set()

    def wake(self, job: str) -> None:
        """A webhook named this job."""
        self._watch.wake(job, is_active=job in self._active)

    def phases(self) -> dict[str, int]:
        """How many jobs are carried in each phase."""
        counts: dict[str, int] = {}
        for work in self._active.values():
            counts[work.progress.phase] = counts.get(work.progress.phase, 0) + 1
        return counts

    async def run(self, left: Sequence[Work]) -> None:
        """Carry what a former run left, then every open document.

        Raises:
            MachineError: the ledger or an output cannot be written.
        """
        for work in left:
            self._watch.park(work, 0.0)
        # Twice the width: while one half is on the wire, the other half commits,
        # hashes and renames.
        workers = 2 * self._limits.width
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    # Working...

    async def _work(self) -> None:
        while (work := await self._next()) is not None:
            is_large = work.job.size >= LARGE
            self._active[work.name] = work
            self._large_busy += is_large
            try:
                await self._carry(work)
            finally:
                self._active.pop(work.name, None)
                self._large_busy -= is_large
                self._watch.stirred.set()

    async def _carry(self, work: Work) -> None:
        try:
            outcome = await self._driver.drive(work)
        except AccountStopped as stop:
            self.stopped = self.stopped or stop.failure
            return
        match outcome:
            case Wait(seconds):
                self._watch.park(work, seconds)
            case End(verdicts):
                self._watch.forget(work.name)
                await self._tell(verdicts)

    async def _next(self) -> Work | None:
        """The next job to carry; ``None`` when there will be none."""
        while self.stopped is None:
            if work := self._watch.take():
                return work
            if work := await self._fresh():
                return work
            if not self._watch and not self._active and self._is_exhausted():
                break
            self._watch.stirred.clear()
            if (delay := self._watch.delay()) == 0.0:
                continue
            await self._idle(delay)
        self._watch.stirred.set()
        return None

    async def _idle(self, delay: float | None) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._watch.stirred.wait()
        except TimeoutError:
            return

    def _is_exhausted(self) -> bool:
        return self._draining or (self._small.ended and self._large.ended)

    async def _fresh(self) -> Work | None:
        busy = len(self._active) + len(self._watch)
        if self._draining or busy >= self._limits.jobs + 2 * self._limits.width:
            return None
        document = None
        if self._large_busy < self._limits.uploads:
            document = await self._large.take()
        document = document or await self._small.take()
        if document is None:
            return None
        return Work(self._make_job(document), Progress())
