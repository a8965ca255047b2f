"""Documents a second of loading and planning a manifest, and the memory it takes.

Run it as ``python -m benchmarks.manifest --documents 1000000 --rounds 1`` for its
goals, with fewer documents for a look. Every figure comes from a process of its own.
The yardsticks read the same file: PyYAML's C loader with all of it in memory, and the
bare events of its parser. Runs go to a server of canned replies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.process import ROOT
from benchmarks.server import serving
from benchmarks.table import Row, machine, show
from orchestrator.batch import RunOptions, batch_status, run_batch
from orchestrator.batch.folder import folder_of
from orchestrator.batch.planning import plan_of
from orchestrator.batch.prepare import prepared
from orchestrator.manifest import Manifest, load_manifest

_HEAD = """version: 1
providers: {there: {type: local, url: "%s", key: "${env:BENCHMARK_KEY}"}}
defaults: {to: pdf, output: "out/{id}.{ext}", provider: there}
documents:
"""
_ENVIRONMENT = {"BENCHMARK_KEY": "none"}
_ROWS = "  - {rows: rows.%s, key: name, input: '{file}'}\n"
_GOAL = 1_000_000 / 60
_MEMORY = 200_000_000
Figures = tuple[int, dict[str, float]]
"""How many documents were met, and more that was measured."""
_WHOLE_AT_MOST = 100_000
"""Documents up to which all of a manifest is loaded at once: 9 kB of memory each."""


def plan(path: Path) -> Figures:
    """Load and plan, as the command does."""
    manifest = load_manifest(path, environment=_ENVIRONMENT)
    with prepared(manifest, folder_of(path, None)) as batch:
        return plan_of(batch).documents, {}


def load(path: Path) -> Figures:
    """Check every document, and plan nothing."""
    return load_manifest(path, environment=_ENVIRONMENT).validate(), {}


def first(path: Path) -> Figures:
    """Run until the first document is done; how long after the validation that is."""
    ended = [0.0]
    finish = Manifest.finish

    def finished(manifest: Manifest) -> None:
        finish(manifest)
        ended[0] = time.perf_counter()

    async def run() -> float:
        manifest = load_manifest(path, environment=_ENVIRONMENT)
        options = RunOptions(limit=1)
        async for verdict in run_batch(
            manifest, options=options, environment=_ENVIRONMENT
        ):
            if verdict.failure is not None:
                raise RuntimeError(str(verdict.failure))
            return time.perf_counter() - ended[0]
        raise RuntimeError("nothing was to be done")

    Manifest.finish = finished  # type: ignore[method-assign, assignment]  # only looked at
    after = asyncio.run(run())
    return sum(batch_status(path).values()), {"after": after}


def whole(path: Path) -> Figures:
    """Let PyYAML make values of the whole file."""
    with path.open("rb") as file:
        loaded: Any = yaml.load(file, yaml.CSafeLoader)
    return len(loaded["documents"]), {}


def events(path: Path) -> Figures:
    """Let PyYAML parse, and make nothing of it."""
    found = 0
    with path.open("rb") as file:
        for event in yaml.parse(file, yaml.CSafeLoader):
            found += isinstance(event, yaml.MappingStartEvent)
    return found - 4, {}


EVENTS = "yaml events"
WORK: dict[str, tuple[Callable[[Path], Figures], str]] = {
    EVENTS: (events, "many"),
    "yaml.load": (whole, "many"),
    "load": (load, "many"),
    "plan": (plan, "many"),
    "plan, JSON Lines": (plan, "jsonl"),
    "plan, CSV": (plan, "csv"),
    "first run": (first, "many"),
    "next run, unchanged": (first, "many"),
}
"""What is done, and with which manifest; the order is that of a batch."""
RUNS = ("first run", "next run, unchanged")


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn; memory in bytes, ``idle`` being the peak before the work.

    ``spent`` is its processor time, which says more on a machine that is busy.
    ``after`` is how long after its validation a run had its first document, in seconds.
    """

    documents: int
    seconds: float
    spent: float
    peak: int
    idle: int
    after: float = 0.0


def write(room: Path, documents: int, url: str) -> None:
    """Write the same documents as entries, as CSV and as JSON Lines; one input."""
    head = _HEAD % url
    (room / "input.txt").write_text("a tiny document\n")
    for kind in ("csv", "jsonl"):
        (room / f"{kind}.yaml").write_text(head + _ROWS % kind)
    with (
        (room / "many.yaml").open("w") as entries,
        (room / "rows.csv").open("w") as table,
        (room / "rows.jsonl").open("w") as lines,
    ):
        entries.write(head)
        table.write("name,file\n")
        for n in range(documents):
            name = f"d{n:07}"
            entries.write(f"  - {{id: {name}, input: input.txt}}\n")
            table.write(f"{name},input.txt\n")
            lines.write(f'{{"name": "{name}", "file": "input.txt"}}\n')


