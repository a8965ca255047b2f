"""How soon a batch goes on that is nearly done, whatever its size.

Run it as ``python -m benchmarks.resume --documents 1000000 --rounds 3``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
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
from benchmarks.server import ROOT, Canned
from benchmarks.table import Row, machine, show

LIMIT = 8
"""Documents of a run that is timed; more are open, always."""
GOAL = 2.0
_PAGE = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
db.execute("SELECT spec FROM document WHERE account = 'canned' AND large = 0 "
  "AND state = 'open' AND job IS NULL ORDER BY priority DESC, n LIMIT 500").fetchall()
"""


class Timed(Canned):
    """Canned replies, and when the first document came since that was last asked."""

    first: float | None = None

    def data_received(self, data: bytes) -> None:
        """Note when a document comes."""
        if data.startswith(b"PUT /v1/jobs/") and Timed.first is None:
            Timed.first = time.monotonic()
        if data.startswith(b"GET /first "):
            body = json.dumps(Timed.first).encode()
            Timed.first = None
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            self.send(head.encode() + body)
            return
        super().data_received(data)

    def send(self, reply: bytes) -> None:
        """Answer."""
        if self._transport is not None:
            self._transport.write(reply)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server listens."""

    url: str

    def first(self) -> float | None:
        """When the first document came since this was last asked."""
        with urllib.request.urlopen(f"{self.url}/first", timeout=10) as reply:
            found = json.loads(reply.read())
        return None if found is None else float(found)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds to the first document and to the end, its peak in bytes."""

    first: float
    whole: float
    peak: int


@contextmanager
def serving() -> Iterator[Server]:
    """Run the server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.resume", "--serve"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or not (port := process.stdout.readline()):
                raise RuntimeError("the server did not start")
            yield Server(f"http://127.0.0.1:{int(port)}")
        finally:
            process.terminate()


class Bench:
    """One batch that is nearly done, and runs that carry it on."""

    def __init__(self, server: Server, place: Path, documents: int) -> None:
        self._server = server
        self._manifest = write(place, documents, server.url)
        began = time.monotonic()
        # Small batches have enough left for every run that is timed.
        done = documents - max(documents // 100, 1000)
        self._ledger = finish(self._manifest, documents, done).ledger
        self.made = time.monotonic() - began

    def run(self, *, kill: bool = False) -> Sample:
        """Carry on a few documents; or be killed a moment after the first."""
        self._server.first()
        limit = () if kill else ("--limit", str(LIMIT))
        command = [*_ORCHESTRATOR, "run", str(self._manifest), *limit]
        began, peak, first = time.monotonic(), 0, None
        with _started(command) as process:
            while process.poll() is None:
                peak = max(peak, _peak(process.pid))
                if kill and (first := first or self._server.first()):
                    os.kill(process.pid, signal.SIGKILL)
                time.sleep(0.02)
        whole = time.monotonic() - began
        if (first := first or self._server.first()) is None:
            raise RuntimeError("no document was sent")
        return Sample(first - began, whole, peak)

    def status(self) -> float:
        """Seconds that ``orchestrator status`` takes."""
        return _seconds([*_ORCHESTRATOR, "status", str(self._manifest)])

    def bare(self) -> float:
        """Seconds of an interpreter that only reads the first page of open rows."""
        return _seconds([sys.executable, "-c", _PAGE, str(self._ledger)])


_ORCHESTRATOR = (sys.executable, "-m", "orchestrator")


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def _seconds(command: Sequence[str]) -> float:
    began = time.monotonic()
    with _started(command) as process:
        process.wait()
    return time.monotonic() - began


def _peak(pid: int) -> int:
    """Peak memory of a process in bytes so far; 0 once it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return int(text.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        return 0


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
    bare, after_end, after_kill, status = [], [], [], []
    for _ in range(rounds):
        bare.append(bench.bare())
        after_end.append(bench.run())
        bench.run(kill=True)
        after_kill.append(bench.run())
        status.append(bench.status())
    name = f"{documents:,} rows: "
    whole = f"whole run of {LIMIT}: {median(each.whole for each in after_end):.1f} s"
    made = f"batch made in {bench.made:.0f} s"
    return [
        _row(f"{name}bare sqlite3", bare, note=made),
        _row(f"{name}after an end", after_end, bare, note=whole, goal=GOAL),
        _row(f"{name}after SIGKILL", after_kill, bare, goal=GOAL),
        _row(f"{name}status", status, bare, goal=1.0),
    ]


def _row(
    name: str,
    own: Sequence[Sample | float],
    bare: Sequence[float] = (),
    *,
    note: str = "",
    goal: float | None = None,
) -> Row:
    seconds = [each.first if isinstance(each, Sample) else each for each in own]
    peaks = [each.peak for each in own if isinstance(each, Sample)]
    pairs = zip(seconds, bare, strict=True) if bare else ()
    ratios = [ours / theirs for ours, theirs in pairs]
    return Row(
        name,
        rate=median(seconds),
        low=min(seconds),
        high=max(seconds),
        ratio=median(ratios) if ratios else None,
        peak=max(peaks) if peaks else None,
        note=note,
        unit="s",
        goal=f"≤ {goal:g} s" if goal else "",
        met=median(seconds) <= goal if goal else None,
    )


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Timed, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()


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
    sizes = [given.smallest]
    while sizes[-1] * 10 <= given.documents:
        sizes.append(sizes[-1] * 10)
    show(measure(sizes=sizes, rounds=given.rounds, folder=given.folder))


if __name__ == "__main__":
    main()
