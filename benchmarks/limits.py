"""How much of what a service allows is used, and how little is refused.

``python -m benchmarks.limits --seconds 35``: against servers that allow so many
requests a second, so many at once, or both, and answer 429 beyond. The yardstick is an
oracle: a plain loop that is told every limit, also when it changes. All cases go on at
the same time, for three times so many seconds; in two of them the limit halves after a
third of it, and doubles again after another. What counts of a change is what comes
``RECOVERED`` seconds later, or after four fifths of its third: of 35 s at 20 requests a
second some 140 requests, one of which is 0.7 %. A longer run tells more.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp

from benchmarks.bare import Bare
from benchmarks.limited import Counts, LimitedServer, limited
from benchmarks.ours import ACCOUNT, NoLedger, NoOutputs, Ours
from benchmarks.table import Row, machine, show
from orchestrator.model import Document, Input, Mode, Operation
from orchestrator.transfer.client import HttpTransport

WIDTH = 64
"""What the manifest would say: a ceiling far above what is allowed."""
LATENCY = 0.1
LATE = 0.005
"""Seconds that the oracle makes good when a timer was late."""
RECOVERED = 30.0
"""Seconds after a change from which on everything counts again."""


@dataclass(frozen=True, slots=True)
class Case:
    """Limits of a server in three parts of a run; 0 = none."""

    name: str
    rates: tuple[float, float, float]
    rooms: tuple[int, int, int]

    def allowed(self, part: int) -> float:
        """Requests a second that pass in a part."""
        rate, room = self.rates[part], self.rooms[part]
        return min(rate or 1e9, room / LATENCY if room else 1e9)


CASES = (
    Case("50/s", (50, 50, 50), (0, 0, 0)),
    Case("8 at once", (0, 0, 0), (8, 8, 8)),
    Case("60/s, 8 at once", (60, 60, 60), (8, 8, 8)),
    Case("40/s, 20/s, 40/s", (40, 20, 40), (0, 0, 0)),
    Case("8, 4, 8 at once", (0, 0, 0), (8, 4, 8)),
)


class Endless:
    """Fits ``Feed``: documents without end."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self._numbers = count()

    async def page(self, *, large: bool, limit: int) -> Sequence[Document]:
        """The next documents; all of them are small."""
        return () if large else [self.document() for _ in range(limit)]

    def document(self) -> Document:
        """One more."""
        n = next(self._numbers)
        return Document(
            id=f"d{n}",
            operation=Operation.CONVERT,
            source="txt",
            target="pdf",
            output=f"/nowhere/d{n}.pdf",
            provider=ACCOUNT,
            inputs=(self._source,),
            mode=Mode.SYNC,
            n=n,
        )

    def rewind(self) -> None:
        """There is no top."""


class Timed(Ours):
    """The engine, for some seconds."""

    async def carry_for(self, seconds: float, feed: Endless) -> None:
        """Carry documents until it is time to stop."""
        async with HttpTransport(
            self._url,
            clock=self._clock,
            account=ACCOUNT,
            auth=(("Authorization", "Bearer none"),),
        ) as transport:
            dispatcher = self._dispatcher(
                transport, NoLedger(), NoOutputs(), feed, self._limits
            )
            asyncio.get_running_loop().call_later(seconds, dispatcher.drain)
            await dispatcher.run(())


class Oracle:
    """A plain loop that knows the limits: spaced requests, so many at once."""

    def __init__(self, url: str, feed: Endless) -> None:
        self._url = url
        self._feed = feed
        self._next = 0.0
        self._free = asyncio.Condition()
        self._busy = 0
        self.rate, self.room = 0.0, 0

    async def carry_for(self, seconds: float) -> None:
        """Carry documents until it is time to stop."""
        end = time.monotonic() + seconds
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            # Its own semaphore never binds: the limits are kept in ``_wire``.
            bare = Bare(session, self._url, width=WIDTH, files=False)
            bare._wire = self  # type: ignore[assignment]  # noqa: SLF001

            async def work() -> None:
                while time.monotonic() < end:
                    await bare.carry(self._feed.document())

            async with asyncio.TaskGroup() as group:
                for _ in range(WIDTH):
                    group.create_task(work())

    async def __aenter__(self) -> None:
        async with self._free:
            await self._free.wait_for(lambda: self._busy < (self.room or WIDTH))
            self._busy += 1
        if self.rate:
            now = time.monotonic()
            slot = max(now - LATE, self._next)
            self._next = slot + 1 / self.rate
            await asyncio.sleep(slot - now)

    async def __aexit__(self, *_: object) -> None:
        async with self._free:
            self._busy -= 1
            self._free.notify_all()


