"""A server whose jobs take their time, in a process of its own, and that keeps count.

It speaks as much of the embedded service's API as benchmarks/server.py does. Its jobs
are accepted at once and are done some seconds later. It counts how often each is asked
for, and how long after its end the first who asks is told; it tells webhooks where a
job names one, and which of its jobs are not done (``/v1/unfinished``).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from standardwebhooks import Webhook

from benchmarks.process import apart, listening
from benchmarks.server import Canned, answer, reply

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw7q"
"""Signs the webhooks; it opens nothing."""

_JOB = re.compile(rb"(PUT|GET|POST) /v1/(jobs|deletions|unfinished|tally)(?:/(\w+))? ")
_PUT = re.compile(rb"PUT /v1/jobs/(\w+)")
_BUSY = b'{"state": "running"}'


class Shop:
    """Jobs that are done ``seconds`` after they were accepted."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[bytes, float] = {}
        self._asked: dict[bytes, int] = {}
        self._late: dict[bytes, float] = {}
        self._lists = 0
        self.calls: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def answer(self, request: bytes) -> bytes:
        """The reply to a whole request."""
        if put := _PUT.match(request):
            return self._accept(put[1], request)
        found = _JOB.match(request)
        if found is None:
            return answer(request)
        method, what, job = found.groups()
        if what == b"tally":
            return reply("200 OK", json.dumps(self._tally()).encode())
        if what == b"unfinished":
            return reply("200 OK", self._list())
        if what == b"deletions":
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        return self._told(job, request) if method == b"GET" else answer(request)

    def _accept(self, job: bytes, request: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        self._ends[job] = loop.time() + self._seconds
        if (place := request.rfind(b'"webhook":')) >= 0:
            url = request[place:].split(b'"', 4)[3].decode()
            call = url, job.decode()
            loop.call_later(self._seconds, self.calls.put_nowait, call)
        return reply("202 Accepted", b'{"state": "queued"}')

    def _told(self, job: bytes, request: bytes) -> bytes:
        late = asyncio.get_running_loop().time() - self._ends[job]
        self._asked[job] = self._asked.get(job, 0) + 1
        if late < 0:
            return reply("200 OK", _BUSY)
        self._late.setdefault(job, late)
        return answer(request)

    def _list(self) -> bytes:
        self._lists += 1
        now = asyncio.get_running_loop().time()
        names = [job.decode() for job, end in self._ends.items() if end > now]
        return json.dumps(names).encode()

    def _tally(self) -> dict[str, object]:
        return {
            "polls": sum(self._asked.values()),
            "most": max(self._asked.values(), default=0),
            "late": sorted(self._late.values()),
            "lists": self._lists,
        }

    async def call(self) -> None:
        """Tell webhooks, one after the other, over connections that stay."""
        async with aiohttp.ClientSession() as session:
            while True:
                url, job = await self.calls.get()
                now = datetime.now(UTC)
                data = {"id": job, "state": "done"}
                said = {"type": "job.done", "timestamp": now.isoformat(), "data": data}
                body = json.dumps(said)
                headers = {
                    "webhook-id": job,
                    "webhook-timestamp": str(int(now.timestamp())),
                    "webhook-signature": Webhook(SECRET).sign(job, now, body),
                }
                async with session.post(url, data=body, headers=headers):
                    pass


@dataclass(frozen=True, slots=True)
class Tally:
    """What the server counted; ``late`` are the delays of all jobs, in order."""

    polls: int
    most: int
    late: list[float]
    lists: int


@dataclass(frozen=True, slots=True)
class Slow:
    """Where the server listens."""

    url: str

    def tally(self) -> Tally:
        """What it counted so far."""
        with urllib.request.urlopen(f"{self.url}/v1/tally", timeout=60) as told:
            return Tally(**json.loads(told.read()))


@contextmanager
def working(seconds: float) -> Iterator[Slow]:
    """Run the server in a process of its own; jobs take that long."""
    with apart("benchmarks.slow", "--seconds", str(seconds)) as (url,):
        yield Slow(url)


async def _serve(seconds: float) -> None:
    loop, shop = asyncio.get_running_loop(), Shop(seconds)
    server = await loop.create_server(lambda: Canned(shop.answer), "127.0.0.1", 0)
    callers = [asyncio.create_task(shop.call()) for _ in range(4)]
    await listening(server)
    for each in callers:
        each.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    asyncio.run(_serve(parser.parse_args().seconds))