def sample(work: str, path: Path) -> Sample:
    """Do it once in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.manifest", "--work", work, str(path)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Sample(**json.loads(done.stdout))


def _work(name: str, path: Path) -> None:
    idle = _peak()
    began, spent = time.perf_counter(), time.process_time()
    documents, more = WORK[name][0](path)
    seconds = time.perf_counter() - began
    spent = time.process_time() - spent
    figures = {"documents": documents, "seconds": seconds, "spent": spent, **more}
    print(json.dumps({**figures, "peak": _peak(), "idle": idle}))


def _peak() -> int:
    """Peak memory of this process in bytes."""
    try:
        # What getrusage tells after an exec is at least what the parent had.
        text = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(text.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def measure(
    *, documents: int, rounds: int, smallest: int = 1000, folder: Path | None = None
) -> list[Row]:
    """Time everything at each size, ten times as many documents from size to size."""
    rows = []
    size = min(smallest, documents)
    with serving() as server:
        while size <= documents:
            with tempfile.TemporaryDirectory(dir=folder) as room:
                write(Path(room), size, server.url)
                rows += _at(Path(room), size, rounds)
            size *= 10
    return rows


def _at(room: Path, documents: int, rounds: int) -> list[Row]:
    names = list(WORK)
    if documents > _WHOLE_AT_MOST:
        names.remove("yaml.load")
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for _ in range(rounds):
        for made in ("many.batch", "out"):
            shutil.rmtree(room / made, ignore_errors=True)
        for name in names:
            path = room / f"{WORK[name][1]}.yaml"
            samples[name].append(sample(name, path))
    if any(e.documents != documents for each in samples.values() for e in each):
        raise RuntimeError(f"not every one of {documents} documents was met")
    return [_row(name, samples, documents) for name in names]


def _row(name: str, samples: dict[str, list[Sample]], documents: int) -> Row:
    own = samples[name]
    grown = median(each.peak - each.idle for each in own) / 1e6
    peak = max(each.peak for each in own)
    title = f"{documents:,} documents: {name}"
    seconds, spent = median(e.seconds for e in own), median(e.spent for e in own)
    note = f"grown by {grown:.0f} MB, {seconds:.1f} s ({spent:.1f} s of processor)"
    if name in RUNS:
        return _of_run(
            Row(title, 0, 0, 0, peak=peak, note=note, unit="s"), own, samples
        )
    rates = [documents / each.seconds for each in own]
    goal, met = "", None
    if name == "plan" and documents >= _WHOLE_AT_MOST:
        goal, met = "60 s/million", median(rates) >= _GOAL and peak < _MEMORY
    if name.startswith("plan,"):
        faster = _ratio(own, samples["plan"])
        goal, met = "> plan", faster > 1
        note = f"{faster:.2f} of plan, {note}"
    return Row(
        title,
        rate=median(rates),
        low=min(rates),
        high=max(rates),
        ratio=None if name == EVENTS else _ratio(own, samples[EVENTS]),
        peak=peak,
        note=note,
        goal=goal,
        met=met,
    )


def _of_run(row: Row, own: list[Sample], samples: dict[str, list[Sample]]) -> Row:
    """How long until the first document is done: after the validation, or in all."""
    if own is samples[RUNS[0]]:
        after = [each.after for each in own]
        note, ratio = f"to the first result after validation; {row.note}", None
        goal, met = "≤ 0.5 s", median(after) <= 0.5
    else:
        after = [each.seconds for each in own]
        note, ratio = (
            "to the first result from the start",
            _ratio(own, samples[RUNS[0]]),
        )
        goal, met = "", None
    return replace(
        row,
        rate=median(after),
        low=min(after),
        high=max(after),
        ratio=ratio,
        note=note,
        goal=goal,
        met=met,
    )


def _ratio(own: list[Sample], yardstick: list[Sample]) -> float:
    pairs = zip(own, yardstick, strict=True)
    return median(theirs.seconds / ours.seconds for ours, theirs in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write [default: temp]")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        _work(given.work[0], Path(given.work[1]))
        return
    print(machine())
    print(f"{given.rounds} rounds, medians; ratio: to the bare events of the parser")
    show(measure(documents=given.documents, rounds=given.rounds, folder=given.folder))


if __name__ == "__main__":
    main()
