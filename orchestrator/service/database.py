"""SQLite without ever waiting for the disk in the event loop.

Theory of operation
-------------------
Statements of an open transaction only touch memory, so they run in the event loop,
some ten microseconds each; what waits for the disk is the commit, and that alone runs
in a thread. While it does, further changes queue up, and they are the next commit.
There is no timer: an idle service commits each change at once, a busy one many at a
time.

Every change has a savepoint, so that one that fails takes only itself back. A change is
a function that decides and writes in one go; nothing else can come between.

Reading uses a connection of its own and sees what is committed, and only that.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], Any]
LARGEST_BATCH = 256


class Database:
    """One SQLite file, written by this object alone."""

    def __init__(self, path: Path, schema: str) -> None:
        self._db = _connect(path)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        self._db.executescript(schema)
        self.reader = _connect(path)
        self.reader.execute("PRAGMA query_only=1")
        self._thread = ThreadPoolExecutor(1, "commit")
        self._waiting: list[tuple[Change, asyncio.Future[Any]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Apply a change; return its value when it is on disk.

        Raises:
            sqlite3.Error: it could not be made durable and has not happened.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return await future

    async def close(self) -> None:
        """Finish what is being written and let go of the file."""
        if self._committing is not None:
            await self._committing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._db.close)
        self.reader.close()
        self._thread.shutdown()

    async def _commit_all(self) -> None:
        while self._waiting:
            batch = self._waiting[:LARGEST_BATCH]
            del self._waiting[:LARGEST_BATCH]
            await self._commit(batch)
        self._committing = None

    async def _commit(self, batch: list[tuple[Change, asyncio.Future[Any]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = [_apply(self._db, change) for change, _ in batch]
            await loop.run_in_executor(self._thread, self._db.execute, "COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            outcomes = [(None, error)] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            _settle(future, *outcome)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA cache_size=-16000")
    db.execute("PRAGMA busy_timeout=5000")
    return db


def _apply(db: sqlite3.Connection, change: Change) -> tuple[Any, Exception | None]:
    db.execute("SAVEPOINT change")
    try:
        value, error = change(db), None
    except Exception as met:  # handed to whoever asked for the change
        value, error = None, met
        if not db.in_transaction:
            raise
        db.execute("ROLLBACK TO change")
    db.execute("RELEASE change")
    return value, error


def _settle(
    future: asyncio.Future[Any], value: object, error: Exception | None
) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
