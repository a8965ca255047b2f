"""One transfer as a run makes it, in a process of its own; prints what it took.

``put URL FILE`` sends a file, ``get URL FILE`` fetches one: with the transport and the
outputs of the engine, so hashed on the way, checked and made durable. ``plain`` sends a
file without its hash, as a part of a file is sent.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from orchestrator.clock import SystemClock
from orchestrator.model import Document, Input, Job, Mode, Operation, Saved
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.sink import FileOutputs
from orchestrator.wire.http import Raw, Repeat, Request

HASHES: list[str] = []


async def _put(transport: HttpTransport, url: str, path: Path) -> None:
    given = Input(str(path), path.stat().st_size)  # noqa: ASYNC240  # nothing else runs
    request = Request("PUT", url, Repeat.SAME, body=Raw(given))
    async with transport.send(request) as reply:
        if not reply.response.is_success:
            raise RuntimeError(f"status {reply.response.status}")


async def _get(transport: HttpTransport, url: str, path: Path) -> None:
    document = Document("d", Operation.CONVERT, "bin", "bin", str(path), "a")
    job = Job("0" * 32, "a", Mode.ASYNC, (document,), 0.0)
    outputs = FileOutputs(overwrite=True)
    request = Request("GET", url, Repeat.SAFE, takes_file=True)
    async with transport.send(request) as reply:
        size = int(reply.response.headers["content-length"])
        saved = await outputs.receive(
            job, 0, reply.chunks(), size=size, sha256=None, target="bin"
        )
    if not isinstance(saved, Saved):
        raise RuntimeError(saved.message)  # noqa: TRY004  # no matter of types
    HASHES.append(saved.sha256)
    await outputs.keep(document, [saved])


WORK: dict[str, Callable[[HttpTransport, str, Path], Awaitable[None]]]
WORK = {"put": _put, "plain": _put, "get": _get}


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _hashed(_: Input, found: str) -> None:
    HASHES.append(found)


async def _main(what: str, url: str, path: Path) -> None:
    work = WORK[what]
    on_hash = None if what == "plain" else _hashed
    async with HttpTransport(url, clock=SystemClock(), on_hash=on_hash) as transport:
        began, spent = time.perf_counter(), _spent()
        await work(transport, url, path)
        seconds, cpu = time.perf_counter() - began, _spent() - spent
    print(json.dumps({"seconds": seconds, "cpu": cpu, "sha256": HASHES}))


if __name__ == "__main__":
    way, address, name = sys.argv[1:]
    asyncio.run(_main(way, address, Path(name)))
