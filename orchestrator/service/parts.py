"""Large files in parts, put side by side in any order; performs no I/O.

The bounds are those of S3, so that a job is the same whatever its files lie in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.service.problems import Problem

LEAST = 5 << 20
"""Bytes of a part that is not the last of its file."""
MOST = 10_000
"""Parts of all files of a job."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file, counted from 1; bytes."""

    n: int
    offset: int
    size: int


def parts_of(declared: int | None, part_size: int) -> tuple[Part, ...]:
    """The parts of a file, none where it is put in one piece."""
    if not part_size or declared is None or declared <= part_size:
        return ()
    return tuple(
        Part(n, offset, min(part_size, declared - offset))
        for n, offset in enumerate(range(0, declared, part_size), 1)
    )


def check_parts(part_size: int | None, sizes: Iterable[int | None]) -> None:
    """Look whether files can come in parts of so many bytes.

    Raises:
        Problem: the parts are too small, or too many.
    """
    if part_size is None:
        return
    if part_size < LEAST:
        raise Problem("bad_request", f"job: part_size: at least {LEAST} bytes")
    if sum((each or 0) // part_size + 1 for each in sizes) > MOST:
        raise Problem("bad_request", f"job: part_size: at most {MOST} parts in all")
