"""Carries jobs that take their time, in a process of its own, and prints what it took.

A process of its own, so that the memory of one case is nobody else's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from benchmarks.ours import ACCOUNT, NoOutputs, stage
from benchmarks.process import ROOT
from benchmarks.slow import SECRET
from orchestrator.clock import SystemClock
from orchestrator.engine.dispatch import Dispatcher
from orchestrator.engine.drive import Driver
from orchestrator.engine.expect import Times
from orchestrator.engine.limits import Gates
from orchestrator.engine.roll import Roll
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.ledger.feed import Pages
from orchestrator.ledger.store import Store
from orchestrator.model import Document, Job, Mode, Operation, Verdict
from orchestrator.providers import local
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.door import Door
from orchestrator.transfer.inbox import Inbox
from orchestrator.wire.flow import Limits, Pace, Provider, RollCall
from orchestrator.wire.http import Repeat, Request

WIDTH = 16
FIRST = 1000
"""Jobs that wait when the first look at the memory is taken."""
PATH = "here"
PAGE = os.sysconf("SC_PAGE_SIZE")

LIST = RollCall(
    lambda _: Request("GET", "/v1/unfinished", Repeat.SAFE),
    lambda response: frozenset(response.json() or ()),
)


@dataclass(frozen=True, slots=True)
class Took:
    """What a case took: memory for each job that waits, seconds, jobs in flight."""

    each: float
    seconds: float
    processor: float
    most: int
    peak: int


class Scale:
    """Weighs this process while the number of those who wait grows."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self._most = (0, 0)

    def weigh(self, waiting: int) -> None:
        """Take a look."""
        if waiting >= FIRST and self._first is None:
            self._first = (waiting, resident())
        if waiting > self._most[0]:
            self._most = (waiting, resident())

    def result(self, seconds: float) -> Took:
        """Bytes for each of those who wait, beyond the first ones."""
        (few, before), (most, after) = self._first or self._most, self._most
        # Of so few, nothing can be said.
        each = (after - before) / (most - few) if most >= 2 * few else math.nan
        return Took(each, seconds, time.process_time(), most, after)


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * PAGE


async def _watched(work: asyncio.Task[None], waiting: Callable[[], int]) -> Took:
    scale, began = Scale(), time.perf_counter()
    while not work.done():
        scale.weigh(waiting())
        await asyncio.wait([work], timeout=0.1)
    await work
    return scale.result(time.perf_counter() - began)


def documents(count: int) -> Iterator[Document]:
    """Documents with data of their own: thirty lines of an invoice each."""
    for n in range(count):
        lines = [{"text": f"item {n} {place}", "price": 12.5} for place in range(30)]
        yield Document(
            id=f"d{n:07}",
            operation=Operation.GENERATE,
            source="",
            target="pdf",
            output=f"/nowhere/{n:07}.pdf",
            provider=ACCOUNT,
            params={"lines": lines},
            design="none@1",
            mode=Mode.ASYNC,
            n=n,
        )


class Waiters:
    """The engine with ledger, webhooks or list, and with no files."""

    def __init__(
        self, url: str, *, spacing: float, how: str, ledger: Path, together: int
    ) -> None:
        self._url = url
        self._how = how
        self._ledger = ledger
        self._together = together
        self._clock = SystemClock()
        self._left = 0
        self._callback: str | None = None
        pace = Pace(first=spacing, floor=spacing)
        self._provider: Provider = replace(
            local.provider, pace=pace, roll=LIST if how == "list" else None
        )

    async def carry(self, count: int) -> Took:
        """Carry that many documents."""
        self._left = count
        async with AsyncExitStack() as stack:
            dispatcher = await self._open(stack)
            task = asyncio.create_task(dispatcher.run(()))
            took = await _watched(task, lambda: dispatcher.waiting)
        if self._left:
            raise RuntimeError(f"{self._left} documents were not done")
        return took

    async def _open(self, stack: AsyncExitStack) -> Dispatcher:
        store = await stack.enter_async_context(Store(self._ledger, self._clock))
        transport = await stack.enter_async_context(
            HttpTransport(
                self._url,
                clock=self._clock,
                account=ACCOUNT,
                auth=(("Authorization", "Bearer none"),),
            )
        )
        dispatcher = self._dispatcher(store, transport)
        if self._how == "webhooks":
            inbox = Inbox(dispatcher.hear)
            inbox.admit("local", SECRET)
            door = Door(inbox.answer, token=PATH)
            await stack.enter_async_context(door)
            self._callback = f"{door.url}/{PATH}/local"
        return dispatcher

    def _dispatcher(self, store: Store, transport: HttpTransport) -> Dispatcher:
        provider, clock, luck = self._provider, self._clock, random.Random(1)
        limits = Limits(width=WIDTH, jobs=self._together)
        gates = Gates(limits, clock, lambda *_: None)
        times, watch = Times(provider.pace, clock, luck), Watch[Work](clock)
        driver = Driver(
            provider,
            transport=transport,
            ledger=store,
            outputs=NoOutputs(),
            gates=gates,
            clock=clock,
            luck=luck,
            together=32,
            times=times,
        )
        feed = Pages(store, ACCOUNT)
        return Dispatcher(
            driver,
            feed=feed,
            watch=watch,
            gates=gates,
            limits=limits,
            make_job=self._job,
            tell=self._tell,
            roll=Roll(
                provider,
                transport=transport,
                gates=gates,
                watch=watch,
                clock=clock,
                times=times,
            ),
            shelf=Shelf(feed.documents),
        )

    def _job(self, given: tuple[Document, ...]) -> Job:
        return Job(
            id=secrets.token_hex(16),
            account=ACCOUNT,
            mode=Mode.ASYNC,
            documents=given,
            created=self._clock.now(),
            callback=self._callback,
        )

    async def _tell(self, verdicts: Sequence[Verdict]) -> None:
        self._left -= len(verdicts)


