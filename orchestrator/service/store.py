"""The durable job table and the bill; knows no HTTP.

Every method that writes returns when what it says is on disk. Decisions are made inside
the change, so that two requests for one id can never both be the first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from orchestrator.model import Mode
from orchestrator.service import rows
from orchestrator.service.database import Database
from orchestrator.service.jobs import Bill, Input, Job, JobState, Order
from orchestrator.service.outbox import Delivery, post
from orchestrator.service.problems import Problem
from orchestrator.service.rows import Ending

DEATHS = 7
"""Deaths of the service while a job ran, after which the job is held to be the cause.

From the second on it ran alone, and from the third on in a service that had been well.
"""
Along = Callable[[sqlite3.Connection], None]
"""What a dialect does in the same transaction, and before; it may refuse."""
Submitted = tuple[Order, Sequence[Input], str]
"""An order, its inputs and the name of the folder that holds them."""
Deliveries = Callable[[sqlite3.Connection, Job, Ending], Sequence[Delivery]]
"""Whom to tell of the end of a job; asked in the transaction that writes it."""
SWEEPABLE = "FROM job WHERE folder != '' AND (expires <= ? OR state = ?)"


def nothing(_: sqlite3.Connection) -> None:
    """Do nothing along."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request: its job, and whether the request was a repetition."""

    job: Job
    is_replay: bool


class Over(NamedTuple):
    """A job whose files may go."""

    id: str
    folder: str
    mode: Mode


