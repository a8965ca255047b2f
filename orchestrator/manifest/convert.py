"""Cells into values: numbers and dates as a country writes them; performs no I/O.

A form is told by a sample, as in ``1.234,50`` or ``DD.MM.YYYY``, and read strictly:
what could mean two things is refused, for ``27,80`` must never become 2780.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from orchestrator.manifest.faults import shown

Convert = Callable[[Any], Any]

_SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_QUOTES = "'\N{RIGHT SINGLE QUOTATION MARK}"
_SAMPLE = re.compile(rf"1([.,{_QUOTES}{_SPACES}]?)234(?:([.,])50?)?")
_TOKENS = {
    "YYYY": r"(?P<y>[0-9]{4})",
    "YY": r"(?P<yy>[0-9]{2})",
    "MM": r"(?P<m>[0-9]{2})",
    "M": r"(?P<m>[0-9]{1,2})",
    "DD": r"(?P<d>[0-9]{2})",
    "D": r"(?P<d>[0-9]{1,2})",
}
_TOKEN = re.compile("|".join(_TOKENS))


class FormError(Exception):
    """A sample of a form cannot be understood; the message says what can be."""


class Unfit(Exception):
    """A cell is not of its form; the message is for the user."""


def number_form(sample: str) -> Convert:
    """A reader of numbers that are written like the sample.

    Raises:
        FormError: the sample is not 1234 with the marks that are meant.
    """
    match = _SAMPLE.fullmatch(sample)
    if match is None or (match[1] and match[1] == match[2]):
        message = "must be 1234.50 with the marks of the file, as in 1.234,50 or "
        raise FormError(message + "1'234.50")
    group, mark = match[1], match[2] or ""
    digits = r"[0-9]{1,15}"
    if group:
        # Groups of three, or as in India; whoever writes none writes none at all.
        marks = re.escape(_alike(group))
        tail = rf"(?:[{marks}][0-9]{{3}})+"
        indian = rf"(?:[{marks}][0-9]{{2}})*[{marks}][0-9]{{3}}"
        digits = rf"(?:[0-9]{{1,3}}{tail}|[0-9]{{1,2}}{indian}|{digits})"
    fraction = rf"(?:{re.escape(mark)}(?P<fraction>[0-9]{{1,12}}))?" if mark else ""
    form = re.compile(rf"(?P<sign>[-+\u2212]?)(?P<whole>{digits}){fraction}", re.ASCII)

    def read(value: Any) -> Any:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return value
        found = form.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise Unfit(f"must be a number like {sample}, found {shown(value)}")
        whole = re.sub("[^0-9]", "", found["whole"])
        part = found["fraction"] if mark else None
        number = Decimal(f"{whole}.{part}" if part else whole)
        return -number if found["sign"] in ("-", "\u2212") else number

    return read


def _alike(mark: str) -> str:
    """Marks that people cannot tell apart."""
    for each in (_SPACES, _QUOTES):
        if mark in each:
            return each
    return mark


def date_form(sample: str) -> Convert:
    """A reader of dates; it gives them as ``YYYY-MM-DD``.

    Raises:
        FormError: year, month and day are not in the sample once each.
    """
    names = [each[0] for each in _TOKEN.findall(sample)]
    if sorted(names) != ["D", "M", "Y"]:
        raise FormError("must have YYYY, MM and DD once each, as in DD.MM.YYYY")
    pattern, at = "", 0
    for match in _TOKEN.finditer(sample):
        pattern += re.escape(sample[at : match.start()]) + _TOKENS[match[0]]
        at = match.end()
    form = re.compile(pattern + re.escape(sample[at:]), re.ASCII)

    def read(value: Any) -> Any:
        found = form.fullmatch(value.strip()) if isinstance(value, str) else None
        parts = found.groupdict() if found else {}
        year = parts.get("y") or f"20{parts.get('yy')}"
        try:
            day = date(int(year), int(parts["m"]), int(parts["d"]))
        except (KeyError, ValueError):
            message = f"must be a date like {sample}, found {shown(value)}"
            raise Unfit(message) from None
        return day.isoformat()

    return read


def words_form(words: Mapping[str, Any]) -> Convert:
    """A reader of words that stand for something else."""

    def read(value: Any) -> Any:
        key = value.strip() if isinstance(value, str) else str(value)
        if key not in words:
            known = ", ".join(list(words)[:12])
            raise Unfit(f"must be one of {known}; found {shown(value)}")
        return words[key]

    return read


def stripped(text: str, then: Convert) -> Convert:
    """A reader that first takes a text away at both ends, as ``€`` or ``%``."""

    def read(value: Any) -> Any:
        if isinstance(value, str):
            value = value.strip().removeprefix(text).removesuffix(text).strip()
        return then(value)

    return read


def same(value: Any) -> Any:
    """The value as it is."""
    return value
