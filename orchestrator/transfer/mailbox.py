"""A durable inbox: calls are on disk before they are answered, whoever reads them.

It outlives runs, so it knows no manifest and no secret: calls are kept as they came,
and each run reads them with its own secrets. Only the secret path guards it, so what
it keeps is bounded in size, number and age.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from orchestrator.clock import Clock
from orchestrator.errors import MachineError
from orchestrator.transfer.door import Call
from orchestrator.transfer.shapes import PARSERS

KEPT = 30 * 86_400.0
"""Seconds for which a call is kept; no API keeps a result for longer."""
MOST = 1_000_000
"""Calls that are kept."""
PAGE = 200

_TABLES = """
CREATE TABLE IF NOT EXISTS call(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  provider TEXT NOT NULL,
  digest TEXT NOT NULL UNIQUE,
  call TEXT NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS call_at ON call(at);
"""
_HEADERS = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "compdf-signature",
    "compdfkit-signature",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A call as it came, and its place in the box."""

    key: int
    provider: str
    call: Call


class _Head(msgspec.Struct):
    method: str
    headers: dict[str, str]
    query: dict[str, str]


class Mailbox:
    """Calls in SQLite; one process writes, and any number of runs read."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Open the box, and make it where there is none.

        Raises:
            MachineError: it cannot be kept there.
        """
        self._clock = clock
        self._lock = threading.Lock()
        path = folder / "inbox.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=30
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise MachineError(f"inbox {path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    async def answer(self, provider: str, call: Call) -> int:
        """Keep a call, and give the status to answer with once it is on disk."""
        if provider not in PARSERS or call.method not in ("GET", "POST"):
            return 404
        try:
            await asyncio.to_thread(self.put, provider, call)
        except sqlite3.Error:
            return 503
        return 204

    def put(self, provider: str, call: Call) -> None:
        """Keep a call; the same one again changes nothing."""
        known = {key.lower(): value for key, value in call.headers.items()}
        headers = {key: known[key][:1000] for key in _HEADERS if key in known}
        query = {key: value[:1000] for key, value in list(call.query.items())[:20]}
        head = msgspec.json.encode(_Head(call.method, headers, query))
        digest = hashlib.sha256(
            b"\0".join((provider.encode(), msgspec.json.encode([call.method, query])))
            + call.body
        ).hexdigest()
        now = self._clock.now()
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO call(at, provider, digest, call, body) "
                "VALUES(?,?,?,?,?)",
                (now, provider, digest, head.decode(), call.body),
            )

    def forget_old(self) -> None:
        """Drop what is too old or too much."""
        with self._lock:
            self._db.execute(
                "DELETE FROM call WHERE at < ? OR key <= "
                "(SELECT coalesce(max(key), 0) FROM call) - ?",
                (self._clock.now() - KEPT, MOST),
            )

    def after(self, key: int) -> Iterator[Kept]:
        """Calls that came after one, in their order; a page of them."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, provider, call, body FROM call WHERE key > ? "
                "ORDER BY key LIMIT ?",
                (key, PAGE),
            ).fetchall()
        for place, provider, text, body in rows:
            head = msgspec.json.decode(text, type=_Head)
            call = Call(head.method, head.headers, head.query, body)
            yield Kept(place, provider, call)


def path_token(folder: Path, name: str = "path") -> str:
    """The secret part of the path, kept in a file; made where there is none.

    Raises:
        MachineError: it cannot be kept there.
    """
    file = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with open(file, "x", opener=_private) as fresh:  # needs an opener
                fresh.write(secrets.token_urlsafe(24) + "\n")
        except FileExistsError:
            pass
        token = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(f"{file}: {error}") from error
    if not token or not all(each.isalnum() or each in "-_" for each in token):
        raise MachineError(f"{file}: it must hold one word of letters, digits, - and _")
    return token


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
