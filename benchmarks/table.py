"""Prints figures, and on which machine they were taken."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path


class UnavailableError(Exception):
    """This machine lacks what a benchmark needs: what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a figure, and how it compares with its yardstick.

    ``rate`` is the median in ``unit``, ``low`` and ``high`` what was seen beside it;
    ``ratio`` is this figure over its yardstick's in the same round, ``None`` for a
    yardstick itself and NaN for what is compared with nothing; ``peak`` is memory in
    bytes; ``goal`` is the bound in words (``≥ 0.85``) and ``met`` whether it was kept,
    ``None`` where there is no goal.
    """

    name: str
    rate: float
    low: float
    high: float
    ratio: float | None = None
    peak: int | None = None
    note: str = ""
    unit: str = "docs/s"
    goal: str = ""
    met: bool | None = None


def tenfold(first: int, most: int) -> list[int]:
    """Sizes to measure at: each ten times the one before it, up to the largest."""
    sizes = [first]
    while sizes[-1] * 10 <= most:
        sizes.append(sizes[-1] * 10)
    return sizes


def show(rows: Sequence[Row], title: str = "") -> None:
    """Print rows as one table; a goal that was missed is marked."""
    for line in plain(rows, title):
        print(line)


def plain(rows: Sequence[Row], title: str = "") -> Iterator[str]:
    """Lines of a table for a terminal, without trailing spaces."""
    wide = max((len(each) for each in (title, *(row.name for row in rows))), default=0)
    head = f"{title:{wide}}  {'figure':>9}  {'lowest…highest':>19}  {'unit':6}"
    yield f"{head}  {'ratio':>6}  {'peak':>7}  {'goal':12}".rstrip()
    for row in rows:
        name, figure, span, unit, ratio, peak, goal, note = _cells(row)
        figures = f"{figure:>9}  {span:>19}  {unit:6}  {ratio:>6}  {peak:>7}"
        yield f"{name:{wide}}  {figures}  {goal:12}  {note}".rstrip()


def markdown(rows: Sequence[Row], title: str = "") -> Iterator[str]:
    """Lines of the same table as docs/performance.md has it."""
    yield f"| {title} | figure | lowest…highest | unit | ratio | peak | goal | |"
    yield "| --- | ---: | ---: | --- | ---: | ---: | --- | --- |"
    for row in rows:
        yield "| " + " | ".join(each.replace("|", "\\|") for each in _cells(row)) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    """Name, figure, span, unit, ratio, peak, goal and note as words."""
    return (
        row.name,
        _figure(row.rate),
        f"{_figure(row.low)}…{_figure(row.high)}",
        row.unit,
        _ratio(row.ratio),
        "" if row.peak is None else f"{row.peak / 1e6:.0f} MB",
        f"{row.goal} {_KEPT[row.met]}".strip(),
        row.note,
    )


_KEPT = {None: "", True: "met", False: "MISSED"}


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return "1"
    return "" if isnan(ratio) else f"{ratio:.2f}"


def _figure(number: float) -> str:
    """Three figures at least; thousands apart."""
    if abs(number) >= 100:  # three figures
        return f"{number:,.0f}"
    return f"{number:.3g}"


def machine() -> str:
    """Platform, processor, cores, how busy they are already, Python."""
    usable = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"{platform.platform()}, {_processor()}, {usable} of {os.cpu_count()} cores, "
        f"load {load:.1f}, Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (each.partition(":")[2] for each in lines if each.startswith("model name"))
    return next(names, platform.machine()).strip()
