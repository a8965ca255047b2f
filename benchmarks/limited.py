"""A server that refuses more than so much, in a process of its own.

It answers the embedded service's sync requests as ``benchmarks/server.py`` does, some
time later, and 429 at once where a limit is passed: ``rate`` a second (a bucket of
tokens, one second deep) and ``room`` at once. ``GET /limits?rate=50&room=8`` sets them,
``GET /counts`` tells how many requests were taken and refused.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks.process import apart, listening
from benchmarks.server import answer, reply

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LIMITS = re.compile(rb"GET /limits\?rate=([0-9.]+)&room=(\d+)&latency=([0-9.]+) ")
_FULL = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
    b'Content-Length: 21\r\n\r\n{"code": "too_many"}\n'
)


class Gatekeeper:
    """What is allowed, and what was counted; 0 = no limit."""

    def __init__(self) -> None:
        self.rate, self.room, self.latency = 0.0, 0, 0.1
        self.taken = self.refused = self.inside = self.most = 0
        self.densest = 0
        self._tokens, self._since = 0.0, 0.0
        self._recent: deque[float] = deque()

    def allow(self, rate: float, room: int, latency: float, now: float) -> None:
        """Change the limits."""
        is_first = not self._since
        self.rate, self.room, self.latency = rate, room, latency
        self._tokens = rate if is_first else min(self._tokens, rate)
        self._since = now

    def take(self, now: float) -> bool:
        """Whether one more request is allowed now."""
        self._recent.append(now)
        while self._recent[0] <= now - 1:
            self._recent.popleft()
        self.densest = max(self.densest, len(self._recent))
        self._tokens += (now - self._since) * self.rate
        self._tokens, self._since = min(self._tokens, self.rate), now
        is_full = bool(self.room) and self.inside >= self.room
        if is_full or (self.rate and self._tokens < 1):
            self.refused += 1
            return False
        self._tokens -= 1
        self.taken += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        return True

    def counts(self) -> bytes:
        """What was counted, as a reply."""
        names = ("taken", "refused", "most", "densest")
        told = {name: getattr(self, name) for name in names}
        return reply("200 OK", json.dumps(told).encode())


class Limited(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self._keeper = keeper
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request that is complete."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end + 2)
        if len(self._buffer) < end + 4 + (int(length[1]) if length else 0):
            return
        request, self._buffer = self._buffer, b""
        self._reply(request)

    def _reply(self, request: bytes) -> None:
        loop, keeper = asyncio.get_running_loop(), self._keeper
        if found := _LIMITS.match(request):
            rate, room, latency = (float(each) for each in found.groups())
            keeper.allow(rate, int(room), latency, loop.time())
        if request.startswith((b"GET /limits", b"GET /counts")):
            self._write(keeper.counts())
        elif not keeper.take(loop.time()):
            self._write(_FULL)
        else:
            loop.call_later(keeper.latency, self._finish, request)

    def _finish(self, request: bytes) -> None:
        self._keeper.inside -= 1
        self._write(answer(request))

    def _write(self, told: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(told)


@dataclass(frozen=True, slots=True)
class Counts:
    """What a server counted since it was started.

    ``most`` is how many were inside at once, ``densest`` how many came in a second.
    """

    taken: int
    refused: int
    most: int
    densest: int


@dataclass(frozen=True, slots=True)
class LimitedServer:
    """Where a server listens."""

    url: str

    def allow(self, rate: float, room: int, latency: float) -> None:
        """Set its limits."""
        self._ask(f"limits?rate={rate}&room={room}&latency={latency}")

    def counts(self) -> Counts:
        """What it counted."""
        return Counts(**json.loads(self._ask("counts")))

    def _ask(self, what: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/{what}", timeout=10) as told:
            return bytes(told.read())


@contextmanager
def limited(count: int = 1) -> Iterator[list[LimitedServer]]:
    """Run so many servers, each with limits of its own, in one process."""
    with apart("benchmarks.limited", str(count)) as urls:
        yield [LimitedServer(each) for each in urls]


async def _serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    make = [partial(Limited, Gatekeeper()) for _ in range(count)]
    await listening(*[await loop.create_server(e, "127.0.0.1", 0) for e in make])


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
