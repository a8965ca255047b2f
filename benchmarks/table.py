"""Prints figures, and on which machine they were taken."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One line: documents a second, and how that compares.

    ``ratio`` is this rate over its yardstick's, ``None`` for a yardstick itself;
    ``peak`` is memory in bytes.
    """

    name: str
    rate: float
    low: float
    high: float
    ratio: float | None = None
    peak: int | None = None
    note: str = ""


def show(rows: Sequence[Row]) -> None:
    """Print rows as one table."""
    wide = max(len(each.name) for each in rows)
    head = f"{'':{wide}}  {'docs/s':>9}  {'lowest…highest':>19}  {'ratio':>6}"
    print(f"{head}  {'peak':>7}")
    for each in rows:
        print(_line(each, wide).rstrip())


def _line(row: Row, wide: int) -> str:
    span = f"{row.low:,.0f}…{row.high:,.0f}"
    ratio = "1" if row.ratio is None else f"{row.ratio:.2f}"
    peak = "" if row.peak is None else f"{row.peak / 1e6:.0f} MB"
    figures = f"{row.rate:>9,.0f}  {span:>19}  {ratio:>6}  {peak:>7}"
    return f"{row.name:{wide}}  {figures}  {row.note}"


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
