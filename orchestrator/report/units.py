"""Figures as people read them; performs no I/O."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes in decimal units: ``20.0 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if unit == "B" and value < 1000:
            return f"{value:.0f} B"
        # What would be printed as 1000.0 belongs to the next unit.
        if value < 999.95:
            return f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def span(seconds: float) -> str:
    """A length of time: ``4.2 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def number(count: int, noun: str) -> str:
    """A count with its noun: ``1 document``, ``1,000 documents``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
