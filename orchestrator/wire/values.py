"""Values out of whatever a service sent; performs no I/O, and nothing here raises."""

from __future__ import annotations

import re
from typing import Any

_DIGITS = re.compile(r"[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_MOST = 1 << 53
"""Numbers beyond are nobody's sizes, times or prices."""


def mapping(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    found = value if isinstance(value, list) else []
    return [each for each in found if isinstance(each, dict)]


def text(value: Any) -> str:
    """The text, or none."""
    return value if isinstance(value, str) else ""


def line(value: Any, limit: int = 200) -> str:
    """A text as one short line that is safe to print."""
    joined = " ".join(text(value)[: 4 * limit].split())
    return "".join(each if each.isprintable() else "?" for each in joined)[:limit]


def whole(value: Any) -> int | None:
    """A whole number that is not negative."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value < _MOST else None


def number(value: Any) -> float | None:
    """A number, also one that was written as text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < _MOST else None


def integer(value: str | None) -> int | None:
    """A whole number out of a header."""
    return int(value) if value and _DIGITS.fullmatch(value) else None
