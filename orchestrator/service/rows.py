"""How jobs stand in SQLite: the tables, and rows from and to values."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from orchestrator.model import Mode
from orchestrator.service.jobs import Input, Job, JobState, Order, Result
from orchestrator.service.problems import Problem

SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  dialect TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL,
  operation TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
  design TEXT, webhook TEXT, extra BLOB NOT NULL,
  fingerprint TEXT NOT NULL, folder TEXT NOT NULL, deaths INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL, started REAL, finished REAL, expires REAL,
  converter TEXT NOT NULL DEFAULT '', warnings BLOB NOT NULL DEFAULT '[]',
  results BLOB NOT NULL DEFAULT '[]', error BLOB, params BLOB);
CREATE INDEX IF NOT EXISTS job_state ON job (state, n);
CREATE INDEX IF NOT EXISTS job_expires ON job (expires) WHERE folder != '';
CREATE INDEX IF NOT EXISTS job_folder ON job (folder) WHERE folder != '';
CREATE TABLE IF NOT EXISTS input (
  job INTEGER NOT NULL REFERENCES job, n INTEGER NOT NULL, name TEXT NOT NULL,
  declared INTEGER, size INTEGER, sha256 TEXT, PRIMARY KEY (job, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS etag (
  job INTEGER NOT NULL REFERENCES job, n INTEGER NOT NULL, tag TEXT NOT NULL,
  PRIMARY KEY (job, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bill (
  n INTEGER PRIMARY KEY, job TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
  id TEXT PRIMARY KEY, url TEXT NOT NULL, body BLOB NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL,
  dialect TEXT NOT NULL DEFAULT 'native') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due);
PRAGMA user_version = 1;
"""
SELECT = """
SELECT n, id, dialect, state, mode, operation, source, target, design, webhook, extra,
  fingerprint, folder, deaths, created, started, finished, expires, converter,
  warnings, results, error
FROM job """


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended; ``error`` is code and message of what went wrong."""

    state: JobState
    finished: float
    expires: float
    converter: str = ""
    warnings: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    error: tuple[str, str] | None = None


def find(db: sqlite3.Connection, job_id: str) -> Job | None:
    """The job with this id; a deleted one is a tombstone."""
    row = db.execute(SELECT + "WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else job_of(db, row)


def known(db: sqlite3.Connection, job_id: str) -> Job:
    """The job with this id.

    Raises:
        Problem: there is none, or it was deleted.
    """
    job = find(db, job_id)
    if job is None or job.state is JobState.DELETED:
        raise Problem("not_found", "there is no such job")
    return job


def same(db: sqlite3.Connection, order: Order, inputs: Sequence[Input]) -> Job | None:
    """The job that this request made before, or ``None`` if the id is new.

    Raises:
        Problem: the id belongs to another request.
    """
    job = find(db, order.id)
    if job is None:
        return None
    if job.state is JobState.DELETED:
        raise Problem("id_in_use", "a deleted job had this id")
    if job.fingerprint != order.fingerprint(inputs):
        raise Problem("id_in_use", "another request has this id")
    return job


def insert(
    db: sqlite3.Connection,
    order: Order,
    inputs: Sequence[Input],
    *,
    state: JobState,
    folder: str,
    now: float,
    expires: float | None = None,
) -> Job:
    """Add a job with its inputs."""
    row = {
        **{name: getattr(order, name) for name in ORDER},
        "extra": msgspec.json.encode(order.extra),
        "params": order.params,
        "state": state,
        "fingerprint": order.fingerprint(inputs),
        "folder": folder,
        "created": now,
        "expires": expires,
    }
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    done = db.execute(
        f"INSERT INTO job ({names}) VALUES ({marks})",  # noqa: S608  # names of our own
        tuple(row.values()),
    )
    db.executemany(
        "INSERT INTO input (job, n, name, declared, size, sha256)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (done.lastrowid, n, each.name, each.declared, each.size, each.sha256)
            for n, each in enumerate(inputs)
        ],
    )
    return known(db, order.id)


ORDER = (
    "id",
    "dialect",
    "mode",
    "operation",
    "source",
    "target",
    "design",
    "webhook",
)


def update(db: sqlite3.Connection, job_id: str, **values: Any) -> None:
    """Change columns of one job."""
    names = ", ".join(f"{name} = ?" for name in values)
    db.execute(
        f"UPDATE job SET {names} WHERE id = ?",  # noqa: S608  # names of our own
        (*values.values(), job_id),
    )


def found(db: sqlite3.Connection, job: Job, inputs: Sequence[Input]) -> Job:
    """Note inputs that lie at a store; return the job with them."""
    merged = tuple(
        known if known.sha256 is not None else seen
        for known, seen in zip(job.inputs, inputs, strict=True)
    )
    for n, each in enumerate(merged):
        if each.tag is not None:
            place = (job.n, n)
            values = (each.size, *place)
            db.execute("UPDATE input SET size = ? WHERE job = ? AND n = ?", values)
            query = "INSERT OR REPLACE INTO etag (job, n, tag) VALUES (?, ?, ?)"
            db.execute(query, (*place, each.tag))
    return replace(job, inputs=merged)


def end(db: sqlite3.Connection, job_id: str, ending: Ending) -> None:
    """Write how a job ended; its params are no longer needed."""
    update(
        db,
        job_id,
        state=ending.state,
        finished=ending.finished,
        expires=ending.expires,
        converter=ending.converter,
        warnings=msgspec.json.encode(ending.warnings),
        results=msgspec.json.encode([asdict(each) for each in ending.results]),
        error=None if ending.error is None else msgspec.json.encode(ending.error),
        params=None,
    )


def job_of(db: sqlite3.Connection, row: sqlite3.Row) -> Job:
    """The job of a row, with its inputs."""
    inputs = db.execute(
        "SELECT name, declared, size, sha256, tag FROM input"
        " LEFT JOIN etag USING (job, n) WHERE job = ? ORDER BY n",
        (row["n"],),
    )
    error = row["error"]
    return Job(
        n=row["n"],
        order=_order(row),
        state=JobState(row["state"]),
        fingerprint=row["fingerprint"],
        folder=row["folder"],
        created=row["created"],
        deaths=row["deaths"],
        started=row["started"],
        finished=row["finished"],
        expires=row["expires"],
        converter=row["converter"],
        warnings=tuple(msgspec.json.decode(row["warnings"])),
        results=msgspec.json.decode(row["results"], type=tuple[Result, ...]),
        error=error and msgspec.json.decode(error, type=tuple[str, str]),
        inputs=tuple(Input(*each) for each in inputs),
    )


def _order(row: sqlite3.Row) -> Order:
    facts = {name: row[name] for name in ORDER if name != "mode"}
    extra = msgspec.json.decode(row["extra"])
    return Order(mode=Mode(row["mode"]), extra=extra, params=b"", **facts)
