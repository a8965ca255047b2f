"""Amounts are exact, and rounded by rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orchestrator.invoices.money import (
    MINOR_UNITS,
    NotAnAmount,
    Rounding,
    exact,
    nearest,
    places,
    rounded,
    unit_of,
)

CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1234.50", "1234.50"),
        ("-7", "-7"),
        (12, "12"),
        (Decimal("0.1"), "0.1"),
        ("999999999999999.999999", "999999999999999.999999"),
    ],
)
def test_texts_integers_and_decimals_are_taken(value: Any, number: str) -> None:
    """The value that is written is the value that counts."""
    assert str(exact(value)) == number


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1.5, "E_FLOAT"),
        (float("nan"), "E_FLOAT"),
        (True, "E_TYPE"),
        (None, "E_NUMBER"),
        ("1,234.50", "E_NUMBER"),
        ("1 234", "E_NUMBER"),
        ("1e3", "E_NUMBER"),
        ("", "E_NUMBER"),
        (" 1", "E_NUMBER"),
        ("1.", "E_NUMBER"),
        (".5", "E_NUMBER"),
        ("NaN", "E_NUMBER"),
        ("١٢", "E_NUMBER"),
        ("1\n", "E_NUMBER"),
        (Decimal("Infinity"), "E_NUMBER"),
        (Decimal("1E15"), "E_RANGE"),
        (Decimal("1E999999"), "E_RANGE"),
        (10**15, "E_RANGE"),
        pytest.param(10**100_000, "E_RANGE", id="huge"),
        (-(10**15), "E_RANGE"),
        ([], "E_NUMBER"),
    ],
)
def test_anything_else_is_refused_with_its_code(value: Any, code: str) -> None:
    """Nothing is guessed, and nothing huge is worked on."""
    with pytest.raises(NotAnAmount) as caught:
        exact(value)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("number", "rule", "result"),
    [
        ("2.675", Rounding.HALF_UP, "2.68"),
        ("1.005", Rounding.HALF_UP, "1.01"),
        ("-0.005", Rounding.HALF_UP, "-0.01"),
        ("2.675", Rounding.HALF_EVEN, "2.68"),
        ("2.665", Rounding.HALF_EVEN, "2.66"),
        ("2.679", Rounding.FLOOR, "2.67"),
        ("-2.679", Rounding.FLOOR, "-2.67"),
        ("2.671", Rounding.CEIL, "2.68"),
        ("-2.671", Rounding.CEIL, "-2.68"),
        ("-0.004", Rounding.HALF_UP, "0.00"),
    ],
)
def test_rounding_works_on_the_absolute_value(
    number: str, rule: Rounding, result: str
) -> None:
    """A credit note mirrors its invoice, ties and all; there is no minus zero."""
    assert str(rounded(Decimal(number), CENT, rule)) == result


def test_a_ratio_is_rounded_once() -> None:
    """Ten thirds of thirty percent is one, not a hair less than one."""
    ten, three = Decimal(10), Decimal(3)
    assert rounded(ten * 30, CENT, Rounding.FLOOR, over=three * 100) == 1
    assert rounded(Decimal(-1), CENT, Rounding.HALF_UP, over=three) == Decimal("-0.33")


@pytest.mark.parametrize(
    ("currency", "unit"), [("EUR", "0.01"), ("JPY", "1"), ("KWD", "0.001")]
)
def test_each_currency_has_its_smallest_amount(currency: str, unit: str) -> None:
    """Yen have no cents, dinars have a thousand fils."""
    assert unit_of(currency) == Decimal(unit)


def test_the_table_of_currencies_is_whole() -> None:
    """Every code is three letters, and the odd ones have their digits."""
    assert len(MINOR_UNITS) > 160
    assert all(len(code) == 3 and code.isupper() for code in MINOR_UNITS)
    odd = {"ISK": 0, "VND": 0, "UGX": 0, "TND": 3, "IQD": 3, "CLF": 4, "HUF": 2}
    assert {code: MINOR_UNITS[code] for code in odd} == odd


def test_the_table_knows_the_currencies_in_use() -> None:
    """What a country pays with today has its minor unit."""
    from datetime import date

    from babel.numbers import get_territory_currencies

    from orchestrator.invoices.countries import COUNTRIES

    today = date(2026, 1, 1)
    paid_with = {
        code
        for country in COUNTRIES
        for code in get_territory_currencies(country, today, today)
    }
    assert len(paid_with) > 140
    assert paid_with - set(MINOR_UNITS) <= {"BGN", "ANG", "CUC", "HRK", "ZWL"}


@pytest.mark.parametrize(
    ("text", "count"), [("1.50", 1), ("1.00", 0), ("100", 0), ("0.001", 3)]
)
def test_zeros_at_the_end_are_not_digits(text: str, count: int) -> None:
    """10.00 yen are 10 yen."""
    assert places(Decimal(text)) == count


@pytest.mark.parametrize(
    ("amount", "result"),
    [("10.02", "10.00"), ("10.025", "10.05"), ("-10.03", "-10.05"), ("0.01", "0.00")],
)
def test_cash_goes_to_the_nearest_coin(amount: str, result: str) -> None:
    """Five rappen are the smallest coin."""
    assert nearest(Decimal(amount), Decimal("0.05"), CENT) == Decimal(result)
