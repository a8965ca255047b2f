"""Seconds from the command to its end: the overview, and a run of one document.

Run it as ``python -m benchmarks.startup --rounds 9``. Every figure is a cold process
with its files in memory; a run has a new batch, and the embedded service starts and
ends with it. The yardstick is the same interpreter that imports aiohttp and ends.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks.process import ROOT
from benchmarks.table import Row, UnavailableError, machine, show

YARDSTICK = "python -c 'import aiohttp'"
TEXT = """\
version: 1
documents:
  - {id: one, input: one.txt, to: pdf, output: "out/{id}.{ext}"}
"""
INVOICE = """\
version: 1
documents:
  - id: one
    design: invoice@1
    output: "out/{id}.{ext}"
    params:
      number: "1"
      issue_date: 2026-03-17
      currency: EUR
      language: en-GB
      seller: &party
        name: Kessel & Korn
        address: {lines: [Sandtorkai 12], postcode: "1", city: Hamburg, country: DE}
        tax_ids: [{scheme: vat, value: DE123456788}]
      buyer: *party
      lines:
        - {name: Coffee, quantity: 4, unit: KGM, unit_price: 31.50, tax: {rate: 7}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One command; ``most`` is its goal in seconds."""

    name: str
    command: tuple[str, ...]
    manifest: str = ""
    again: bool = False
    """Whether the batch has been run before."""
    most: float | None = None


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


_RUN = _python("-m", "orchestrator", "run")
CASES = (
    Case("python -c pass", _python("-c", "pass")),
    Case(YARDSTICK, _python("-c", "import aiohttp")),
    Case("python -m http.server --help", _python("-m", "http.server", "--help")),
    Case("orchestrator --help", _python("-m", "orchestrator", "--help"), most=0.3),
    Case("run: one text", _RUN, TEXT, most=1.5),
    Case("run: one invoice", _RUN, INVOICE, most=1.5),
    Case("run: nothing left to do", _RUN, TEXT, again=True),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """One turn: seconds on the clock, and of all its processes' processor time."""

    seconds: float
    spent: float
    peak: int


def measure(*, rounds: int, folder: Path | None = None) -> list[Row]:
    """Time every case in interleaved rounds.

    Raises:
        UnavailableError: the service needs the extra ``local``.
    """
    if not find_spec("typst"):
        raise UnavailableError("needs the extra `local`: the service that converts")
    timings: dict[str, list[Timing]] = {each.name: [] for each in CASES}
    with tempfile.TemporaryDirectory(dir=folder) as room:
        for each in CASES:  # files into memory, modules compiled
            _turn(each, Path(room))
        for _ in range(rounds):
            for each in CASES:
                timings[each.name].append(_turn(each, Path(room)))
    return [_row(each, timings) for each in CASES]


def _turn(case: Case, room: Path) -> Timing:
    shutil.rmtree(room / "batch", ignore_errors=True)
    place = room / "batch"
    place.mkdir()
    place.joinpath("one.txt").write_text("one tiny document\n")
    place.joinpath("one.yaml").write_text(case.manifest)
    if case.again:
        _timed(case, place)
    timing = _timed(case, place)
    made = place / "out" / "one.pdf"
    if case.manifest and made.read_bytes()[:5] != b"%PDF-":
        raise RuntimeError(f"{case.name}: no PDF was made")
    return timing


def _timed(case: Case, place: Path) -> Timing:
    began, before = time.perf_counter(), os.times()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            _command(case, place), cwd=ROOT, stdout=said, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            words = said.read().decode()[-200:]
            raise RuntimeError(f"{case.name} ended with {process.returncode}: {words}")
    # With what its own children spent, as far as it waited for them.
    after = os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    scale = 1 if sys.platform == "darwin" else 1024
    return Timing(seconds, spent, used.ru_maxrss * scale)


def _command(case: Case, place: Path) -> tuple[str, ...]:
    # From this folder: what is measured is what lies beside the benchmarks.
    return (*case.command, *([str(place / "one.yaml")] if case.manifest else []))


def _row(case: Case, timings: Mapping[str, Sequence[Timing]]) -> Row:
    own, yardstick = timings[case.name], timings[YARDSTICK]
    seconds = [each.seconds for each in own]
    spent = median(each.spent for each in own)
    return Row(
        case.name,
        rate=median(seconds),
        low=min(seconds),
        high=max(seconds),
        unit="s",
        ratio=None if case.name == YARDSTICK else _times(own, yardstick),
        peak=max(each.peak for each in own),
        goal="" if case.most is None else f"< {case.most:g} s",
        met=None if case.most is None else median(seconds) < case.most,
        note=f"{spent:.2f} s of processor, "
        f"{_times(own, yardstick, lambda each: each.spent):.1f} x the yardstick's",
    )


def _times(
    own: Sequence[Timing],
    yardstick: Sequence[Timing],
    of: Callable[[Timing], float] = lambda each: each.seconds,
) -> float:
    """How many times the yardstick of the same round, the median."""
    return median(of(a) / of(b) for a, b in zip(own, yardstick, strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where to write [default: temp]")
    given = parser.parse_args()
    print(machine())
    print(f"{given.rounds} interleaved rounds, medians; ratio: times the yardstick's")
    show(measure(rounds=given.rounds, folder=given.folder))


if __name__ == "__main__":
    main()
