"""Sends bodies that are partly files, without ever holding one in memory."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from anyio import to_thread

CHUNK = 3 * 256 * 1024  # three bytes are four letters: no padding inside a text


@dataclass(frozen=True, slots=True)
class File:
    """A file within a body, as it is or in Base64; size in bytes."""

    path: Path
    size: int
    is_base64: bool = False

    @property
    def length(self) -> int:
        """How many bytes it takes in the body."""
        return 4 * -(-self.size // 3) if self.is_base64 else self.size


Piece = bytes | File


async def send(
    request: web.Request, pieces: Sequence[Piece], kind: str
) -> web.StreamResponse:
    """Answer with these pieces, one after the other."""
    response = web.StreamResponse(headers={"Content-Type": kind})
    response.content_length = sum(
        each.length if isinstance(each, File) else len(each) for each in pieces
    )
    await response.prepare(request)
    for each in pieces:
        if isinstance(each, File):
            await _copy(request, response, each)
        else:
            await response.write(each)
    await response.write_eof()
    return response


async def _copy(request: web.Request, response: web.StreamResponse, each: File) -> None:
    """Send a file; a fault now can only be told by breaking the connection."""
    try:
        async for chunk in _read(each):
            await response.write(b64encode(chunk) if each.is_base64 else chunk)
    except FileNotFoundError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("a result is shorter than it was") from None


async def _read(each: File) -> AsyncIterator[bytes]:
    left = each.size
    with await to_thread.run_sync(each.path.open, "rb") as file:
        while left:
            chunk = await to_thread.run_sync(file.read, min(CHUNK, left))
            if not chunk:
                raise FileNotFoundError(each.path.name)
            left -= len(chunk)
            yield chunk
