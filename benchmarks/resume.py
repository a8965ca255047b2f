"""How soon a batch goes on that is nearly done, whatever its size.

Run it as ``python -m benchmarks.resume --documents 1000000 --rounds 3``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.finished import finish, write
from benchmarks.process import ROOT, apart, listening, peak, spent
from benchmarks.server import Canned, answer, reply
from benchmarks.table import Row, machine, show, tenfold

LIMIT = 8
"""Documents of a run that is timed; more are open, always."""
GOAL = 2.0
_PAGE = """
import sqlite3, sys
import orchestrator.batch.opening, orchestrator.cli.carry
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
db.execute("SELECT spec FROM document WHERE account = 'canned' AND large = 0 "
  "AND state = 'open' AND job IS NULL ORDER BY priority DESC, n LIMIT 500").fetchall()
"""
"""What no resume can do without: the modules, the file, a page of what is open."""


class Timed(Canned):
    """Canned replies, and when the first document came since that was last asked."""

    first: float | None = None

    def data_received(self, data: bytes) -> None:
        """Note when a document comes."""
        if data.startswith(b"PUT /v1/jobs/") and Timed.first is None:
            Timed.first = time.monotonic()
        super().data_received(data)


def _answer(request: bytes) -> bytes:
    if not request.startswith(b"GET /first "):
        return answer(request)
    first, Timed.first = Timed.first, None
    return reply("200 OK", json.dumps(first).encode())


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server listens."""

    url: str

    def first(self) -> float | None:
        """When the first document came since this was last asked."""
        with urllib.request.urlopen(f"{self.url}/first", timeout=10) as told:
            found = json.loads(told.read())
        return None if found is None else float(found)


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn: seconds to the first document and to the end, on the clock.

    ``used`` are the processor's seconds until the first document, ``peak`` is in bytes.
    """

    first: float
    used: float
    whole: float = 0.0
    peak: int = 0


@contextmanager
def serving() -> Iterator[Server]:
    """Run the server in a process of its own."""
    with apart("benchmarks.resume", "--serve") as (url,):
        yield Server(url)


class Bench:
    """One batch that is nearly done, and runs that carry it on."""

    def __init__(self, server: Server, place: Path, documents: int) -> None:
        self._server = server
        self._manifest = write(place, documents, server.url)
        # Small batches have enough left for every run that is timed.
        done = documents - max(documents // 100, 1000)
        self._ledger = finish(self._manifest, documents, done).ledger

    def run(self, *, kill: bool = False) -> Sample:
        """Carry on a few documents; or be killed a moment after the first."""
        self._server.first()
        limit = () if kill else ("--limit", str(LIMIT))
        command = [*_ORCHESTRATOR, "run", str(self._manifest), *limit]
        began, most, used, first = time.monotonic(), 0, 0.0, None
        with _started(command) as process:
            while process.poll() is None:
                most = max(most, peak(process.pid))
                if first is None:
                    used = spent(process.pid) or used
                    first = self._server.first()
                if kill and first:
                    process.kill()
                time.sleep(0.02)
        whole = time.monotonic() - began
        if first is None:
            raise RuntimeError("no document was sent")
        return Sample(first - began, used, whole, most)

    def status(self) -> Sample:
        """How long ``orchestrator status`` takes."""
        return _whole([*_ORCHESTRATOR, "status", str(self._manifest)])

    def bare(self) -> Sample:
        """How long it takes to read the first page of open rows, and nothing else."""
        return _whole([sys.executable, "-c", _PAGE, str(self._ledger)])


_ORCHESTRATOR = (sys.executable, "-m", "orchestrator")


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def _whole(command: Sequence[str]) -> Sample:
    began, used = time.monotonic(), _children()
    with _started(command) as process:
        process.wait()
    return Sample(time.monotonic() - began, _children() - used)


def _children() -> float:
    """Processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(
    *, sizes: Sequence[int], rounds: int, folder: Path | None = None
) -> list[Row]:
    """Time resumes at each size, in turns with their yardsticks."""
    rows = []
    with serving() as server:
        for size in sizes:
            with tempfile.TemporaryDirectory(dir=folder) as room:
                bench = Bench(server, Path(room), size)
                rows += _at(bench, size, rounds)
    return rows


def _at(bench: Bench, documents: int, rounds: int) -> list[Row]:
    bench.bare(), bench.status()  # what reads the file for the first time
    samples: dict[str, list[Sample]] = {}
    for _ in range(rounds):
        samples.setdefault("bare sqlite3", []).append(bench.bare())
        samples.setdefault("after an end", []).append(bench.run())
        bench.run(kill=True)
        samples.setdefault("after SIGKILL", []).append(bench.run())
        samples.setdefault("status", []).append(bench.status())
    goals = {"after an end": GOAL, "after SIGKILL": GOAL, "status": 1.0}
    bare = samples["bare sqlite3"]
    return [
        _row(f"{documents:,} rows: {name}", own, bare, goals.get(name))
        for name, own in samples.items()
    ]


def _row(
    name: str, own: Sequence[Sample], bare: Sequence[Sample], goal: float | None
) -> Row:
    seconds = [each.first for each in own]
    used, whole = median(e.used for e in own), median(e.whole for e in own)
    # Of the processor's time: others may take the clock's.
    ratio = median(o.used / b.used for o, b in zip(own, bare, strict=True))
    most = max(each.peak for each in own)
    note = f"{used:.2f} s of processor"
    return Row(
        name,
        rate=median(seconds),
        low=min(seconds),
        high=max(seconds),
        ratio=None if own is bare else ratio,
        peak=most or None,
        note=f"{note}; {LIMIT} documents and all outputs: {whole:.1f} s"
        if whole
        else note,
        unit="s",
        goal=f"≤ {goal:g} s" if goal else "",
        met=median(seconds) <= goal if goal else None,
    )


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    await listening(await loop.create_server(lambda: Timed(_answer), "127.0.0.1", 0))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--smallest", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write [default: temp]")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(_serve())
        return
    print(machine())
    print(f"{given.rounds} rounds, medians; from the start of the process to the first")
    sizes = tenfold(given.smallest, given.documents)
    show(measure(sizes=sizes, rounds=given.rounds, folder=given.folder))


if __name__ == "__main__":
    main()
