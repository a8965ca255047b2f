"""What every API of this service asks for: accept, look up, receive, delete.

It knows no HTTP; the native API and the dialects are thin words over it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.clock import Clock
from orchestrator.model import Mode
from orchestrator.service.depot import Depot
from orchestrator.service.intake import Intake
from orchestrator.service.jobs import Bill, Input, Job, JobState, Order
from orchestrator.service.params import decode
from orchestrator.service.problems import Problem
from orchestrator.service.render.work import Format, Renderer, Work
from orchestrator.service.runner import Runner
from orchestrator.service.settings import ServiceSettings
from orchestrator.service.storage import Storage, Tray
from orchestrator.service.store import Accepted, Along, Store, nothing

log = logging.getLogger(__name__)
SWEEP_EVERY = 60.0
CLEAR_EVERY = 3600.0


class Desk:
    """The counter of the service."""

    def __init__(
        self,
        *,
        store: Store,
        storage: Storage,
        depot: Depot,
        runner: Runner,
        renderer: Renderer,
        clock: Clock,
        settings: ServiceSettings,
    ) -> None:
        self._store = store
        self._storage = storage
        self._depot = depot
        self._runner = runner
        self._renderer = renderer
        self._clock = clock
        self._settings = settings
        self._receiving: Counter[str] = Counter()
        self.intake = Intake(
            store=store, storage=storage, find=self.find, most=settings.max_body
        )
        self.is_closing = False

    def check_room(self, job_id: str) -> None:
        """Refuse new work before its bytes are read, where it is clear already.

        Raises:
            Problem: the service is shutting down or has too much to do.
        """
        if self.is_closing:
            raise Problem("closing", "the service is shutting down")
        is_full = self._runner.waiting >= self._settings.max_queue
        if is_full and self._store.find(job_id) is None:
            raise Problem("too_many", "the queue is full; nothing was started")

    @contextmanager
    def receiving(self, job_id: str) -> Iterator[None]:
        """Say that the request for this job is being read."""
        self._receiving[job_id] += 1
        try:
            yield
        finally:
            self._receiving[job_id] -= 1
            if not self._receiving[job_id]:
                del self._receiving[job_id]

    def is_receiving(self, job_id: str) -> bool:
        """Whether a request for this job is being read."""
        return job_id in self._receiving

    def tray(self) -> Tray:
        """A place for the files of one request."""
        return self._storage.tray()

    async def submit(self, order: Order, tray: Tray) -> Accepted:
        """Accept an order with its files for work; durable when it returns.

        Raises:
            Problem: it cannot be done here, or the id belongs to another request.
        """
        return (await self.take_all([(order, tray)]))[0]

    async def submit_all(self, orders: Sequence[Order]) -> list[Job]:
        """Accept new orders without files, all or none; durable when it returns.

        Raises:
            Problem: they cannot be done here, or there is no room for all.
        """
        for order in {each.design: each for each in orders}.values():
            self._check_able(order, [], self._storage.tray().token)
        if self.is_closing:
            raise Problem("closing", "the service is shutting down")
        if self._runner.waiting + len(orders) > self._settings.max_queue:
            raise Problem("too_many", "the queue is full; nothing was started")
        placed = [(each, self._storage.tray().token) for each in orders]
        jobs = await self._store.submit_all(placed, now=self._clock.now())
        for job in jobs:
            self._runner.put(job.id)
        return jobs

    async def take_all(
        self, batch: Sequence[tuple[Order, Tray]], along: Along = nothing
    ) -> list[Accepted]:
        """Accept several orders, all or none; durable when it returns.

        Raises:
            Problem: one cannot be done here, or its id belongs to another request.
        """
        for order, tray in batch:
            self._check_able(order, tray.inputs, tray.token)
            self.check_room(order.id)
            await tray.seal()
        told = await self._store.submit(
            [(order, tray.inputs, tray.token) for order, tray in batch],
            now=self._clock.now(),
            along=along,
        )
        for (order, tray), accepted in zip(batch, told, strict=True):
            if accepted.is_replay:
                await tray.discard()
            else:
                self._runner.put(order.id)
        return told

    async def create(
        self,
        order: Order,
        inputs: Sequence[Input] = (),
        *,
        tray: Tray | None = None,
        expires: float | None = None,
        along: Along = nothing,
    ) -> Accepted:
        """Note an order whose files will be uploaded, or wait in a tray already.

        It is durable when it returns.

        Raises:
            Problem: it cannot be done here, or the id belongs to another request.
        """
        if self.is_closing:
            raise Problem("closing", "the service is shutting down")
        if tray is not None:
            await tray.seal()
            inputs = tray.inputs
        token = (tray or self.tray()).token
        self._check_able(order, inputs, token)
        now = self._clock.now()
        life = now + self._settings.keep_results
        return await self._store.create(
            order,
            inputs,
            folder=token,
            now=now,
            expires=life if expires is None else expires,
            along=along,
        )

    async def execute(self, job_id: str) -> Accepted:
        """Accept a job whose files were uploaded; durable when it returns.

        Raises:
            Problem: there is no such job, or it cannot start.
        """
        self.check_room(job_id)
        job = self.find(job_id)
        if job.state is JobState.CREATED and (
            self._runner.waiting >= self._settings.max_queue
        ):
            raise Problem("too_many", "the queue is full; nothing was started")
        return (await self.execute_all([job_id]))[0]

    async def execute_all(
        self, job_ids: Sequence[str], along: Along = nothing
    ) -> list[Accepted]:
        """Accept several created jobs, all or none; durable when it returns.

        Raises:
            Problem: one cannot start.
        """
        jobs = [await self._joined(self.find(each)) for each in job_ids]
        for job in jobs:
            self._check_sizes(job)
        told = await self._store.execute(jobs, now=self._clock.now(), along=along)
        for accepted in told:
            if not accepted.is_replay:
                self._runner.put(accepted.job.id)
        return told

    async def gather(self, jobs: Sequence[Job]) -> Tray:
        """A tray with the files of jobs that were created and not executed."""
        tray = self.tray()
        for job in jobs:
            for n, each in enumerate(job.inputs):
                path = self._storage.held(job.folder, n, job.order.source)
                await tray.adopt(each, job.order.source, path)
        return tray

    def find(self, job_id: str) -> Job:
        """A job as it stands.

        Raises:
            Problem: there is none, or it was deleted.
        """
        job = self._store.find(job_id)
        if job is None or job.state is JobState.DELETED:
            raise Problem("not_found", "there is no such job")
        return job

    async def look(self, job: Job) -> Job:
        """A job with its inputs as they are now, wherever callers put them."""
        is_waiting = job.uses_depot and job.state is JobState.CREATED
        return await self._depot.look(job) if is_waiting else job

    async def _joined(self, job: Job) -> Job:
        """A job with its inputs as they are now, made of their parts where all came."""
        if job.state is JobState.CREATED and job.has_parts():
            await self._depot.join(job)
        return await self.look(job)

    async def ended(self, job_id: str, *, may_leave: bool = False) -> Job:
        """The job, when it has ended, or when it has to wait for room on the disk."""
        return await self._runner.ended(job_id, may_leave=may_leave)

    @property
    def has_no_room(self) -> bool:
        """Whether accepted jobs wait for room on the disk."""
        return self._runner.has_no_room

    def page(self, *, state: JobState | None, after: str, limit: int) -> list[Job]:
        """Jobs in the order of arrival, after the one with the id ``after``."""
        behind = self._store.find(after) if after else None
        if after and behind is None:
            raise Problem("not_found", "there is no job with the id given as after")
        n = behind.n if behind else 0
        return self._store.page(state=state, after=n, limit=limit)

    def result(self, job: Job, n: int) -> Path:
        """Where a result is.

        Raises:
            Problem: the job has no such result, or no longer.
        """
        if job.has_expired(self._clock.now()):
            raise Problem("expired", "the result has expired")
        if n >= len(job.results):
            raise Problem("not_found", f"the job is {job.state} and has no result {n}")
        return self._storage.result(job.folder, n)

    async def delete(self, job_id: str) -> None:
        """Remove a job's bytes; its bill and its id stay."""
        if self.is_receiving(job_id) and self._store.find(job_id) is None:
            raise Problem("wrong_state", "the request is still being read")
        if not await self.delete_all([job_id]):
            raise Problem("not_found", "there is no such job")

    async def delete_all(self, job_ids: Sequence[str]) -> int:
        """Remove the bytes of those that are known; say how many."""
        deleted = await self._store.delete(job_ids)
        for job in deleted:
            self._runner.tell(job.id)
        in_hand = self._runner.in_hand
        idle = [each for each in deleted if each.folder and each.id not in in_hand]
        await self._store.swept([each.id for each in await self._cleared(idle)])
        return len(deleted)

    async def _cleared(self, jobs: Sequence[Job]) -> list[Job]:
        """Remove files; give the jobs whose files are gone."""
        cleared = []
        for job in jobs:
            try:
                if job.order.mode is Mode.PRESIGNED:
                    await self._depot.remove(job.folder)
            except Problem as problem:
                log.warning("job %s is swept later: %s", job.id, problem.message)
            else:
                cleared.append(job)
        await self._storage.remove(*(each.folder for each in cleared))
        return cleared

    def bill(self) -> Bill:
        """What was accepted so far."""
        return self._store.bill()

    def formats(self) -> Sequence[Format]:
        """What this instance can do."""
        return self._renderer.formats()

    async def sweep(self) -> None:
        """Remove files whose time is over, and those of deleted jobs."""
        while self._store.has_sweepable(self._clock.now()):
            expired = await self._store.expire(self._clock.now())
            found = [each for each in expired if each.id not in self._runner.in_hand]
            for each in found:
                await self._remove(each.folder, each.mode)
            await self._store.swept([each.id for each in found])
            if not found:
                return

    async def clear(self) -> None:
        """Remove what was uploaded for jobs that are over."""
        await self._depot.clear(self._store.has_folder)

    async def run(self) -> None:
        """Sweep for ever."""
        pause = min(SWEEP_EVERY, self._settings.keep_results / 4)
        due = self._clock.monotonic()
        while True:
            try:
                await self.sweep()
                if due <= self._clock.monotonic():
                    await self.clear()
                    due = self._clock.monotonic() + CLEAR_EVERY
            except Problem as problem:
                log.warning("the sweep goes on later: %s", problem.message)
            except (OSError, sqlite3.Error):
                log.exception("the sweep goes on later")
            await self._clock.sleep(max(pause, 0.05))

    async def _remove(self, folder: str, mode: Mode) -> None:
        if mode is Mode.PRESIGNED:
            await self._depot.remove(folder)
        await self._storage.remove(folder)

    def _check_sizes(self, job: Job) -> None:
        limit = self._settings.max_body
        if any(each.size is not None and each.size > limit for each in job.inputs):
            raise Problem("too_large", f"a file may have {limit} bytes")

    def _check_able(self, order: Order, inputs: Sequence[Input], token: str) -> None:
        work = Work(
            operation=order.operation,
            inputs=[
                self._storage.input(token, n, order.source) for n in range(len(inputs))
            ],
            names=[each.name for each in inputs],
            source=order.source,
            target=order.target,
            folder=self._storage.folder(token),
            params=decode(order.params),
            design=order.design,
        )
        error = self._renderer.objection(work)
        if error is not None:
            raise Problem(error.code, str(error))
