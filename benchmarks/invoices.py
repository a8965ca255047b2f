"""Invoices a second through run and embedded service, next to the bare renderer.

Run it as ``python -m benchmarks.invoices --documents 1000`` (extra ``local``; the extra
``bench`` adds the page as WeasyPrint and ReportLab make it).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.process import ROOT
from benchmarks.rivals import makers
from benchmarks.table import Row, machine, show
from orchestrator.batch.api import load_manifest, run_batch
from orchestrator.designs import find
from orchestrator.model import State
from orchestrator.service.render.designed import sheet
from orchestrator.service.render.task import Sheet
from orchestrator.service.render.typeset import Typesetter

MANIFEST = ROOT / "manifests" / "02-bulk-invoices.yaml"
ROWS = ROOT / "manifests" / "data" / "invoices.jsonl"
CORES = len(os.sched_getaffinity(0))
_RIVALS = 12


def rows(documents: int) -> list[dict[str, Any]]:
    """The rows of the manifest, again and again under other numbers."""
    lines = ROWS.read_text(encoding="utf-8").splitlines()
    found = (
        json.loads(line) | {"number": f"B-{turn}-{n}"}
        for turn in count()
        for n, line in enumerate(lines)
    )
    return list(islice(found, documents))


def whole(row: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """A row over what all rows share, key by key."""
    merged = dict(shared)
    for key, value in row.items():
        below = merged.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = whole(value, below or {}) if both else value
    return merged


class Bench:
    """The same invoices by several ways; each way gives its seconds."""

    def __init__(self, room: Path, documents: int) -> None:
        self._room = room
        self._turns = count()
        self._said = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
        self._rows = rows(documents)
        shared = self._said["documents"][0]["params"]
        self._params = [whole(each, shared) for each in self._rows]
        self._design = find("invoice@1")

    def sheets(self) -> list[Sheet]:
        """Prepare what the template gets."""
        return [sheet(self._design, each) for each in self._params]

    def bare(self) -> float:
        """Typst alone: the same pages in a thread for each core, nothing written."""
        sheets = self.sheets()
        packages = self._room / "packages"
        packages.mkdir(exist_ok=True)
        typesetter = Typesetter(packages)
        with ThreadPoolExecutor(CORES) as threads:
            list(threads.map(typesetter.compile, sheets[: 4 * CORES]))
            began = time.perf_counter()
            list(threads.map(typesetter.compile, sheets))
            return time.perf_counter() - began

    def ours(self) -> float:
        """A run with its private service, from the first result to the last.

        What comes before is the same for ten documents and for a million: it is noted
        beside the rate.
        """
        folder = self._room / f"turn{next(self._turns)}"
        (folder / "data").mkdir(parents=True)
        with (folder / "data" / ROWS.name).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(each) + "\n" for each in self._rows)
        path = folder / "bench.yaml"
        path.write_text(yaml.safe_dump(self._said, allow_unicode=True))
        return asyncio.run(self._run(path))

    async def _run(self, path: Path) -> float:
        ends = []
        async for verdict in run_batch(load_manifest(path)):
            if verdict.state is not State.DONE:
                raise RuntimeError(f"{verdict.document.id}: {verdict.state}")
            ends.append(time.perf_counter())
        # The first few fill the pipe; the others come at its pace.
        skipped = min(4 * CORES, len(ends) // 4)
        pace = (ends[-1] - ends[skipped]) / (len(ends) - 1 - skipped)
        return pace * len(ends)

    def rival(self, name: str) -> float:
        """Another maker, in a process for each core; fewer pages, scaled up."""
        pages = [json.loads(each.texts["data.json"]) for each in self._few()]
        with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
            list(pool.map(_made, [name] * CORES * 2, pages[: CORES * 2]))
            began = time.perf_counter()
            list(pool.map(_made, [name] * len(pages), pages))
            return (time.perf_counter() - began) / len(pages) * len(self._rows)

    def _few(self) -> Iterator[Sheet]:
        """Invoices in Latin letters: one font for the others."""
        latin = (x for x in self._params if x["language"] in {"en", "de", "fr", "es"})
        return (sheet(self._design, each) for each in islice(latin, _RIVALS))


def _made(name: str, page: Mapping[str, Any]) -> int:
    return len(makers()[name](page))


def measure(*, documents: int, rounds: int, folder: Path | None = None) -> list[Row]:
    """Time every way in interleaved rounds, and compare the medians."""
    with tempfile.TemporaryDirectory(dir=folder) as room:
        bench = Bench(Path(room), documents)
        ways: dict[str, Callable[[], float]] = {
            f"invoices: typst alone, {CORES} threads": bench.bare,
            "invoices: run and service": bench.ours,
        }
        for name in makers():
            way = f"invoices: {name}, {CORES} processes"
            ways[way] = partial(bench.rival, name)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(rounds):
            order = list(ways)[:: -1 if turn % 2 else 1]
            for name in order:
                seconds[name].append(ways[name]())
    for name in {"ReportLab", "WeasyPrint"} - set(makers()):
        print(f"{name} is not installed (extra bench, and Pango for WeasyPrint)")
    first = next(iter(ways))
    return [_row(name, seconds[name], seconds[first], documents) for name in ways]


def _row(
    name: str, seconds: Sequence[float], yardstick: Sequence[float], documents: int
) -> Row:
    rates = [documents / each for each in seconds]
    pairs = zip(seconds, yardstick, strict=True)
    ratio = None if seconds is yardstick else median(b / a for a, b in pairs)
    return Row(name, median(rates), min(rates), max(rates), ratio)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write [default: temp]")
    given = parser.parse_args()
    print(machine())
    print(f"{given.documents:,} invoices a turn, {given.rounds} rounds, medians")
    show(measure(documents=given.documents, rounds=given.rounds, folder=given.folder))


if __name__ == "__main__":
    main()
