"""A file to be looked at in pieces, so that its size costs no memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

PIECE = 1 << 18
"""Bytes that are read at once."""
THROUGHOUT = 64 << 20
"""Bytes up to which a text is read from its beginning to its end."""


class Window(Protocol):
    """A file: its length in bytes, and any stretch of it."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    def read(self, start: int, count: int) -> bytes:
        """Give these bytes, fewer at the end, none beyond it."""
        ...


class Held:
    """A file that is in memory anyway."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.size = len(body)

    def read(self, start: int, count: int) -> bytes:
        """Give these bytes."""
        return self._body[start : start + count] if start >= 0 else b""


class OnDisk:
    """An open file; who opened it closes it."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size

    def read(self, start: int, count: int) -> bytes:
        """Give these bytes.

        Raises:
            OSError: as the system says.
        """
        if not 0 <= start < self.size:
            return b""
        return os.pread(self._fd, min(count, self.size - start), start)


def pieces(window: Window, start: int = 0) -> Iterator[bytes]:
    """The whole of a file from some place on, piece by piece."""
    while piece := window.read(start, PIECE):
        yield piece
        start += len(piece)


def tail_of(window: Window, count: int) -> bytes:
    """The last bytes of a file."""
    return window.read(max(0, window.size - count), count)


class Cursor:
    """Reads forward in small steps."""

    def __init__(self, window: Window, place: int = 0) -> None:
        self.place = place
        self._window = window
        self._start = 0
        self._held = b""

    def take(self, count: int) -> bytes:
        """The next bytes, fewer only at the end."""
        begin = self.place - self._start
        if not 0 <= begin <= begin + count <= len(self._held):
            self._start, begin = self.place, 0
            self._held = self._window.read(self.place, max(count, 1 << 16))
        self.place += count
        return self._held[begin : begin + count]

    def byte(self) -> int:
        """The next byte.

        Raises:
            IndexError: there is none.
        """
        return self.take(1)[0]
