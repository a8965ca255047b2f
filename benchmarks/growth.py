"""How time and memory grow with the number of documents: time evenly, memory not.

Run it as ``python -m benchmarks.growth --documents 100000 --rounds 3``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import overload

from benchmarks.ours import ACCOUNT, Ours, stage
from benchmarks.resume import peak
from benchmarks.server import ROOT, serving
from benchmarks.table import Row, machine, show
from orchestrator.batch.api import load_manifest, plan_batch
from orchestrator.model import Document, Input, Mode, Operation

WIDTH = 8
_FOLDER = 1000
FLAT = 32e6
"""Bytes that a process may take more, however many documents: caches that fill up."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds on the clock and of the processor for all documents; peak in bytes."""

    seconds: float
    used: float
    peak: int


class Tiny(Sequence[Document]):
    """Tiny documents that are made when they are asked for; 1000 outputs a folder."""

    def __init__(self, place: Path, count: int) -> None:
        self._place = place
        self._count = count
        path = place / "input.txt"
        path.write_text("a tiny document\n")
        found = path.stat()
        source = Input(str(path), found.st_size, found.st_mtime_ns, found.st_ino)
        self._like = Document(
            id="",
            operation=Operation.CONVERT,
            source="txt",
            target="pdf",
            output="",
            provider=ACCOUNT,
            inputs=(source,),
            mode=Mode.SYNC,
        )
        for start in range(0, count, _FOLDER):
            self._folder(start).mkdir()

    def _folder(self, n: int) -> Path:
        return self._place / f"f{n // _FOLDER:04}"

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, n: int) -> Document: ...
    @overload
    def __getitem__(self, n: slice) -> Sequence[Document]: ...
    def __getitem__(self, n: int | slice) -> Document | Sequence[Document]:
        """The nth document."""
        if isinstance(n, slice):
            return [self[each] for each in range(*n.indices(self._count))]
        if n >= self._count:
            raise IndexError(n)
        output = str(self._folder(n) / f"d{n:07}.pdf")
        return replace(self._like, id=f"d{n:07}", output=output, n=n)


def engine(place: Path, count: int) -> Callable[[], None]:
    """Stage documents; to carry them, with files and ledger, is what is timed."""
    ledger = place / "ledger.sqlite"
    url = (place / "url").read_text()
    documents = Tiny(place, count)
    # Elsewhere: what planning takes is measured for itself.
    staging = get_context("fork").Process(target=stage, args=(ledger, documents))
    staging.start()
    staging.join()

    def carry() -> None:
        ours = Ours(url, width=WIDTH)
        asyncio.run(ours.carry(documents, files=True, ledger=ledger))

    return carry


def plan(place: Path, count: int) -> Callable[[], None]:
    """Write a manifest; to plan it is what is timed."""
    (place / "input.txt").write_text("a tiny document\n")
    path = place / "many.yaml"
    with path.open("w") as file:
        file.write("version: 1\ndocuments:\n")
        file.writelines(
            f"  - {{id: d{n:07}, input: input.txt}}\n" for n in range(count)
        )

    def work() -> None:
        if plan_batch(load_manifest(path, environment={})).new != count:
            raise RuntimeError("not every document was planned")

    return work


WORK = {"engine": engine, "plan": plan}
FURTHER = {"plan": 10}
"""How many times the largest number of documents what is quick is measured with."""


def _work(name: str, place: Path, count: int) -> None:
    work = WORK[name](place, count)
    began, used = time.perf_counter(), time.process_time()
    work()
    seconds, used = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"seconds": seconds, "used": used, "peak": peak(os.getpid())}))


def sample(name: str, url: str, count: int, folder: Path | None) -> Sample:
    """Do it once, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as room:
        Path(room, "url").write_text(url)
        command = [sys.executable, "-m", "benchmarks.growth"]
        command += ["--work", name, room, str(count)]
        done = subprocess.run(
            command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
    return Sample(**json.loads(done.stdout))


def measure(
    *, sizes: Sequence[int], rounds: int, folder: Path | None = None
) -> list[Row]:
    """Every size in turns; each is compared with the smallest of its round."""
    found: dict[str, dict[int, list[Sample]]] = {}
    with serving() as server:
        for turn in range(rounds):
            for name in WORK:
                own = found.setdefault(name, {})
                for size in _sizes(name, sizes)[:: -1 if turn % 2 else 1]:
                    one = sample(name, server.url, size, folder)
                    own.setdefault(size, []).append(one)
    return [row for name, own in found.items() for row in _rows(name, own)]


def _sizes(name: str, sizes: Sequence[int]) -> Sequence[int]:
    most = max(sizes) * FURTHER.get(name, 1)
    return sizes if most in sizes else (*sizes, most)


def _rows(name: str, samples: dict[int, list[Sample]]) -> list[Row]:
    first = min(samples)
    each = {n: median(e.used for e in own) / n for n, own in samples.items()}
    grown = _exponent(each)
    rows = []
    for n, own in samples.items():
        micros = [e.used / n * 1e6 for e in own]
        ratio = each[n] / each[first]
        more = max(e.peak for e in own) - max(e.peak for e in samples[first])
        clock = median(e.seconds for e in own)
        rows.append(
            Row(
                f"{name}, {n:,} documents",
                rate=median(micros),
                low=min(micros),
                high=max(micros),
                ratio=None if n == first else ratio,
                peak=max(e.peak for e in own),
                note=f"{clock:.1f} s; time as n^{grown:.2f}",
                unit="µs",
                goal="" if n == first else "≤ 1.1, flat",
                met=None if n == first else ratio <= 1.1 and more <= FLAT,
            )
        )
    return rows


def _exponent(each: dict[int, float]) -> float:
    """Of n in the time of all documents: the slope through all sizes."""
    xs = [math.log(n) for n in each]
    ys = [math.log(n * seconds) for n, seconds in each.items()]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    return over / (sum((a - x) ** 2 for a in xs) or 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--smallest", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write [default: temp]")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        name, place, count = given.work
        _work(name, Path(place), int(count))
        return
    print(machine())
    print(f"{given.rounds} rounds, medians of the processor's time for a document")
    sizes = [given.smallest]
    while sizes[-1] * 10 <= given.documents:
        sizes.append(sizes[-1] * 10)
    show(measure(sizes=sizes, rounds=given.rounds, folder=given.folder))


if __name__ == "__main__":
    main()
