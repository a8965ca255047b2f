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
"""Bytes read, hashed and handed over at a time, at most."""

LEAST = 128 << 10
"""The same, at least: smaller pieces cost more than they carry."""

EARLY = 64 << 10
"""Up to so many bytes, a file is read as soon as it is open: one call of a thread."""

OnHash = Callable[[Input, str], None]
"""Told the SHA-256 of an input, in hex, once all of it was read."""


class Share:
    """Memory for pieces, shared by the files that one account sends at a time.

    Each holds up to three pieces: one on its way, what is left of it in the connection,
    and the next one. So it is the number of files that makes pieces small.
    """

    TOTAL = 1 << 20

    def __init__(self) -> None:
        self._open = 0

    def enter(self) -> None:
        """One file more."""
        self._open += 1

    def leave(self) -> None:
        """One less."""
        self._open -= 1

    @property
    def piece(self) -> int:
        """How many bytes a piece may have now."""
        return max(LEAST, min(PIECE, self.TOTAL // max(1, self._open)))


class Source:
    """One input file, or a part of it (first byte, bytes), readable once.

    Only what is hashed as a whole is hashed at all.
    """

    def __init__(
        self,
        given: Input,
        on_hash: OnHash | None = None,
        part: tuple[int, int] | None = None,
        share: Share | None = None,
    ) -> None:
        self.input = given
        self._share = share or Share()
        self._has_share = False
        self._begin, size = part or (0, given.size)
        self._end = self._begin + size
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
        return self._fd >= 0 or self._pending is not None or self._has_share

    def open_now(self) -> None:
        """Open the file and compare it with the plan; in a thread.

        Raises:
            SourceChanged: it is gone, unreadable or not what the plan saw.
        """
        self._open()
        if self._end - self._begin <= EARLY:
            try:
                self.whole = self._read(self._begin) if self._end > self._begin else b""
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
        self._enter()
        offset = self._begin
        while offset < self._end:
            piece = self.whole or await self._next(offset)
            offset += len(piece)
            more = offset < self._end
            self._pending = threads.start(self._read, offset) if more else None
            if not more:
                self.tell_hash()
            yield piece

    async def _next(self, offset: int) -> bytes:
        self._pending = self._pending or threads.start(self._read, offset)
        return await threads.finish(self._pending)

    def _enter(self) -> None:
        if not self._has_share:
            self._has_share = True
            self._share.enter()

    async def close(self) -> None:
        """Close the file once no thread reads it any more."""
        if self._has_share:
            self._has_share = False
            self._share.leave()
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
            piece = os.pread(
                self._fd, min(self._share.piece, self._end - offset), offset
            )
            now = os.fstat(self._fd)
        except OSError as error:
            raise self._unreadable(error) from None
        before = self._opened
        if not piece or before is None or _stamp(now) != _stamp(before):
            raise SourceChanged(f"{self.input.path}: changed while it was being sent")
        if self._on_hash is not None:
            self._hash.update(piece)
        return piece

    async def read_over(self) -> None:
        """Read and hash the file as if it was sent, with no piece kept.

        Raises:
            SourceChanged: it is not what the plan saw, or cannot be read.
        """
        try:
            async for _ in self.pieces():
                pass
        finally:
            await self.close()

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
