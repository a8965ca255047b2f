"""Options of conversions, read from a work's parameters; performs no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestrator.service.render.work import RenderError

MAX_RANGES = 10_000


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose about a conversion.

    Attributes:
        dpi: Dots per inch of pictures made from pages.
        quality: Of JPEG pictures, 1 to 100.
        pages: First and last page of each range, from 1; last is ``None`` for "to
            the end". Empty for all.
        ranges: For a merge, the pages of each input in the same form; empty for all
            pages of all inputs.
        paper: ``a4`` or ``letter``, where the input does not say.
    """

    dpi: int = 150
    quality: int = 90
    pages: tuple[tuple[int, int | None], ...] = ()
    ranges: tuple[tuple[tuple[int, int | None], ...], ...] = ()
    paper: str = "a4"


def _whole(name: str, value: Any, low: int, high: int) -> int:
    """Read a whole number; a bool is none, though Python thinks so."""
    allowed = f"a whole number from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int | str | float | Decimal):
        raise _bad(name, value, allowed)
    try:
        exact = Decimal(value)
        whole = exact.is_finite() and low <= exact <= high and exact == int(exact)
    except ArithmeticError:
        whole = False
    if not whole:
        raise _bad(name, value, allowed)
    return int(exact)


def _dpi(value: Any) -> int:
    return _whole("dpi", value, 10, 600)


def _quality(value: Any) -> int:
    return _whole("quality", value, 1, 100)


def _paper(value: Any) -> str:
    if not isinstance(value, str) or value.lower() not in {"a4", "letter"}:
        raise _bad("paper", value, "a4 or letter")
    return value.lower()


def _range(text: str, whole: Any) -> tuple[int, int | None]:
    first, dash, last = (part.strip() for part in text.partition("-"))
    try:
        low = int(first) if first else 1
        high = (int(last) if last else None) if dash else low
    except ValueError:
        low, high = 0, 0
    if not (first or last) or low < 1 or (high is not None and high < low):
        raise _bad("pages", whole, "page numbers and ranges such as 1-3,5,8-")
    return low, high


def _pages(value: Any) -> tuple[tuple[int, int | None], ...]:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    if not isinstance(value, str) or len(value) > MAX_RANGES:
        raise _bad("pages", value, "page numbers and ranges such as 1-3,5,8-")
    return tuple(_range(part, value) for part in value.split(","))


def _ranges(value: Any) -> tuple[tuple[tuple[int, int | None], ...], ...]:
    if not isinstance(value, list | tuple):
        raise _bad("ranges", value, "a list with the pages of each input")
    return tuple(() if each in ("", "all") else _pages(each) for each in value)


def _bad(name: str, found: Any, allowed: str) -> RenderError:
    shown = repr(found)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return RenderError("bad_params", f"{name}: found {shown}, allowed is {allowed}")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "dpi": _dpi,
    "quality": _quality,
    "pages": _pages,
    "ranges": _ranges,
    "paper": _paper,
}


def read(params: Mapping[str, Any], allowed: frozenset[str]) -> Options:
    """Read the options of a conversion that knows those in ``allowed``.

    Raises:
        RenderError: ``bad_params``, with what was found and what is allowed.
    """
    unknown = sorted(set(params) - allowed)
    if unknown:
        known = ", ".join(sorted(allowed)) or "none"
        raise RenderError(
            "bad_params",
            f"unknown option {unknown[0]!r}; this conversion knows: {known}",
        )
    return Options(**{name: _READERS[name](value) for name, value in params.items()})
