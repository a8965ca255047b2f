"""Every crash point of every provider and mode, in one table.

Run it as ``python -m benchmarks.crashpoints``. It cuts a run after each of its effects,
lets the next run go on, and looks at the bill, the files and the ledger. It stands here
and not in the package because the APIs are models that belong to the tests. Exit code 1
if a document was lost, billed twice, or in doubt where it could have been looked up.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.crashing.cases import Case, cases
from benchmarks.crashing.power import Cuts, sweep_log
from benchmarks.crashing.sweep import Tally, sweep
from benchmarks.table import machine

_HEAD = ("provider", "mode", "", "effects", "cuts", "done", "in doubt", "lost", "twice")


def name_of(case: Case) -> tuple[str, str, str]:
    """Provider, mode, and what is particular about a case."""
    return case.name, str(case.mode), case.extra


async def measure(
    wanted: Sequence[Case], folder: Path, *, twice: int, power: bool
) -> list[Tally]:
    """Sweep one case after the other."""
    tallies = []
    for each in wanted:
        room = folder / "-".join(name_of(each)).replace(" ", "-")
        tallies.append(await sweep(each, room, twice=twice, power=power))
        shutil.rmtree(room)
        print(_line(_cells(tallies[-1])), flush=True)
    return tallies


def _cells(tally: Tally) -> tuple[str, ...]:
    figures = (tally.effects, tally.cuts, tally.done, tally.doubt.total())
    ends = (tally.lost, tally.doubled)
    return (*name_of(tally.case), *(f"{each:,}" for each in (*figures, *ends)))


def _line(cells: Sequence[str]) -> str:
    provider, mode, extra, *figures = cells
    row = "".join(f"{each:>10}" for each in figures)
    return f"{provider:12}{mode:11}{extra:14}{row}"


def _sums(tallies: Sequence[Tally]) -> tuple[str, ...]:
    sums = (
        sum(each.effects for each in tallies),
        sum(each.cuts for each in tallies),
        sum(each.done for each in tallies),
        sum(each.doubt.total() for each in tallies),
        sum(each.lost for each in tallies),
        sum(each.doubled for each in tallies),
    )
    return ("all", "", "", *(f"{each:,}" for each in sums))


async def cut_logs(wanted: Sequence[Case], folder: Path) -> Cuts:
    """The same runs, with the log of the ledger cut at each place of it."""
    total = Cuts()
    for place, each in enumerate(wanted):
        cuts = await sweep_log(each, folder / f"log-{place}")
        total.tried += cuts.tried
        total.faults += [f"{' '.join(name_of(each))}: {f}" for f in cuts.faults]
    return total


def _show_reasons(tallies: Sequence[Tally]) -> None:
    reasons: Counter[tuple[str, str]] = Counter()
    for tally in tallies:
        for why, number in tally.doubt.items():
            reasons[tally.case.name, why] += number
    for (name, why), number in sorted(reasons.items()):
        print(f"  in doubt, {name}: {number:,} times, as {why}")


def main() -> None:
    """Sweep, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", action="append", help="only this one")
    parser.add_argument(
        "--twice",
        type=int,
        default=7,
        metavar="N",
        help="also cut the resume, after each N-th of its effects; 1: all, 0: none",
    )
    parser.add_argument("--no-power", action="store_true", help="kills alone")
    parser.add_argument("--folder", type=Path, help="where to work [default: temp]")
    given = parser.parse_args()
    wanted = [each for each in cases() if each.name in (given.provider or each.name)]
    print(machine())
    print(_line(_HEAD))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=given.folder) as room:
        tallies = asyncio.run(
            measure(wanted, Path(room), twice=given.twice, power=not given.no_power)
        )
        alone = [each for each in wanted if not each.at_once]
        logs = asyncio.run(cut_logs(alone, Path(room)))
    print(_line(_sums(tallies)))
    _show_reasons(tallies)
    wrong = len(logs.faults)
    print(f"  ledger: its log cut at {logs.tried:,} places, {wrong} times wrong")
    faults = [
        f"{' '.join(name_of(tally.case))}: {fault}"
        for tally in tallies
        for fault in tally.faults
    ]
    faults += logs.faults
    for each in faults:
        print(f"BROKEN: {each}")
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