@dataclass(slots=True)
class Watched:
    """A case at a server: what was counted at which time."""

    case: Case
    server: LimitedServer
    oracle: Oracle | None = None
    marks: list[tuple[float, Counts]] | None = None

    async def watch(self, seconds: float) -> None:
        """Change the limits part by part, and note what was counted each second."""
        self.marks = []
        began = time.monotonic()
        for part in range(3):
            rate, room = self.case.rates[part], self.case.rooms[part]
            await asyncio.to_thread(self.server.allow, rate, room, LATENCY)
            if self.oracle is not None:
                self.oracle.rate, self.oracle.room = rate, room
            while (now := time.monotonic() - began) < seconds * (part + 1):
                counts = await asyncio.to_thread(self.server.counts)
                self.marks.append((now, counts))
                await asyncio.sleep(1 - (now % 1))

    def between(self, begin: float, end: float) -> tuple[float, float]:
        """Requests taken a second, and the share that was refused."""
        marks = self.marks or []
        first, before = min(marks, key=lambda mark: abs(mark[0] - begin))
        last, after = min(marks, key=lambda mark: abs(mark[0] - end))
        taken, refused = after.taken - before.taken, after.refused - before.refused
        return taken / (last - first), refused / max(1, taken + refused)


async def _play(
    cases: Sequence[Case],
    servers: Sequence[LimitedServer],
    source: Input,
    seconds: float,
) -> tuple[list[Watched], list[Watched]]:
    feed = Endless(source)
    half = len(cases)
    ours = [Watched(c, s) for c, s in zip(cases, servers[:half], strict=True)]
    theirs = [
        Watched(c, s, Oracle(s.url, feed))
        for c, s in zip(cases, servers[half:], strict=True)
    ]
    async with asyncio.TaskGroup() as group:
        for each in (*ours, *theirs):
            group.create_task(each.watch(seconds))
        await asyncio.sleep(0.5)  # every server has its limits
        for each in ours:
            engine = Timed(each.server.url, width=WIDTH)
            group.create_task(engine.carry_for(3 * seconds, feed))
        for each in theirs:
            if each.oracle is not None:
                group.create_task(each.oracle.carry_for(3 * seconds))
    return ours, theirs


def _rows(ours: Watched, theirs: Watched, seconds: float) -> list[Row]:
    case = ours.case
    if case.rates[0] == case.rates[1] and case.rooms[0] == case.rooms[1]:
        return _steady(ours, theirs, seconds)
    rows = []
    settle = min(RECOVERED, seconds * 0.8)
    for part, word in ((1, "halved"), (2, "doubled")):
        span = part * seconds + settle, (part + 1) * seconds
        rows.append(_row(f"{case.name}: {word}", ours, theirs, span, part))
    return rows


def _steady(ours: Watched, theirs: Watched, seconds: float) -> list[Row]:
    name, span = ours.case.name, (2.0, 3 * seconds)
    return [_row(name, ours, theirs, span, 0)]


def _row(
    name: str, ours: Watched, theirs: Watched, span: tuple[float, float], part: int
) -> Row:
    used, refused = ours.between(*span)
    known, _ = theirs.between(*span)
    _, ever = ours.between(0, span[1])
    share = used / ours.case.allowed(part)
    best = known / ours.case.allowed(part)
    return Row(
        name,
        rate=used,
        low=used,
        high=used,
        ratio=used / known,
        unit="req/s",
        goal="≥ 0.95, < 1 %",
        met=used >= 0.95 * known and refused < 0.01,
        note=f"{share:.0%} of the limit (oracle {best:.0%}), {refused:.2%} refused "
        f"({ever:.2%} since the start)",
    )


def measure(*, seconds: float = 35.0, only: str = "") -> list[Row]:
    """Play cases at the same time, for three times so many seconds.

    ``only`` names one of them; by default, all of them are played.
    """
    cases = [each for each in CASES if only in ("", each.name)]
    with tempfile.TemporaryDirectory() as room, limited(2 * len(cases)) as servers:
        path = Path(room, "input.txt")
        path.write_text("a tiny document\n")
        found = path.stat()
        source = Input(str(path), found.st_size, found.st_mtime_ns, found.st_ino)
        ours, theirs = asyncio.run(_play(cases, servers, source, seconds))
    pairs = zip(ours, theirs, strict=True)
    return [row for each in pairs for row in _rows(*each, seconds)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=35.0, help="of each third")
    parser.add_argument("--only", default="", choices=[each.name for each in CASES])
    given = parser.parse_args()
    print(machine())
    show(measure(seconds=given.seconds, only=given.only), "limits")


if __name__ == "__main__":
    main()
