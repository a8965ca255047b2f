"""The line under a reply, which can be cut after so many bytes.

It stands between aiohttp's writer and the socket's transport, where every reply passes,
whether it is sent whole or piece by piece.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, cast

from aiohttp import web

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"


def cut_after(request: web.Request, after: int | None) -> None:
    """Let the reply end after so many bytes of its body; ``None`` is half of it."""
    _put(request, _Cut(_line(request), after))


def mute(request: web.Request) -> Callable[[], None]:
    """Let nothing of the reply reach the caller, until what it gives is called."""
    below = _line(request)
    _put(request, _Mute(below))

    def speak() -> None:
        if request.transport is not None:
            request.protocol.transport = below

    return speak


def reset(request: web.Request) -> None:
    """End the connection now, by a reset."""
    line = request.transport
    if line is None:
        return
    sock = line.get_extra_info("socket")
    if sock is not None:
        linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    line.abort()


def _line(request: web.Request) -> asyncio.Transport:
    line = request.transport
    if line is None:
        raise ConnectionResetError("the caller is gone")
    return line


def _put(request: web.Request, line: _Mute) -> None:
    # The writer asks its protocol for the transport at each write.
    request.protocol.transport = cast("asyncio.Transport", line)


class _Mute:
    """A transport that sends nothing, and is otherwise the one below it."""

    def __init__(self, below: asyncio.Transport) -> None:
        self._below = below

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    @property
    def _sendfile_compatible(self) -> NoReturn:
        # asyncio would send a file past us, straight to the socket; of aiohttp's
        # responses this is how they learn to write it piece by piece instead.
        raise NotImplementedError("every byte has to pass here")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Swallow it."""

    def writelines(self, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        """Swallow them."""
        self.write(b"".join(pieces))


class _Cut(_Mute):
    """A transport that closes itself inside the body of the reply.

    A reply without a body is cut inside its head.
    """

    def __init__(self, below: asyncio.Transport, after: int | None) -> None:
        super().__init__(below)
        self._after = after
        self._head = b""
        self._left: int | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send what the cut leaves."""
        piece = bytes(data)
        if self._left is None:
            piece = self._begin(piece)
        if self._left is None:
            return
        kept = piece[: self._left]
        self._left -= len(kept)
        if kept:
            self._below.write(kept)
        if not self._left:
            self._below.close()

    def _begin(self, piece: bytes) -> bytes:
        """Wait for the whole head, then say how many bytes may pass."""
        self._head += piece
        head, end, body = self._head.partition(_END)
        if not end:
            return b""
        told = _LENGTH.search(head + end)
        length = int(told[1]) if told else 0
        if not length:
            self._left = len(head) // 2
        else:
            after = length // 2 if self._after is None else self._after
            self._left = len(head) + len(end) + min(after, length - 1)
        return head + end + body
