"""What it costs to wait for jobs that take their time: memory, polls, delay.

Run it as ``python -m benchmarks.waiting --jobs 50000 --seconds 60``.

All jobs are handed over as fast as the wire allows, and are done some seconds later;
benchmarks/slow.py counts how often each is asked for, and how long after its end the
first to ask is told. Beside them, a task for each document that sleeps between polls.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.slow import Tally, working
from benchmarks.table import Row, machine, show
from benchmarks.waiters import Took, waited

SPACING = 1.0
CASES = ("naive", "polls", "list", "webhooks")
MEMORY = 2048
"""Bytes that a document may take while it waits."""
TOLD = 0.5
"""Seconds after which half of the jobs may be known to be done, with webhooks."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a case took, by this process and by the server."""

    took: Took
    tally: Tally
    seconds: float
    spacing: float

    def late(self, share: float) -> float:
        """Seconds after a job's end until it was known, for a share of the jobs."""
        late = self.tally.late
        return late[min(len(late) - 1, int(share * len(late)))]


def measure(
    *, jobs: int, seconds: float, spacing: float = SPACING, cases: Sequence[str] = CASES
) -> list[Row]:
    """Carry the jobs in every way."""
    found = {}
    for how in cases:
        with working(seconds) as server:
            took = waited(server.url, how=how, count=jobs, spacing=spacing)
            found[how] = Found(took, server.tally(), seconds, spacing)
    return [row for how, each in found.items() for row in _rows(how, each, found, jobs)]


def _rows(how: str, found: Found, all_: Mapping[str, Found], jobs: int) -> list[Row]:
    rows = [_memory(how, found), _polls(how, found, jobs), _delay(how, found)]
    if how == "naive" or "naive" not in all_:
        return rows
    beside = [_memory("", all_["naive"]), _polls("", all_["naive"], jobs)]
    compared = [
        replace(row, ratio=row.rate / max(1e-9, yardstick.rate))
        for row, yardstick in zip(rows, beside, strict=False)
    ]
    return [*compared, *rows[2:]]


def _memory(how: str, found: Found) -> Row:
    took, is_ours = found.took, how != "naive"
    return Row(
        f"{how}: memory of one that waits",
        rate=took.each,
        low=took.each,
        high=took.each,
        peak=took.peak,
        note=f"{took.most:,} waited at a time; {took.seconds:.0f} s in all, "
        f"{took.processor:.0f} s of processor",
        unit="bytes",
        goal=f"≤ {MEMORY:,}" if is_ours else "",
        met=took.each <= MEMORY if is_ours else None,
    )


def _polls(how: str, found: Found, jobs: int) -> Row:
    each = found.tally.polls / jobs
    most = math.log2(found.seconds / found.spacing) + 3
    is_ours = how != "naive"
    return Row(
        f"{how}: polls of a job",
        rate=each,
        low=each,
        high=found.tally.most,
        note=f"and {found.tally.lists} lists" if found.tally.lists else "",
        unit="polls",
        goal=f"≤ {most:.1f}" if is_ours else "",
        met=each <= most if is_ours else None,
    )


def _delay(how: str, found: Found) -> Row:
    half = found.late(0.5)
    share = max(found.spacing, found.seconds / 10)
    most = TOLD if how == "webhooks" else share
    is_ours = how != "naive"
    return Row(
        f"{how}: end of a job known after",
        rate=half,
        low=found.late(0.0),
        high=found.late(0.99),
        note=f"highest: 99 of 100; median {half / found.seconds:.1%} of its time",
        unit="s",
        goal=f"≤ {most:.3g}" if is_ours else "",
        met=half <= most if is_ours else None,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10.0, help="that a job takes")
    parser.add_argument("--spacing", type=float, default=SPACING)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    given = parser.parse_args()
    print(machine())
    print(f"{given.jobs:,} jobs that take {given.seconds:g} s each")
    rows = measure(
        jobs=given.jobs,
        seconds=given.seconds,
        spacing=given.spacing,
        cases=given.cases,
    )
    show(rows, "waiting")


if __name__ == "__main__":
    main()
