"""Numbers, dates and countries as a reader expects them.

Only here are values turned into text, only when a page is made, and never by the locale
of the process. Babel is asked, and imported late: an installation that only sends
documents does without it. Its version is pinned, since its data is part of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator.invoices.labels import language_of
from orchestrator.invoices.money import MINOR_UNITS

if TYPE_CHECKING:
    from babel import Locale
    from babel.numbers import NumberPattern

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Format:
    """How one language and one currency are written."""

    locale: Locale
    marks: Locale
    currency: str
    _amount: NumberPattern
    _money: NumberPattern

    def amount(self, number: Decimal) -> str:
        """Write an amount without its currency: 1,234.50, and 8 for yen."""
        return self._apply(self._amount, number)

    def money(self, number: Decimal) -> str:
        """Write an amount with its currency: €1,234.50, or 1.234,50 €."""
        return _apart(self._apply(self._money, number))

    def price(self, number: Decimal) -> str:
        """Write a unit price: the digits of the currency, or more where it has more."""
        return self._digits(number, MINOR_UNITS[self.currency])

    def quantity(self, number: Decimal) -> str:
        """Write a quantity with the digits that it needs."""
        return self._digits(number, 0)

    def factor(self, number: Decimal) -> str:
        """Write a rate of exchange with every digit that was given."""
        exponent = number.as_tuple().exponent
        given = -exponent if isinstance(exponent, int) else 0
        return self._digits(number, min(max(0, given), 12))

    def percent(self, number: Decimal) -> str:
        """Write a rate: 7.5%, or 7,5 %."""
        pattern = self.locale.percent_formats[None]
        return self._apply(_digits_of(pattern, 0), number.scaleb(-2))

    def day(self, day: date) -> str:
        """Write a date in its long form."""
        from babel.dates import format_date  # noqa: PLC0415  # see the module

        return format_date(day, "long", self.locale)

    def short_day(self, day: date) -> str:
        """Write a date in its middle form, for ranges and tables."""
        from babel.dates import format_date  # noqa: PLC0415  # see the module

        return format_date(day, "medium", self.locale)

    def country(self, code: str) -> str:
        """Name a country."""
        return str(self.locale.territories.get(code, code))

    def _digits(self, number: Decimal, least: int) -> str:
        pattern = self.locale.decimal_formats[None]
        return self._apply(_digits_of(pattern, least), number)

    def _apply(self, pattern: NumberPattern, number: Decimal) -> str:
        is_signed = number.is_signed()
        return _applied(pattern, number, self.marks, self.currency, is_signed=is_signed)


# Rates, quantities and prices come back on every page.
@lru_cache(maxsize=1 << 14)
def _applied(
    pattern: NumberPattern,
    number: Decimal,
    marks: Locale,
    currency: str,
    *,
    is_signed: bool,  # noqa: ARG001  # zeros are equal with and without their sign
) -> str:
    text: str
    text = pattern.apply(  # type: ignore[no-untyped-call, unused-ignore]
        number,
        marks,
        currency=currency,
        currency_digits=False,
        numbering_system="latn",
    )
    return text.replace("-", _MINUS) if number < 0 else text


@lru_cache(maxsize=256)
def format_for(tag: str, currency: str) -> Format:
    """Give the format for a language tag and a currency."""
    locale = _locale(tag)
    digits = MINOR_UNITS[currency]
    amount = _fixed(locale.decimal_formats[None], digits)
    money = _fixed(locale.currency_formats["standard"], digits)
    return Format(locale, _marks(locale), currency, amount, money)


def _locale(tag: str) -> Locale:
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415  # see the module

    language = language_of(tag).replace("-", "_")
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale.parse(language)


def _marks(locale: Locale) -> Locale:
    """Give the locale whose marks part the digits of numbers.

    All of Switzerland writes amounts with an apostrophe and a point. CLDR has that for
    German alone; for French and Italian it gives the marks of plain numbers, and those
    of amounts in a field that Babel does not read.
    """
    from babel import Locale  # noqa: PLC0415  # see the module

    return Locale("de", "CH") if locale.territory == "CH" else locale


def _apart(text: str) -> str:
    """Put a space between the letters of a currency and its digits."""
    return re.sub(
        rf"(?<=[A-Za-z])(?=[{_MINUS}0-9])|(?<=[0-9])(?=[A-Za-z])", "\xa0", text
    )


def _fixed(pattern: NumberPattern, digits: int) -> NumberPattern:
    return _with(pattern, digits, digits)


def _digits_of(pattern: NumberPattern, least: int) -> NumberPattern:
    return _with(pattern, least, 12)


@lru_cache(maxsize=256)
def _with(pattern: NumberPattern, least: int, most: int) -> NumberPattern:
    from babel.numbers import parse_pattern  # noqa: PLC0415  # see the module

    copy: Any = parse_pattern(pattern.pattern)
    copy.frac_prec = (least, most)
    return copy  # type: ignore[no-any-return]