class Naive:
    """A task for each document, which sleeps between its polls."""

    def __init__(self, url: str, *, spacing: float) -> None:
        self._url = url
        self._spacing = spacing
        self._wire = asyncio.Semaphore(WIDTH)
        self._waiting = 0

    async def carry(self, count: int) -> Took:
        """Carry that many documents."""
        connector = aiohttp.TCPConnector(limit=WIDTH)
        async with aiohttp.ClientSession(self._url, connector=connector) as session:
            self._session = session
            task = asyncio.create_task(self._all(documents(count)))
            return await _watched(task, lambda: self._waiting)

    async def _all(self, given: Iterator[Document]) -> None:
        ready = asyncio.Semaphore(2 * WIDTH)
        async with asyncio.TaskGroup() as group:
            for each in given:
                await ready.acquire()
                group.create_task(self._one(each, ready))

    async def _one(self, document: Document, ready: asyncio.Semaphore) -> None:
        name = secrets.token_hex(16)
        await self._ask("PUT", f"/v1/jobs/{name}?mode=async", dict(document.params))
        ready.release()
        self._waiting += 1
        reply = b""
        while b"done" not in reply:
            await asyncio.sleep(self._spacing)
            reply = await self._ask("GET", f"/v1/jobs/{name}")
        self._waiting -= 1
        await self._ask("GET", f"/v1/jobs/{name}/results/0")

    async def _ask(self, method: str, path: str, body: object = None) -> bytes:
        async with self._wire, self._session.request(method, path, json=body) as reply:
            return await reply.read()


def waited(
    url: str, *, how: str, count: int, spacing: float, together: int | None = None
) -> Took:
    """Carry in a process of its own, so many together at most.

    ``how`` is polls, list, webhooks or naive.
    """
    with tempfile.TemporaryDirectory() as room:
        ledger = Path(room, "ledger.sqlite")
        if how != "naive":
            stage(ledger, documents(count))
        command = [sys.executable, "-m", "benchmarks.waiters", url, how]
        command += [str(count), str(spacing), str(together or count), str(ledger)]
        run = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        )
    if run.returncode:
        raise RuntimeError(run.stderr[-2000:])
    return Took(**json.loads(run.stdout))


def main() -> None:
    """Carry, and print what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("how", choices=["polls", "list", "webhooks", "naive"])
    parser.add_argument("count", type=int)
    parser.add_argument("spacing", type=float)
    parser.add_argument("together", type=int)
    parser.add_argument("ledger", type=Path)
    given = parser.parse_args()
    url, spacing = given.url, given.spacing
    if given.how == "naive":
        work = Naive(url, spacing=spacing).carry(given.count)
    else:
        waiters = Waiters(
            url,
            spacing=spacing,
            how=given.how,
            ledger=given.ledger,
            together=given.together,
        )
        work = waiters.carry(given.count)
    took = asyncio.run(work)
    print(json.dumps({name: getattr(took, name) for name in Took.__slots__}))


if __name__ == "__main__":
    main()
