"""What it costs to wait for jobs that take their time: memory, polls, delay.

Run it as ``python -m benchmarks.waiting --jobs 50000 --seconds 60``.

In the *flood*, all jobs are handed over as fast as the wire allows: what one that waits
takes of memory, and how often it is asked for. Beside it stands a task for each
document, which sleeps between its polls. Their ends come faster than two cores can
fetch results, so how soon an end is known is seen in the *stream*: few jobs at a time,
by polls, with a list of what is not done, and with webhooks. benchmarks/slow.py counts
polls, and how long after its end the first who asks for a job is told. Ratios are over
the task's, over one poll, and over the most that an end may be known late.
"""

from __future__ import annotations

import argparse
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.slow import Tally, working
from benchmarks.table import Row, machine, show
from benchmarks.waiters import Took, waited

SPACING = 1.0
STREAMS = ("polls", "list", "webhooks")
TOGETHER = 100
"""Jobs of a stream that are with the provider at a time."""
MEMORY = 2048
"""Bytes that a document may take while it waits."""
TOLD = 0.5
"""Seconds after which half of the jobs may be known to be done, with webhooks."""


@dataclass(frozen=True, slots=True)
class Case:
    """How many jobs, how long each takes, and the least distance of two polls."""

    jobs: int
    seconds: float
    spacing: float = SPACING

    @property
    def most(self) -> float:
        """Polls that a job may take."""
        return math.log2(self.seconds / self.spacing) + 3


@dataclass(frozen=True, slots=True)
class Found:
    """What a case took, as its process says and as the server counted."""

    case: Case
    took: Took
    tally: Tally

    @property
    def polls(self) -> float:
        """Of a job, on average."""
        return self.tally.polls / self.case.jobs

    def late(self, share: float) -> float:
        """Seconds after a job's end until it was known, for a share of the jobs."""
        late = self.tally.late
        return late[min(len(late) - 1, int(share * len(late)))]


def measure(
    *, jobs: int, seconds: float, streamed: int = 300, stream_seconds: float = 10.0
) -> list[Row]:
    """Carry a flood of jobs, and then a stream in each of its ways."""
    flood, stream = Case(jobs, seconds), Case(streamed, stream_seconds)
    naive, polls = _carried("naive", flood), _carried("polls", flood)
    with ThreadPoolExecutor(len(STREAMS)) as pool:
        streams = pool.map(lambda how: _carried(how, stream, TOGETHER), STREAMS)
        found = dict(zip(STREAMS, streams, strict=True))
    rows = [_memory("a task each", naive), _memory("flood", polls, naive)]
    rows += [_polls("a task each", naive), _polls("flood", polls, naive)]
    rows += [_polls(f"stream, {how}", each) for how, each in found.items()]
    rows += [_delay(how, each) for how, each in found.items()]
    return rows


def _carried(how: str, case: Case, together: int | None = None) -> Found:
    with working(case.seconds) as server:
        took = waited(
            server.url,
            how=how,
            count=case.jobs,
            spacing=case.spacing,
            together=together,
        )
        return Found(case, took, server.tally())


def _memory(name: str, found: Found, beside: Found | None = None) -> Row:
    took = found.took
    return Row(
        f"{name}: memory of a job that waits",
        rate=took.each,
        low=took.each,
        high=took.each,
        ratio=took.each / beside.took.each if beside else None,
        peak=took.peak,
        note=f"{took.most:,} waited at a time; {took.seconds:.0f} s in all, "
        f"{took.processor:.0f} s of processor",
        unit="bytes",
        goal=f"≤ {MEMORY:,}" if beside else "",
        met=took.each <= MEMORY if beside else None,
    )


def _polls(name: str, found: Found, beside: Found | None = None) -> Row:
    is_yardstick = name == "a task each"
    lists = f"and {found.tally.lists} lists; " if found.tally.lists else ""
    return Row(
        f"{name}: polls of a job",
        rate=found.polls,
        low=found.polls,
        high=found.tally.most,
        ratio=None if is_yardstick else found.polls / (beside.polls if beside else 1),
        note=f"{lists}one is the least; highest: of a single job",
        unit="polls",
        goal="" if is_yardstick else f"≤ {found.case.most:.1f}",
        met=None if is_yardstick else found.polls <= found.case.most,
    )


def _delay(how: str, found: Found) -> Row:
    half, seconds = found.late(0.5), found.case.seconds
    share = max(found.case.spacing, seconds / 10)
    most = TOLD if how == "webhooks" else share
    in_time = sum(each <= share for each in found.tally.late) / found.case.jobs
    return Row(
        f"stream, {how}: end known after",
        rate=half,
        low=found.late(0.0),
        high=found.late(0.99),
        note=f"{half / seconds:.1%} of its time; {in_time:.0%} within {share:g} s; "
        "highest: 99 of 100",
        unit="s",
        ratio=half / share,
        goal=f"≤ {most:g}",
        met=half <= most,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000, help="of the flood")
    parser.add_argument("--seconds", type=float, default=20.0, help="that each takes")
    parser.add_argument("--streamed", type=int, default=300, help="of the streams")
    parser.add_argument("--stream-seconds", type=float, default=10.0)
    given = parser.parse_args()
    print(machine())
    print(
        f"{given.jobs:,} jobs of {given.seconds:g} s at once; streams of "
        f"{given.streamed:,} jobs of {given.stream_seconds:g} s, {TOGETHER} at a time"
    )
    rows = measure(
        jobs=given.jobs,
        seconds=given.seconds,
        streamed=given.streamed,
        stream_seconds=given.stream_seconds,
    )
    show(rows, "waiting")


if __name__ == "__main__":
    main()
