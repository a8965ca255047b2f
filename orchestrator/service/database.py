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
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], Any]
LARGEST_BATCH = 256
VERSION = 1
"""Of the layout: more when tables change so that an older service would do harm."""


class OtherVersion(Exception):
    """The file was made by another version of the service."""


class Database:
    """One SQLite file, written by this object alone."""

    def __init__(self, path: Path, schema: str) -> None:
        self._db = _connect(path)
        try:
            _prepare(self._db, schema)
        except BaseException:
            self._db.close()
            raise
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
            with suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            outcomes = [(None, error)] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            _settle(future, *outcome)


def _prepare(db: sqlite3.Connection, schema: str) -> None:
    """Make the tables of a new file; refuse one whose tables are others."""
    if (found := db.execute("PRAGMA user_version").fetchone()[0]) > VERSION:
        raise OtherVersion(f"its version is {found}, this service knows {VERSION}")
    with closing(_connect(":memory:")) as ours:
        ours.executescript(schema)
        _compare(db, ours)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
    db.executescript(schema)
    db.execute(f"PRAGMA user_version={VERSION}")


def _compare(db: sqlite3.Connection, ours: sqlite3.Connection) -> None:
    tables = ours.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    for (name,) in tables.fetchall():
        found = _columns(db, name)
        if found and (lacking := _columns(ours, name) - found):
            raise OtherVersion(f"table {name} lacks {', '.join(sorted(lacking))}")


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    rows = db.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return {name for (name,) in rows}


def _connect(path: Path | str) -> sqlite3.Connection:
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
