"""A server that does no work, in a process of its own: canned replies, no framework.

It speaks just enough of the embedded service's API (docs/service.md) for a job to go
its whole way in sync and async mode. What it costs is seen beside the figures: it tells
the processor seconds that it has used.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.process import apart, listening

PDF = b"%PDF-1.7\n<</Type /Page>>\n" + b"%" * 1024 + b"\n%%EOF\n"
"""What every document becomes; a PDF as far as a look at its ends can tell."""

_SHA256 = hashlib.sha256(PDF).hexdigest()
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_JOB = re.compile(rb"(PUT|GET|DELETE) /v1/jobs/(\w+)(/results/0)?(?:\?mode=(\w+))? ")
_FILE = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
    f'ETag: "{_SHA256}"\r\nContent-Length: {len(PDF)}\r\n'
)


def reply(status: str, body: bytes = b"") -> bytes:
    """A whole reply in JSON."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


_QUEUED = reply("202 Accepted", b'{"state": "queued"}')
_GONE = b"HTTP/1.1 204 No Content\r\n\r\n"
_UNKNOWN = reply("404 Not Found", b"{}")
_RESULT = _FILE.encode() + b"\r\n" + PDF


def _done(job: bytes) -> bytes:
    name = job.decode()
    result = {
        "name": "0.pdf",
        "url": f"/v1/jobs/{name}/results/0",
        "size": len(PDF),
        "sha256": _SHA256,
    }
    record = {"state": "done", "converter": "none/1", "units": 1, "results": [result]}
    return reply("200 OK", json.dumps(record).encode())


def _sync(job: bytes) -> bytes:
    head = _FILE + f"Job-Id: {job.decode()}\r\nJob-Converter: none/1\r\n\r\n"
    return head.encode() + PDF


def answer(head: bytes) -> bytes:
    """The reply to a request, by its first line alone."""
    found = _JOB.match(head)
    if found is None:
        if head.startswith(b"GET /spent "):
            return reply("200 OK", json.dumps(time.process_time()).encode())
        return _UNKNOWN
    method, job, result, mode = found.groups()
    if method == b"PUT":
        return _sync(job) if mode == b"sync" else _QUEUED
    if method == b"DELETE":
        return _GONE
    return _RESULT if result else _done(job)


class Canned(asyncio.Protocol):
    """One connection: heads are read, bodies are counted, replies are canned."""

    def __init__(self, reply: Callable[[bytes], bytes] = answer) -> None:
        self._reply = reply
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole or self._transport is None:
                return
            self._transport.write(self._reply(self._buffer[:whole]))
            self._buffer = self._buffer[whole:]


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server listens."""

    url: str
    name: str = "the server in Python"

    def spent(self) -> float:
        """Processor seconds that it has used."""
        with urllib.request.urlopen(f"{self.url}/spent", timeout=10) as told:
            return float(told.read())


@contextmanager
def serving(prefix: Sequence[str] = ()) -> Iterator[Server]:
    """Run the server in a process of its own; ``prefix`` goes before its command."""
    with apart("benchmarks.server", prefix=prefix) as (url,):
        yield Server(url)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    await listening(await loop.create_server(Canned, "127.0.0.1", 0))


if __name__ == "__main__":
    asyncio.run(_serve())
