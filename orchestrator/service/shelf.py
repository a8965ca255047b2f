"""Files that callers store for a while, apart from any job.

A file is received whole or not at all, is found by an id that nobody can guess, and is
removed when its time is over. Its bytes come to disk before its row, so what a start
finds there without a row was never promised to anybody.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from anyio import to_thread

from orchestrator.clock import Clock
from orchestrator.service.database import Database
from orchestrator.service.problems import Problem
from orchestrator.service.settings import ServiceSettings
from orchestrator.service.storage import Incoming, sync_folder

log = logging.getLogger(__name__)
SCHEMA = """
CREATE TABLE IF NOT EXISTS shelf (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
  expires REAL NOT NULL, is_removed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shelf_expires ON shelf (expires);
"""
SWEEP_EVERY = 60.0
AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Stored:
    """A file on the shelf; size in bytes, ``expires`` in seconds since the epoch."""

    id: str
    name: str
    size: int
    sha256: str
    expires: float


class Shelf:
    """The files below one folder of the data folder, and their rows."""

    def __init__(self, base: Database, settings: ServiceSettings, clock: Clock) -> None:
        self._base = base
        self._settings = settings
        self._clock = clock
        self._folder = settings.data / "shelf"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def find(self, file_id: str) -> Stored | None:
        """The file with this id, if it is here."""
        row = self._row(file_id)
        if row is None or row["is_removed"] or row["expires"] <= self._clock.now():
            return None
        return Stored(*[row[name] for name in Stored.__slots__])

    def path(self, file_id: str) -> Path:
        """Where the bytes of a file are."""
        return self._folder / file_id[:2] / file_id

    async def take(
        self, file_id: str, name: str, chunks: AsyncIterator[bytes]
    ) -> Stored:
        """Store what is being received; the same bytes again only last longer.

        Raises:
            Problem: it is too large, or the id belongs to a file with other bytes.
        """
        path = self.path(file_id)
        await to_thread.run_sync(_make, path.parent)
        incoming = Incoming(path, limit=self._settings.max_body)
        try:
            async for chunk in chunks:
                await incoming.feed(chunk)
            sha256 = await incoming.finish()
            async with self._lock(file_id):
                known = self.find(file_id)
                if known is not None and known.sha256 != sha256:
                    raise Problem("id_in_use", "another file has this id")
                if known is None:
                    await incoming.keep()
                stored = self._stored(file_id, name, incoming.size, sha256)
                await self._write(stored)
                return stored
        finally:
            await incoming.discard()

    async def put(
        self, file_id: str, name: str, path: Path, *, size: int, sha256: str
    ) -> Stored | None:
        """Store a file that is on disk, once; ``None`` if it was removed since.

        Raises:
            FileNotFoundError: it is not on disk.
        """
        async with self._lock(file_id):
            if self._row(file_id) is not None:
                return self.find(file_id)
            await to_thread.run_sync(_link, path, self.path(file_id))
            stored = self._stored(file_id, name, size, sha256)
            await self._write(stored)
            return stored

    async def remove(self, file_id: str) -> bool:
        """Remove a file; false if there is none."""
        async with self._lock(file_id):
            if self.find(file_id) is None:
                return False

            def change(db: sqlite3.Connection) -> None:
                db.execute("UPDATE shelf SET is_removed = 1 WHERE id = ?", (file_id,))

            await self._base.write(change)
            await to_thread.run_sync(_unlink, self.path(file_id))
            return True

    async def clear(self) -> None:
        """Remove what a start finds here that has no row."""
        for path in await to_thread.run_sync(_every, self._folder):
            row = self._row(path.name)
            if row is None or row["is_removed"]:
                await to_thread.run_sync(_unlink, path)

    async def sweep(self) -> None:
        """Remove files whose time is over."""
        query = "SELECT id FROM shelf WHERE expires <= ? LIMIT ?"
        while found := self._base.reader.execute(
            query, (self._clock.now(), AT_ONCE)
        ).fetchall():
            for (file_id,) in found:
                await self._expire(file_id)

    async def run(self) -> None:
        """Sweep for ever."""
        pause = min(SWEEP_EVERY, self._settings.keep_files / 4)
        while True:
            try:
                await self.sweep()
            except (OSError, sqlite3.Error):
                log.exception("the sweep of stored files goes on later")
            await self._clock.sleep(max(pause, 0.05))

    async def _expire(self, file_id: str) -> None:
        async with self._lock(file_id):
            now = self._clock.now()

            def change(db: sqlite3.Connection) -> bool:
                query = "DELETE FROM shelf WHERE id = ? AND expires <= ?"
                return db.execute(query, (file_id, now)).rowcount > 0

            if await self._base.write(change):
                await to_thread.run_sync(_unlink, self.path(file_id))

    def _row(self, file_id: str) -> sqlite3.Row | None:
        found = self._base.reader.execute(
            "SELECT id, name, size, sha256, expires, is_removed FROM shelf"
            " WHERE id = ?",
            (file_id,),
        )
        row: sqlite3.Row | None = found.fetchone()
        return row

    def _lock(self, file_id: str) -> asyncio.Lock:
        return self._locks.setdefault(file_id, asyncio.Lock())

    def _stored(self, file_id: str, name: str, size: int, sha256: str) -> Stored:
        expires = self._clock.now() + self._settings.keep_files
        return Stored(file_id, name, size, sha256, expires)

    async def _write(self, stored: Stored) -> None:
        def change(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT OR REPLACE INTO shelf (id, name, size, sha256, expires)"
                " VALUES (?, ?, ?, ?, ?)",
                [getattr(stored, name) for name in Stored.__slots__],
            )

        await self._base.write(change)


def _make(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def _link(path: Path, to: Path) -> None:
    _make(to.parent)
    with suppress(FileExistsError):
        to.hardlink_to(path)
    sync_folder(to.parent)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _every(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*/*") if path.is_file()]
