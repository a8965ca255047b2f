"""A line between a client and a server, on which a test looks or lays hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

PIECE = 1 << 16

Look = Callable[[bytes], Awaitable[bytes]]
"""Is given each piece, and gives what is passed on; an error breaks the connection."""


class Line:
    """Passes bytes on and back, as they come; ``port`` is where it takes them."""

    port = 0

    @property
    def url(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self.port}"

    def connected(self) -> tuple[Look, Look]:
        """Who looks at what goes up and what comes down on a new connection."""
        return _as_it_is, _as_it_is


AnyLine = TypeVar("AnyLine", bound=Line)


async def _as_it_is(piece: bytes) -> bytes:
    return piece


@asynccontextmanager
async def stretched(line: AnyLine, url: str) -> AsyncIterator[AnyLine]:
    """Run a line to a server of this machine; its connections end with it."""
    port = int(url.rpartition(":")[2])
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _carry(line, port, reader, writer)
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks)


async def _carry(
    line: Line,
    port: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """One connection, both ways."""
    there, back = await asyncio.open_connection("127.0.0.1", port)
    up, down = line.connected()
    try:
        await asyncio.gather(_pass(reader, back, up), _pass(there, writer, down))
    finally:
        for each in (writer, back):
            each.transport.abort()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: Look
) -> None:
    while piece := await reader.read(PIECE):
        writer.write(await look(piece))
        await writer.drain()
    writer.close()
