"""ComPDF's tasks: a group of jobs under one id, beside the job table.

A task is a row; each of its files is a job, whose id begins with the task's. Where a
task stands is not written down but follows from its jobs, so the two cannot disagree.
The files of a merge are created jobs that wait; its start puts one job in their place.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.service import rows
from orchestrator.service.database import Database
from orchestrator.service.dialects.compdf.codes import (
    MERGE_LIMIT,
    NO_FILE_KEY,
    NO_TASK,
    OVERDUE,
    TASK_LIMIT,
    WRONG_STATE,
    Refusal,
)
from orchestrator.service.dialects.compdf.tools import MOST_FILES, Tool, tool
from orchestrator.service.jobs import Job, JobState
from orchestrator.service.problems import Problem

DIALECT = "compdf"
LIFE = 3600.0
"""Seconds in which a task must be started."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS compdf_task (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tool TEXT NOT NULL,
  callback TEXT NOT NULL, created REAL NOT NULL, closed REAL,
  settled INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS compdf_task_open ON compdf_task (created) WHERE settled = 0;
"""
_SELECT = "SELECT id, tool, callback, created, closed FROM compdf_task"


class Status(StrEnum):
    """Where a task stands, in the vendor's words."""

    START = "TaskStart"
    WAITING = "TaskWaiting"
    PROCESSING = "TaskProcessing"
    FINISH = "TaskFinish"
    OVERDUE = "TaskOverdue"


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its files; times in seconds since the epoch."""

    id: str
    tool: Tool
    callback: str
    created: float
    closed: float | None = None
    files: tuple[Job, ...] = ()

    @property
    def overdue(self) -> float:
        """When it can no longer be started."""
        return self.created + LIFE

    def status(self, now: float) -> Status:
        """Where it stands."""
        begun = [each for each in self.files if has_begun(each)]
        if not begun:
            is_over = self.closed is not None or now >= self.overdue
            return Status.OVERDUE if is_over else Status.START
        if all(each.state.is_ended for each in begun):
            return Status.FINISH
        if all(each.state is JobState.QUEUED for each in begun):
            return Status.WAITING
        return Status.PROCESSING


def has_begun(file: Job) -> bool:
    """Whether a file was accepted for work."""
    if file.state is JobState.EXPIRED:
        return file.started is not None
    return file.state is not JobState.CREATED


def file_key(task_id: str) -> str:
    """A key for a new file of a task."""
    return f"{task_id}_{secrets.token_hex(6)}"


def task_id(key: str) -> str:
    """The task that a file belongs to."""
    return key.rpartition("_")[0]


def insert(db: sqlite3.Connection, task: Task) -> None:
    """Add a task, inside a change."""
    db.execute(
        "INSERT INTO compdf_task (id, tool, callback, created) VALUES (?, ?, ?, ?)",
        (task.id, task.tool.name, task.callback, task.created),
    )


def find(db: sqlite3.Connection, wanted: str) -> Task:
    """The task with this id, as it stands.

    Raises:
        Refusal: there is none.
    """
    row = db.execute(f"{_SELECT} WHERE id = ?", (wanted,)).fetchone()
    if row is None:
        raise Refusal(NO_TASK, "there is no such task")
    return _task(db, row)


def check_open(task: Task, now: float) -> None:
    """Check that a task takes files, and its start.

    Raises:
        Refusal: it was started, or its time is over.
    """
    status = task.status(now)
    if status is Status.OVERDUE:
        raise Refusal(OVERDUE, "the task was not started in time")
    if status is not Status.START:
        raise Refusal(WRONG_STATE, f"the task is {status}, not {Status.START}")


def check_place(task: Task, now: float, *, more: int = 1) -> None:
    """Check that a task takes so many more files.

    Raises:
        Refusal: it has its five, or takes none any more.
    """
    check_open(task, now)
    if len(task.files) + more > MOST_FILES:
        number = MERGE_LIMIT if task.tool.takes_many else TASK_LIMIT
        raise Refusal(number, f"a task takes {MOST_FILES} files")


def settle(db: sqlite3.Connection, wanted: str) -> None:
    """Note that the last event of a task was told."""
    db.execute("UPDATE compdf_task SET settled = 1 WHERE id = ?", (wanted,))


def close(db: sqlite3.Connection, task: Task, now: float) -> None:
    """End a task: its files may be swept, its record stays."""
    db.execute("UPDATE compdf_task SET closed = ? WHERE id = ?", (now, task.id))
    for each in task.files:
        rows.update(db, each.id, expires=now)


def late(db: sqlite3.Connection, now: float, limit: int = 256) -> list[Task]:
    """Tasks whose time is over and that were not told of, whatever became of them."""
    found = db.execute(
        f"{_SELECT} WHERE settled = 0 AND created <= ? LIMIT ?", (now - LIFE, limit)
    )
    return [_task(db, row) for row in found.fetchall()]


class Tasks:
    """Tasks as others see them: what is committed."""

    def __init__(self, base: Database) -> None:
        self._base = base

    def find(self, wanted: str) -> Task:
        """The task with this id.

        Raises:
            Refusal: there is none.
        """
        return find(self._base.reader, wanted)

    def file(self, key: str) -> tuple[Task, Job]:
        """A file and its task.

        Raises:
            Refusal: there is no such file.
        """
        try:
            task = self.find(task_id(key))
        except Problem:
            task = None
        for each in task.files if task else ():
            if task is not None and each.id == key:
                return task, each
        raise Refusal(NO_FILE_KEY, "there is no such file")

    def page(self, page: int, size: int) -> Sequence[Task]:
        """Tasks, the newest first."""
        db = self._base.reader
        found = db.execute(
            f"{_SELECT} ORDER BY n DESC LIMIT ? OFFSET ?", (size, (page - 1) * size)
        )
        return [_task(db, row) for row in found.fetchall()]

    def count(self) -> int:
        """How many tasks there are."""
        found = self._base.reader.execute("SELECT count(*) FROM compdf_task")
        count: int = found.fetchone()[0]
        return count


def _task(db: sqlite3.Connection, row: sqlite3.Row) -> Task:
    # The sign behind "_" is "`": this is the range of ids that begin with the task's.
    found = db.execute(
        f"{rows.SELECT} WHERE id > ? AND id < ? AND dialect = ? AND state != ?"
        " ORDER BY n",
        (f"{row['id']}_", f"{row['id']}`", DIALECT, JobState.DELETED),
    )
    return Task(
        id=row["id"],
        tool=tool(row["tool"]),
        callback=row["callback"],
        created=row["created"],
        closed=row["closed"],
        files=tuple(rows.job_of(db, each) for each in found.fetchall()),
    )
