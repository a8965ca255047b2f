"""Reading what a server sent: nothing here ever raises; performs no I/O."""

from __future__ import annotations

import re
from typing import Any

_DIGITS = re.compile(r"[0-9]{1,15}")
_MOST = 1 << 53
"""Numbers beyond are nobody's sizes, times or prices."""


def records(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; empty for anything else."""
    found = value if isinstance(value, list) else []
    return [each for each in found if isinstance(each, dict)]


def text(value: Any) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""


def line(value: Any, limit: int) -> str:
    """A text as one short line that is safe to print."""
    short = " ".join(text(value)[: 4 * limit].split())
    return "".join(each if each.isprintable() else "?" for each in short)[:limit]


def whole(value: Any) -> int | None:
    """A whole number that is not negative."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value < _MOST else None


def number(value: Any) -> float | None:
    """A number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < _MOST else None


def integer(digits: str | None) -> int | None:
    """The whole number that a header spells."""
    return int(digits) if digits and _DIGITS.fullmatch(digits) else None
