"""The yardstick: aiohttp in a plain loop, with the least that has to be done.

The same requests with the same bodies, as many at a time, and the same files written
the same way (part, fsync, name, fsync of the folder). Nothing is looked at or retried.
With notes, a row is durable before each submit and after each result, in groups and
with nothing but an id and a word: the least that a resume could go on by.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from orchestrator.model import Document, Mode

_BOUNDARY = "0123456789abcdef0123456789abcdef"
_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_HEAD = (
    f"--{_BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="job"\r\n'
    "Content-Type: application/json\r\n\r\n"
    '{"operation":"convert","source":"txt","target":"pdf","params":{},"design":null}'
    f"\r\n--{_BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="file"; filename="input.txt"\r\n\r\n'
).encode()
_TAIL = f"\r\n--{_BOUNDARY}--\r\n".encode()


class Notes:
    """Rows that are durable when they are noted; those of one moment go together."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE note(id TEXT PRIMARY KEY, word TEXT)")
        self._rows: list[tuple[str, str]] = []
        self._next: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def note(self, name: str, word: str) -> None:
        """Make a row durable."""
        self._rows.append((name, word))
        if self._next is None:
            self._next = asyncio.create_task(self._commit())
        await self._next

    async def _commit(self) -> None:
        async with self._lock:
            rows, self._rows, self._next = self._rows, [], None
            await asyncio.to_thread(self._write, rows)

    def _write(self, rows: Sequence[tuple[str, str]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO note VALUES (?, ?)", rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class Bare:
    """Carries documents over one session."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        width: int,
        files: bool,
        notes: Notes | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._wire = asyncio.Semaphore(width)
        self._files = files
        self._notes = notes

    async def carry(self, document: Document) -> None:
        """One document to its end."""
        job = f"{self._url}/v1/jobs/{document.n:032x}"
        body = _body(document)
        submit = f"{job}?mode={document.mode}"
        if self._notes:
            await self._notes.note(document.id, "sent")
        result = await self._send("PUT", submit, body, {"Content-Type": _TYPE})
        if document.mode is Mode.ASYNC:
            await self._send("GET", job)
            result = await self._send("GET", f"{job}/results/0")
        if self._files:
            await asyncio.to_thread(_save, document.output, result)
        if self._notes:
            await self._notes.note(document.id, "done")
        await self._send("DELETE", job)

    async def _send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        async with (
            self._wire,
            self._session.request(method, url, data=body, headers=headers) as reply,
        ):
            return await reply.read()


def _body(document: Document) -> bytes:
    # A tiny file that is in memory already: a thread would only cost.
    return _HEAD + Path(document.inputs[0].path).read_bytes() + _TAIL


def _save(output: str, content: bytes) -> None:
    part = f"{output}.part"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    os.write(fd, content)
    os.fsync(fd)
    os.close(fd)
    os.rename(part, output)  # noqa: PTH104  # the least that has to be done
    fd = os.open(os.path.dirname(output), os.O_RDONLY)  # noqa: PTH120
    os.fsync(fd)
    os.close(fd)


async def bare(
    documents: Sequence[Document],
    url: str,
    *,
    width: int,
    files: bool,
    ledger: Path | None = None,
) -> None:
    """Carry all documents, with as many at work as the engine has."""
    left = deque(documents)
    notes = None if ledger is None else Notes(ledger)

    async def work(carrier: Bare) -> None:
        while left:
            await carrier.carry(left.popleft())

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        carrier = Bare(session, url, width=width, files=files, notes=notes)
        async with asyncio.TaskGroup() as group:
            for _ in range(2 * width):
                group.create_task(work(carrier))
    if notes is not None:
        notes.close()