class Store:
    """The job table."""

    def __init__(self, base: Database, *, deduplicate: bool = True) -> None:
        self._base = base
        self._deduplicate = deduplicate

    def find(self, job_id: str) -> Job | None:
        """The job with this id; a deleted one is a tombstone."""
        return rows.find(self._base.reader, job_id)

    def params(self, job: Job) -> bytes:
        """The job's params as canonical JSON; empty once it has ended."""
        query = "SELECT params FROM job WHERE n = ?"
        params = self._base.reader.execute(query, (job.n,)).fetchone()[0]
        return params or b"{}"

    def page(
        self, *, state: JobState | None, after: int = 0, limit: int = 100
    ) -> list[Job]:
        """Jobs behind place ``after`` in the order of arrival, but the deleted."""
        db = self._base.reader
        test = "state = ?" if state else "state != ?"
        found = db.execute(
            f"{rows.SELECT} WHERE {test} AND n > ? ORDER BY n LIMIT ?",
            (state or JobState.DELETED, after, limit),
        )
        return [rows.job_of(db, row) for row in found.fetchall()]

    def queued(self) -> list[str]:
        """Ids of the jobs that wait, in the order of arrival."""
        query = "SELECT id FROM job WHERE state = ? ORDER BY n"
        found = self._base.reader.execute(query, (JobState.QUEUED,))
        return [row[0] for row in found]

    def suspects(self) -> dict[str, int]:
        """Jobs that wait, and at how many deaths of the service they were at work."""
        query = "SELECT id, deaths FROM job WHERE state = ? AND deaths > 0 ORDER BY n"
        found = self._base.reader.execute(query, (JobState.QUEUED,))
        return {row["id"]: row["deaths"] for row in found}

    def has_folder(self, folder: str) -> bool:
        """Whether a job owns this folder."""
        query = "SELECT 1 FROM job WHERE folder = ? AND folder != ''"
        return self._base.reader.execute(query, (folder,)).fetchone() is not None

    def bill(self) -> Bill:
        """What was accepted so far."""
        db = self._base.reader
        counts = {"accepted": 0, "replay": 0}
        found = db.execute("SELECT kind, count(*) FROM bill GROUP BY kind")
        counts.update((row[0], row[1]) for row in found)
        jobs = db.execute("SELECT count(DISTINCT job) FROM bill").fetchone()[0]
        return Bill(counts["accepted"], counts["replay"], jobs)

    async def submit(
        self, batch: Sequence[Submitted], *, now: float, along: Along = nothing
    ) -> list[Accepted]:
        """Accept orders with all their inputs for work: jobs and bill in one go.

        Raises:
            Problem: an id belongs to another request; then none is accepted.
        """

        def change(db: sqlite3.Connection) -> list[Accepted]:
            along(db)
            return [self._submit(db, each, now) for each in batch]

        return await self._base.write(change)

    async def submit_all(
        self, orders: Sequence[tuple[Order, str]], *, now: float
    ) -> list[Job]:
        """Accept new orders without inputs, each with its folder: all or none.

        Raises:
            Problem: an id belongs to another request.
        """

        def change(db: sqlite3.Connection) -> list[Job]:
            jobs = []
            for order, folder in orders:
                self._charge(db, order.id, now, is_first=True)
                if rows.find(db, order.id) is not None:
                    raise Problem("id_in_use", "another request has this id")
                state = JobState.QUEUED
                jobs.append(
                    rows.insert(db, order, [], state=state, folder=folder, now=now)
                )
            return jobs

        return await self._base.write(change)

    async def create(
        self,
        order: Order,
        inputs: Sequence[Input],
        *,
        folder: str,
        now: float,
        expires: float,
        along: Along = nothing,
    ) -> Accepted:
        """Note an order whose inputs will come; nothing is billed yet.

        Raises:
            Problem: the id belongs to another request.
        """

        def change(db: sqlite3.Connection) -> Accepted:
            along(db)
            job = rows.same(db, order, inputs)
            if job is not None:
                return Accepted(job, is_replay=True)
            job = rows.insert(
                db,
                order,
                inputs,
                state=JobState.CREATED,
                folder=folder,
                now=now,
                expires=expires,
            )
            return Accepted(job, is_replay=False)

        return await self._base.write(change)

    async def receive(self, job_id: str, n: int, *, size: int, sha256: str) -> None:
        """Note that an input is here, whole.

        Raises:
            Problem: the job is gone or no longer takes inputs.
        """

        def change(db: sqlite3.Connection) -> None:
            job = rows.known(db, job_id)
            if job.state is not JobState.CREATED:
                raise Problem("wrong_state", f"the job is {job.state}, not created")
            db.execute(
                "UPDATE input SET size = ?, sha256 = ? WHERE job = ? AND n = ?",
                (size, sha256, job.n, n),
            )

        await self._base.write(change)

    async def execute(
        self, jobs: Sequence[Job], *, now: float, along: Along = nothing
    ) -> list[Accepted]:
        """Accept created jobs for work: states and bill in one go.

        They come with their inputs as they were found when it was asked for.

        ``inputs`` are its inputs as they were found when it was asked for.

        Raises:
            Problem: a job is gone, was not created for uploads, or lacks inputs; then
                none is accepted.
        """

        def change(db: sqlite3.Connection) -> list[Accepted]:
            along(db)
            return [self._execute(db, each, now) for each in jobs]

        return await self._base.write(change)

    async def start(self, job_id: str, *, now: float) -> Job | None:
        """Take a queued job up; ``None`` when it is no longer queued.

        It counts as one death of the service in advance: nobody could write it later.
        """

        def change(db: sqlite3.Connection) -> Job | None:
            job = rows.find(db, job_id)
            if job is None or job.state is not JobState.QUEUED:
                return None
            state, deaths = JobState.RUNNING, job.deaths + 1
            rows.update(db, job_id, state=state, started=now, deaths=deaths)
            return replace(job, state=state, started=now, deaths=deaths)

        return await self._base.write(change)

    async def put_back(self, job_ids: Sequence[str]) -> None:
        """Queue running jobs again that are stopped for no fault of their own."""

        def change(db: sqlite3.Connection) -> None:
            db.executemany(
                "UPDATE job SET state = ?, deaths = deaths - 1"
                " WHERE id = ? AND state = ?",
                [(JobState.QUEUED, each, JobState.RUNNING) for each in job_ids],
            )

        await self._base.write(change)

    async def finish(self, job_id: str, ending: Ending, tell: Deliveries) -> bool:
        """Write how a running job ended, and whom to tell; whether there is any."""

        def change(db: sqlite3.Connection) -> bool:
            job = rows.find(db, job_id)
            if job is None or job.state is not JobState.RUNNING:
                return False
            rows.end(db, job_id, ending)
            deliveries = tell(db, job, ending)
            for each in deliveries:
                post(db, each)
            return bool(deliveries)

        return await self._base.write(change)

    async def recover(self) -> list[Job]:
        """Queue again what was running when the service died.

        Jobs with which it died too often stay running, and are returned.
        """

        def change(db: sqlite3.Connection) -> list[Job]:
            db.execute(
                "UPDATE job SET state = ? WHERE state = ? AND deaths < ?",
                (JobState.QUEUED, JobState.RUNNING, DEATHS),
            )
            found = db.execute(rows.SELECT + "WHERE state = ?", (JobState.RUNNING,))
            return [rows.job_of(db, row) for row in found.fetchall()]

        return await self._base.write(change)

    async def delete(self, job_ids: Sequence[str]) -> list[Job]:
        """Leave only tombstones and the bill; the folders are to be swept.

        Gives the jobs that there were, as they were.
        """

        def change(db: sqlite3.Connection) -> list[Job]:
            found = [rows.find(db, each) for each in job_ids]
            jobs = [each for each in found if each is not None]
            empty = {"results": "[]", "warnings": "[]", "extra": "{}"}
            gone = dict.fromkeys(("params", "webhook", "error"))
            for job in jobs:
                rows.update(db, job.id, state=JobState.DELETED, **empty, **gone)
                db.execute("DELETE FROM input WHERE job = ?", (job.n,))
                db.execute("DELETE FROM etag WHERE job = ?", (job.n,))
            return jobs

        return await self._base.write(change)

    def has_sweepable(self, now: float) -> bool:
        """Whether there are jobs whose files may go."""
        query = f"SELECT 1 {SWEEPABLE} LIMIT 1"
        found = self._base.reader.execute(query, (now, JobState.DELETED))
        return found.fetchone() is not None

    async def expire(self, now: float, limit: int = 256) -> list[Over]:
        """End what has expired; return the jobs whose files may go.

        Both in one change: a job that is executed at this moment is one or the other.
        """

        def change(db: sqlite3.Connection) -> list[Over]:
            query = f"SELECT id, folder, mode {SWEEPABLE} LIMIT ?"
            found = db.execute(query, (now, JobState.DELETED, limit)).fetchall()
            db.executemany(
                "UPDATE job SET state = ? WHERE id = ? AND state IN (?, ?)",
                [
                    (JobState.EXPIRED, row["id"], JobState.DONE, JobState.CREATED)
                    for row in found
                ],
            )
            return [Over(row["id"], row["folder"], Mode(row["mode"])) for row in found]

        return await self._base.write(change)

    async def swept(self, job_ids: Sequence[str]) -> None:
        """Note that folders are gone."""
        if not job_ids:
            return

        def change(db: sqlite3.Connection) -> None:
            query = "UPDATE job SET folder = '' WHERE id = ?"
            db.executemany(query, [(each,) for each in job_ids])

        await self._base.write(change)

    def _submit(self, db: sqlite3.Connection, each: Submitted, now: float) -> Accepted:
        order, inputs, folder = each
        job = rows.same(db, order, inputs)
        self._charge(db, order.id, now, is_first=job is None)
        if job is not None:
            return Accepted(job, is_replay=True)
        state = JobState.QUEUED
        job = rows.insert(db, order, inputs, state=state, folder=folder, now=now)
        return Accepted(job, is_replay=False)

    def _execute(self, db: sqlite3.Connection, seen: Job, now: float) -> Accepted:
        job = rows.known(db, seen.id)
        if job.state is not JobState.CREATED:
            _check_executed(job)
            self._charge(db, job.id, now, is_first=False)
            return Accepted(job, is_replay=True)
        job = rows.found(db, job, seen.inputs)
        _check_complete(job)
        rows.update(db, job.id, state=JobState.QUEUED, expires=None)
        self._charge(db, job.id, now, is_first=True)
        job = replace(job, state=JobState.QUEUED, expires=None)
        return Accepted(job, is_replay=False)

    def _charge(
        self, db: sqlite3.Connection, job_id: str, now: float, *, is_first: bool
    ) -> None:
        kind = "accepted" if is_first or not self._deduplicate else "replay"
        query = "INSERT INTO bill (job, at, kind) VALUES (?, ?, ?)"
        db.execute(query, (job_id, now, kind))


def _check_complete(job: Job) -> None:
    for n, each in enumerate(job.inputs):
        if each.is_received:
            continue
        why = f"file {n} is not uploaded yet"
        if each.size is not None:
            why = f"file {n} has {each.size} bytes, {each.declared} were declared"
        raise Problem("wrong_state", why)


def _check_executed(job: Job) -> None:
    if job.order.mode is not Mode.PRESIGNED:
        raise Problem("wrong_state", f"a job of mode {job.order.mode} runs by itself")
    if job.state is JobState.EXPIRED and job.started is None:
        raise Problem("expired", "the job was not executed in time")
