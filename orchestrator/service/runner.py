"""Does the queued jobs, as many at a time as there are cores to feed."""

from __future__ import annotations

import asyncio
import errno
import logging
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress

from orchestrator.clock import Clock
from orchestrator.service.depot import Depot
from orchestrator.service.faults.injector import Injector
from orchestrator.service.faults.script import Call, Phase
from orchestrator.service.hooks import Hooks
from orchestrator.service.jobs import Job, JobState
from orchestrator.service.packing import pack
from orchestrator.service.params import decode
from orchestrator.service.problems import Problem
from orchestrator.service.render.work import Rendered, Renderer, RenderError, Work
from orchestrator.service.rows import Ending
from orchestrator.service.shield import is_full
from orchestrator.service.storage import Storage
from orchestrator.service.store import DEATHS, Store
from orchestrator.service.ward import Ward

log = logging.getLogger(__name__)
RESCUE_EVERY = 2.0
PROBATION = 2.0
"""Seconds for which a service has to be well, for each death after a job's first one,
until that job is tried again."""
FAULT = "the service met a fault; its log has it"
Life = Callable[[float], float]
"""From the end of a job to the end of its results, in seconds since the epoch."""


class Runner:
    """A queue in memory before the job table, and the workers behind it.

    Twice as many jobs as cores are in hand, so that one is rendered while another is
    written; the renderer itself bounds what really runs.
    """

    def __init__(
        self,
        *,
        store: Store,
        storage: Storage,
        depot: Depot,
        renderer: Renderer,
        hooks: Hooks,
        clock: Clock,
        keep: float,
        lives: Mapping[str, Life] | None = None,
        injector: Injector | None = None,
    ) -> None:
        self._store = store
        self._storage = storage
        self._depot = depot
        self._renderer = renderer
        self._hooks = hooks
        self._clock = clock
        self._keep = keep
        self._lives = lives or {}
        self._injector = injector or Injector()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._running: set[str] = set()
        self._stuck: set[str] = set()
        self._ward = Ward()
        self._is_draining = False
        self._ends: dict[str, asyncio.Event] = {}

    @property
    def in_hand(self) -> frozenset[str]:
        """Ids of the jobs that are being worked on."""
        return frozenset(self._running)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return self._queue.qsize()

    @property
    def has_no_room(self) -> bool:
        """Whether a job found no room on the disk, so that those behind it wait."""
        return bool(self._stuck)

    def put(self, job_id: str) -> None:
        """Take a job that is queued on disk."""
        self._queue.put_nowait(job_id)

    async def recover(self) -> None:
        """Take up what the last service left."""
        for job in await self._store.recover():
            message = f"the service died {DEATHS} times while this job ran"
            await self._end(job, self._failed(job, "converter_died", message))
        suspects = self._store.suspects()
        self._ward.suspect(suspects)
        for job_id in self._store.queued():
            if job_id not in suspects:
                self.put(job_id)
        # The others are not to wait for the next death; and whoever else kills the
        # service, again and again, meets the same job only if that is what does it.
        loop = asyncio.get_running_loop()
        for job_id, deaths in suspects.items():
            loop.call_later((deaths - 1) * PROBATION, self.put, job_id)

    async def ended(self, job_id: str, *, may_leave: bool = False) -> Job:
        """Wait for a job's end; or leave it as it is while the disk has no room.

        Raises:
            Problem: it was deleted meanwhile.
        """
        while True:
            job = self._store.find(job_id)
            if job is None or job.state is JobState.DELETED:
                raise Problem("not_found", "the job was deleted")
            if job.state.is_ended:
                self._ends.pop(job_id, None)
                return job
            if may_leave and self.has_no_room:
                return job
            await self._ends.setdefault(job_id, asyncio.Event()).wait()

    def tell(self, job_id: str) -> None:
        """Wake who waits for this job."""
        event = self._ends.pop(job_id, None)
        if event is not None:
            event.set()

    async def run(self, width: int) -> None:
        """Work until drained or cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(self._work())

    async def drain(self, grace: float) -> None:
        """Start nothing more; give what runs this many seconds, then put it back."""
        self._is_draining = True
        until = self._clock.monotonic() + grace
        while self._running and self._clock.monotonic() < until:
            await self._clock.sleep(0.02)

    async def put_back(self) -> None:
        """Queue what still runs for the next service."""
        await self._store.put_back(tuple(self._running))

    async def _work(self) -> None:
        while True:
            job_id = await self._queue.get()
            async with self._ward.place(job_id):
                if self._is_draining:
                    return
                self._running.add(job_id)
                await self._do(job_id)
                self._running.discard(job_id)

    async def _do(self, job_id: str) -> None:
        try:
            job = await self._store.start(job_id, now=self._clock.now())
            if job is not None:
                await self._end(job, await self._make(job))
            self._stuck.discard(job_id)
        except Exception as error:
            log.exception("job %s could not be written down", job_id)
            if is_full(error):
                self._stuck.add(job_id)
                for each in list(self._ends):
                    self.tell(each)
            await self._rescue(job_id)

    async def _rescue(self, job_id: str) -> None:
        """Queue a job again that found no room, for its result or for its end.

        The service goes on trying; a restart would do the same.
        """
        while True:
            await self._clock.sleep(RESCUE_EVERY)
            with suppress(sqlite3.Error):
                await self._store.put_back([job_id])
                return self.put(job_id)

    async def _make(self, job: Job) -> Ending:
        try:
            work = await self._prepare(job)
            self._spoil(job)
            rendered = await self._rendered(work)
            rendered = await pack(rendered, work.folder, job.order.extra)
            return await self._done(job, rendered)
        except RenderError as error:
            return self._failed(job, error.code, str(error))
        except Problem as problem:
            return self._failed(job, problem.code, problem.message)
        except OSError as error:
            if is_full(error):
                raise  # no fault of the document: it waits until there is room
            log.exception("job %s", job.id)
            return self._failed(job, "internal", FAULT)
        except Exception:
            log.exception("job %s", job.id)
            return self._failed(job, "internal", FAULT)

    async def _rendered(self, work: Work) -> Rendered:
        try:
            return await self._renderer.make(work)
        except RenderError as error:
            if error.code == "disk_full":
                raise OSError(errno.ENOSPC, str(error)) from error
            raise

    def _spoil(self, job: Job) -> None:
        """Let the work fail where a fault script says so."""
        order = job.order
        path = f"{order.operation}/{order.source}/{order.target}"
        hit = self._injector.pick(Call(Phase.WORK, order.dialect, "WORK", path))
        if hit is not None:
            hit.note()
            raise RenderError(hit.fault.code, "a fault on purpose")

    async def _prepare(self, job: Job) -> Work:
        folder = await self._storage.prepare(job.folder)
        await self._depot.fetch(job)
        order = job.order
        return Work(
            operation=order.operation,
            inputs=[
                self._storage.input(job.folder, n, order.source)
                for n in range(len(job.inputs))
            ],
            names=[each.name for each in job.inputs],
            source=order.source,
            target=order.target,
            folder=folder,
            params=decode(self._store.params(job)),
            design=order.design,
        )

    async def _done(self, job: Job, rendered: Rendered) -> Ending:
        settled = await self._storage.settle(job.folder, rendered.files)
        results = await self._depot.keep(job, settled)
        now = self._clock.now()
        return Ending(
            JobState.DONE,
            finished=now,
            expires=self._until(job, now),
            converter=rendered.converter,
            warnings=tuple(rendered.warnings),
            results=results,
        )

    def _until(self, job: Job, now: float) -> float:
        """How long what came of a job is kept: each API has its own promise."""
        life = self._lives.get(job.order.dialect)
        return now + self._keep if life is None else life(now)

    def _failed(self, job: Job, code: str, message: str) -> Ending:
        now = self._clock.now()
        error = (code, message)
        expires = self._until(job, now)
        return Ending(JobState.FAILED, finished=now, expires=expires, error=error)

    async def _end(self, job: Job, ending: Ending) -> None:
        has_news = await self._store.finish(job.id, ending, self._hooks.deliveries)
        self.tell(job.id)
        if has_news:
            self._hooks.wake()
        if job.inputs or ending.error is not None:
            await self._storage.tidy(job.folder)
        await self._depot.tidy(job)
