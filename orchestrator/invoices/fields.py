"""Types of the fields of an invoice, as pydantic reads them; performs no I/O."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from orchestrator.invoices.countries import COUNTRIES
from orchestrator.invoices.labels import LANGUAGES, language_of
from orchestrator.invoices.money import (
    MINOR_UNITS,
    NotAnAmount,
    exact,
    places,
)
from orchestrator.invoices.problem import near_miss

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NUMBER_TEXT = {"type": ["string", "integer", "number"]}


def _number(value: Any, digits: int) -> Decimal:
    try:
        number = exact(value)
    except NotAnAmount as error:
        raise PydanticCustomError(error.code, "{why}", {"why": str(error)}) from None
    if places(number) > digits:
        raise PydanticCustomError(
            "E_MINOR_UNITS", "at most {n} decimal places are allowed", {"n": digits}
        )
    return number


def _quantity(value: Any) -> Decimal:
    return _number(value, 6)


def _amount(value: Any) -> Decimal:
    return _number(value, 4)


def _price(value: Any) -> Decimal:
    number = _number(value, 6)
    if number < 0:
        raise PydanticCustomError(
            "E_RANGE",
            "a unit price is not negative: make the quantity negative, "
            "or use an allowance",
        )
    return number


def _positive(value: Any) -> Decimal:
    number = _number(value, 6)
    if number <= 0:
        raise PydanticCustomError("E_RANGE", "a number above 0 is needed")
    return number


def _factor(value: Any) -> Decimal:
    number = _number(value, 12)
    if not 0 < number < 10**9:
        message = "a rate of exchange is above 0, and below 1,000,000,000"
        raise PydanticCustomError("E_RANGE", message)
    return number


def _percent(value: Any) -> Decimal:
    number = _number(value, 4)
    if not 0 <= number <= 100:
        raise PydanticCustomError("E_RANGE", "a percentage from 0 to 100 is needed")
    return number


def _day(value: Any) -> date:
    if type(value) is date:
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("E_DATE", "a date as YYYY-MM-DD is needed")


def _currency(value: Any) -> str:
    if isinstance(value, str) and value in MINOR_UNITS:
        return value
    raise PydanticCustomError(
        "E_CURRENCY", "a currency of ISO 4217 is needed, as in EUR"
    )


def _country(value: Any) -> str:
    if isinstance(value, str) and value in COUNTRIES:
        return value
    raise PydanticCustomError(
        "E_COUNTRY", "a country code of ISO 3166-1 is needed, as in DE"
    )


def _language(value: Any) -> str:
    if isinstance(value, str) and language_of(value) in LANGUAGES:
        return value
    hint = near_miss(value, LANGUAGES) if isinstance(value, str) else ""
    raise PydanticCustomError(
        "E_LANGUAGE",
        "there are labels for {languages}, with or without a region{hint}",
        {"languages": ", ".join(LANGUAGES), "hint": hint},
    )


# Control characters have no glyph; a tab and a line end are understood in notes only.
Name = Annotated[
    str,
    StringConstraints(
        strict=True,
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$",
    ),
]
Note = Annotated[
    str,
    StringConstraints(
        strict=True,
        min_length=1,
        max_length=10_000,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
    ),
]
Quantity = Annotated[Decimal, PlainValidator(_quantity), WithJsonSchema(_NUMBER_TEXT)]
Amount = Annotated[Decimal, PlainValidator(_amount), WithJsonSchema(_NUMBER_TEXT)]
Price = Annotated[Decimal, PlainValidator(_price), WithJsonSchema(_NUMBER_TEXT)]
Positive = Annotated[Decimal, PlainValidator(_positive), WithJsonSchema(_NUMBER_TEXT)]
Factor = Annotated[Decimal, PlainValidator(_factor), WithJsonSchema(_NUMBER_TEXT)]
Percent = Annotated[Decimal, PlainValidator(_percent), WithJsonSchema(_NUMBER_TEXT)]
Day = Annotated[
    date, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})
]
Currency = Annotated[
    str,
    PlainValidator(_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"}),
]
Country = Annotated[
    str,
    PlainValidator(_country),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"}),
]
Language = Annotated[str, PlainValidator(_language), WithJsonSchema({"type": "string"})]
