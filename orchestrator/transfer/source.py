"""Input files on their way out: opened for each attempt, checked, hashed, flat."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from orchestrator.model import Input
from orchestrator.transfer import threads
from orchestrator.wire.outcome import SourceChanged

PIECE = 1 << 20
"""Bytes read, hashed and handed over at a time."""

EARLY = 64 << 10
"""Up to so many bytes, a file is read as soon as it is open: one call of a thread."""

OnHash = Callable[[Input, str], None]
"""Told the SHA-256 of an input, in hex, once all of it was read."""


class Source:
    """One input file, readable once."""

    def __init__(self, given: Input, on_hash: OnHash | None = None) -> None:
        self.input = given
        self._on_hash = on_hash
        self._fd = -1
        self._opened: os.stat_result | None = None
        self._hash = hashlib.sha256()
        self._pending: asyncio.Future[bytes] | None = None
        self.whole: bytes | None = None
        """All of a small file, once it is open: it is read and closed by then."""

    @property
    def is_held(self) -> bool:
        """Whether there is anything to close."""
        return self._fd >= 0 or self._pending is not None

    def open_now(self) -> None:
        """Open the file and compare it with the plan; in a thread.

        Raises:
            SourceChanged: it is gone, unreadable or not what the plan saw.
        """
        self._open()
        if self.input.size <= EARLY:
            try:
                self.whole = self._read(0) if self.input.size else b""
            finally:
                fd, self._fd = self._fd, -1
                os.close(fd)

    def probe_now(self) -> None:
        """Compare the file with the plan, without keeping it open; in a thread.

        Raises:
            SourceChanged: it is gone, unreadable or not what the plan saw.
        """
        try:
            found = Path(self.input.path).stat()
        except OSError as error:
            raise self._unreadable(error) from None
        self._compare(found)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the file; the next piece is read while one is being sent.

        The file is compared again before its last piece is given, so that a changed
        file is never sent completely.

        Raises:
            SourceChanged: the file changed since it was opened, or cannot be read.
        """
        if self._fd < 0 and self.whole is None:
            await threads.run(self.open_now)
        offset = 0
        while offset < self.input.size:
            piece = self.whole or await self._next(offset)
            offset += len(piece)
            more = offset < self.input.size
            self._pending = threads.start(self._read, offset) if more else None
            if not more:
                self.tell_hash()
            yield piece

    async def _next(self, offset: int) -> bytes:
        self._pending = self._pending or threads.start(self._read, offset)
        return await threads.finish(self._pending)

    async def close(self) -> None:
        """Close the file once no thread reads it any more."""
        pending, self._pending = self._pending, None
        if pending is not None:
            await asyncio.wait({pending})
            pending.exception()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _open(self) -> None:
        try:
            # Not to wait for the writer of a pipe: only plain files are taken.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
            self._fd = os.open(self.input.path, flags)
            self._opened = os.fstat(self._fd)
        except OSError as error:
            raise self._unreadable(error) from None
        self._compare(self._opened)

    def _read(self, offset: int) -> bytes:
        try:
            piece = os.pread(self._fd, min(PIECE, self.input.size - offset), offset)
            now = os.fstat(self._fd)
        except OSError as error:
            raise self._unreadable(error) from None
        before = self._opened
        if not piece or before is None or _stamp(now) != _stamp(before):
            raise SourceChanged(f"{self.input.path}: changed while it was being sent")
        self._hash.update(piece)
        return piece

    def _compare(self, found: os.stat_result) -> None:
        planned = self.input
        if not stat.S_ISREG(found.st_mode):
            raise SourceChanged(f"{planned.path}: not a plain file")
        same = (
            found.st_size == planned.size
            and planned.mtime in (0, found.st_mtime_ns)
            and planned.inode in (0, found.st_ino)
        )
        if not same:
            raise SourceChanged(f"{planned.path}: changed since the plan was made")

    def tell_hash(self) -> None:
        """Tell the hash; all of the file was read, and its last piece goes next."""
        if self._on_hash is not None:
            self._on_hash(self.input, self._hash.hexdigest())

    def _unreadable(self, error: OSError) -> SourceChanged:
        return SourceChanged(f"{self.input.path}: {error.strerror or 'unreadable'}")


def _stamp(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
