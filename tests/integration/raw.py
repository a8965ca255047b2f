"""A server of bare sockets, which breaks wherever a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Handler = Callable[
    ["RawServer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]
]


@dataclass
class RawServer:
    """What came in, in order."""

    url: str = ""
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Read one whole request, note it, and give its body."""
        head = await self.read_head(reader)
        body = await reader.readexactly(length_of(head))
        self.bodies.append(body)
        return body

    async def read_head(self, reader: asyncio.StreamReader) -> bytes:
        """Read and note the head of a request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head


def length_of(head: bytes) -> int:
    """The declared length of a body."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def answer(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> bytes:
    """A reply with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    if not any(each.lower().startswith("content-type") for each in headers):
        lines.append("Content-Type: application/json")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def replies(*answers: bytes) -> Handler:
    """A handler that gives these answers, whatever is asked, and then hangs up."""

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for each in answers:
            await server.read(reader)
            writer.write(each)
            await writer.drain()

    return handle


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[RawServer]:
    """Run a server on a free port of this machine; its handlers end with it."""
    raw = RawServer()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        raw.connections += 1
        try:
            await handler(raw, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            tasks.discard(task)
            raw.closed.set()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection with a reset."""
    transport = writer.transport
    transport.abort()
