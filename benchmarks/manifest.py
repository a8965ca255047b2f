"""Documents a second of loading and planning a manifest, and the memory it takes.

Run it as ``python -m benchmarks.manifest --documents 100000``. Every figure comes from
a process of its own. The yardsticks read the same file: PyYAML's C loader with all of
it in memory, and the bare events of its parser.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.server import ROOT
from benchmarks.table import Row, machine, show
from orchestrator.batch.folder import folder_of
from orchestrator.batch.planning import plan_of
from orchestrator.batch.prepare import prepared
from orchestrator.manifest import load_manifest

_HEAD = "version: 1\ndefaults: {to: pdf, output: 'out/{id}.{ext}'}\ndocuments:\n"
_WHOLE_AT_MOST = 100_000
"""Documents up to which all of a manifest is loaded at once: 9 kB of memory each."""


def plan(path: Path) -> int:
    """Load and plan, as the command does; the number of documents."""
    manifest = load_manifest(path, environment={})
    with prepared(manifest, folder_of(path, None)) as batch:
        return plan_of(batch).documents


def load(path: Path) -> int:
    """Check every document, and plan nothing."""
    return load_manifest(path, environment={}).validate()


def whole(path: Path) -> int:
    """Let PyYAML make values of the whole file."""
    with path.open("rb") as file:
        loaded: Any = yaml.load(file, yaml.CSafeLoader)
    return len(loaded["documents"])


def events(path: Path) -> int:
    """Let PyYAML parse, and make nothing of it."""
    found = 0
    with path.open("rb") as file:
        for event in yaml.parse(file, yaml.CSafeLoader):
            found += isinstance(event, yaml.MappingStartEvent)
    return found - 2


WORK: dict[str, Callable[[Path], int]] = {
    "yaml events": events,
    "yaml.load": whole,
    "load": load,
    "plan": plan,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn; memory in bytes, ``idle`` being the peak before the work."""

    documents: int
    seconds: float
    peak: int
    idle: int


def write(path: Path, documents: int) -> None:
    """Write a manifest of single entries, and the one input of all of them."""
    path.with_name("input.txt").write_text("a tiny document\n")
    with path.open("w") as file:
        file.write(_HEAD)
        for n in range(documents):
            file.write(f"  - {{id: d{n:07}, input: input.txt}}\n")


def sample(work: str, path: Path) -> Sample:
    """Do it once in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.manifest", "--work", work, str(path)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Sample(**json.loads(done.stdout))


def _work(name: str, path: Path) -> None:
    idle = _peak()
    began = time.perf_counter()
    documents = WORK[name](path)
    seconds = time.perf_counter() - began
    figures = {"documents": documents, "seconds": seconds}
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
    with tempfile.TemporaryDirectory(dir=folder) as room:
        path = Path(room, "many.yaml")
        size = min(smallest, documents)
        while size <= documents:
            write(path, size)
            rows += _at(path, size, rounds)
            size *= 10
    return rows


def _at(path: Path, documents: int, rounds: int) -> list[Row]:
    names = list(WORK)
    if documents > _WHOLE_AT_MOST:
        names.remove("yaml.load")
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            samples[name].append(sample(name, path))
    return [_row(name, samples, documents) for name in names]


def _row(name: str, samples: dict[str, list[Sample]], documents: int) -> Row:
    own = samples[name]
    if any(each.documents != documents for each in own):
        raise RuntimeError(f"{name}: not every one of {documents} documents was met")
    rates = [documents / each.seconds for each in own]
    grown = median(each.peak - each.idle for each in own) / 1e6
    note = f"grown by {grown:.0f} MB, {median(e.seconds for e in own):.1f} s"
    return Row(
        f"{documents:,} documents: {name}",
        rate=median(rates),
        low=min(rates),
        high=max(rates),
        ratio=None if name == "yaml events" else _ratio(own, samples["yaml events"]),
        peak=max(each.peak for each in own),
        note=note,
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
