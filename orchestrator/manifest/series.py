"""Series of numbers: how a number is written, and of which period it is; no I/O.

A period comes from a date in the data and never from the clock, so that the same data
gets the same number whenever it is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

from orchestrator.errors import Place
from orchestrator.manifest.faults import shown

_FIELD = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_WIDTH = re.compile(r"0?([1-9]|1[0-8])")
_FORMS = {"year": r"[0-9]{4}", "yy": r"[0-9]{2}", "month": r"(?:0[1-9]|1[0-2])"}
MOST = 10**15
"""Numbers of a series stay below this."""


class SeriesError(Exception):
    """A series cannot be as it was said; the message says why."""


class NumberRefused(Exception):
    """A document gets no number; ``field`` is the field of its data that is wrong."""

    def __init__(self, message: str, hint: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field


class Every(StrEnum):
    """When a series starts again."""

    YEAR = "year"
    MONTH = "month"
    NONE = "none"


_NEEDED = {Every.YEAR: ("year",), Every.MONTH: ("year", "month"), Every.NONE: ()}


@dataclass(frozen=True, slots=True)
class Period:
    """A year or a month, or the whole life of a series, whose ``key`` is empty.

    ``day`` is the date of the document, where one is needed.
    """

    key: str
    day: date | None


@dataclass(frozen=True, slots=True)
class Series:
    """A series of numbers as a manifest says it.

    Attributes:
        name: What it is called in its store.
        format: How a number is written, as in ``KK-{year}-{n:05}``.
        every: When it starts again.
        start: The first number of a period.
        field: The key of the data that gets the number.
        date: The key of the data with the date that tells the period.
        may_skip: Whether numbers that the data gives may leave gaps.
        may_change: Whether a document that was delivered may change under its number.
    """

    name: str
    format: str
    every: Every = Every.YEAR
    start: int = 1
    field: str = "number"
    date: str = "issue_date"
    may_skip: bool = False
    may_change: bool = False

    def check(self) -> None:
        """See that numbers of two periods can never be equal.

        Raises:
            SeriesError: the format cannot be read, or does not tell periods apart.
        """
        names = [name for name, _, _ in _pieces(self.format) if name]
        if names.count("n") != 1:
            raise SeriesError("needs {n} once, as in KK-{year}-{n:05}")
        has = {"year" if name == "yy" else name for name in names}
        missing = [f"{{{x}}}" for x in _NEEDED[self.every] if x not in has]
        if missing:
            message = f"starts again every {self.every}, and needs "
            raise SeriesError(message + " and ".join(missing))

    def period(self, params: Mapping[str, Any]) -> Period:
        """The period of a document.

        Raises:
            NumberRefused: the data has no date to tell it.
        """
        day = _day(params.get(self.date))
        if day is None and self._needs_day:
            found = shown(params.get(self.date))
            message = f"{self.date} must be a date, found {found}"
            hint = f"as in 2026-03-31: it tells the period of series {self.name}"
            raise NumberRefused(message, hint, self.date)
        if self.every is Every.NONE or day is None:
            return Period("", day)
        month = f"-{day.month:02}" if self.every is Every.MONTH else ""
        return Period(f"{day.year:04}{month}", day)

    def write(self, n: int, period: Period) -> str:
        """The n-th number of a period as text."""
        return "".join(
            literal + _written(name, width, n, period.day)
            for name, width, literal in _pieces(self.format)
        )

    def read(self, text: str, period: Period) -> int | None:
        """The n of a number of this series and period, or ``None``."""
        match = _reader(self.format).fullmatch(text)
        n = int(match["n"]) if match else MOST
        is_ours = n < MOST and self.write(n, period) == text
        return n if is_ours else None

    @property
    def _needs_day(self) -> bool:
        names = {name for name, _, _ in _pieces(self.format)}
        return self.every is not Every.NONE or bool(names & _FORMS.keys())


class Numbering(Protocol):
    """Gives documents their numbers while a manifest is read."""

    def begin(self) -> None:
        """Begin a pass over the manifest."""
        ...

    def number(
        self, series: Series, document: str, params: Mapping[str, Any], place: Place
    ) -> str:
        """The number of a document, always the same for the same document.

        Raises:
            NumberRefused: it gets none.
        """
        ...

    def problems(self) -> Iterable[tuple[Place, str, str]]:
        """What only the end of a pass shows: place, message and hint."""
        ...


class Counting:
    """Numbers from the start of each series, kept nowhere: for a look at a manifest."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], int] = {}

    def begin(self) -> None:
        """Start again."""
        self._next.clear()

    def number(
        self,
        series: Series,
        document: str,  # noqa: ARG002  # of the protocol
        params: Mapping[str, Any],
        place: Place,  # noqa: ARG002
    ) -> str:
        """The next number."""
        period = series.period(params)
        given = params.get(series.field)
        if given is not None:
            return str(given)
        key = (series.name, period.key)
        n = self._next.get(key, series.start)
        self._next[key] = n + 1
        return series.write(n, period)

    def problems(self) -> Iterator[tuple[Place, str, str]]:
        """None."""
        return iter(())


def _day(value: object) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _pieces(text: str) -> tuple[tuple[str, int, str], ...]:
    """Fields with their widths, each after the literal text before it.

    Raises:
        SeriesError: a field is not known, or a brace has no partner.
    """
    pieces, at = [], 0
    for match in _FIELD.finditer(text):
        name, form = match[1], match[2]
        if name != "n" and name not in _FORMS:
            known = "{n}, {year}, {yy} and {month}"
            raise SeriesError(f"has {match[0]}; allowed are {known}")
        if form is not None and (name != "n" or not _WIDTH.fullmatch(form)):
            raise SeriesError(f"has {match[0]}; only n has a width, as in {{n:05}}")
        pieces.append((name, int(form or 0), _plain(text[at : match.start()])))
        at = match.end()
    return (*pieces, ("", 0, _plain(text[at:])))


def _plain(literal: str) -> str:
    if "{" in literal or "}" in literal:
        raise SeriesError("has a brace without its partner")
    return literal


def _written(name: str, width: int, n: int, day: date | None) -> str:
    if name == "n":
        return f"{n:0{width}}" if width else str(n)
    if not name or day is None:
        return ""
    if name == "month":
        return f"{day.month:02}"
    return f"{day.year % 100:02}" if name == "yy" else f"{day.year:04}"


@lru_cache(maxsize=256)
def _reader(text: str) -> re.Pattern[str]:
    forms = {"": "", "n": r"(?P<n>[0-9]{1,18})", **_FORMS}
    return re.compile(
        "".join(re.escape(literal) + forms[name] for name, _, literal in _pieces(text))
    )
