"""Exact amounts: reading, rounding, and the minor units of currencies; no I/O.

No float ever stands on the way of money. Amounts are rounded on their absolute value
and get their sign back afterwards, so that a credit note mirrors its invoice.
"""

from __future__ import annotations

import re
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from enum import StrEnum

_FAULTS = [InvalidOperation, DivisionByZero, Overflow]

# Sums and products are exact or fail: 80 digits hold any product of bounded fields.
EXACT = Context(prec=80, traps=[*_FAULTS, Inexact])
# Division and quantize may drop digits; with 80 of them, only ever below the rounding.
_DIVIDE = Context(prec=80, traps=_FAULTS)

LIMIT = Decimal(10) ** 15
ZERO = Decimal(0)

_PLAIN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)

# ISO 4217: the active codes by number of decimal places.
_MINOR_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD "
        "BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD "
        "EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
        "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK "
        "MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK "
        "PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN "
        "SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST "
        "XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
MINOR_UNITS = {
    code: units for units, codes in _MINOR_UNITS.items() for code in codes.split()
}


class Rounding(StrEnum):
    """What happens to the digits that a currency does not have."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    FLOOR = "floor"
    CEIL = "ceil"


_RULES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.FLOOR: ROUND_DOWN,
    Rounding.CEIL: ROUND_UP,
}


class NotAnAmount(ValueError):
    """The value is not an exact decimal number; ``code`` says why not."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def exact(value: object) -> Decimal:
    """Read an amount: a plain decimal text, an integer or a ``Decimal``.

    Raises:
        NotAnAmount: for floats, and for texts with exponents, separators or spaces.
    """
    if isinstance(value, bool):
        raise NotAnAmount("E_TYPE", "a number is needed")
    if isinstance(value, float):
        raise NotAnAmount(
            "E_FLOAT", 'a float is not exact: write the amount as a text, "12.50"'
        )
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return _bounded(Decimal(value))
    if isinstance(value, int):
        # Compared as an integer: turning one of a million digits into text is slow.
        return _bounded(Decimal(value) if abs(value) < LIMIT else LIMIT)
    if isinstance(value, Decimal):
        return _bounded(value)
    raise NotAnAmount(
        "E_NUMBER", "a plain decimal number is needed, as in 1234.50 or -7"
    )


def _bounded(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise NotAnAmount("E_NUMBER", "a finite number is needed")
    if abs(number) >= LIMIT:
        raise NotAnAmount("E_RANGE", "the number is too large: 15 digits are allowed")
    return number


def places(number: Decimal) -> int:
    """How many decimal places the value needs; zeros at its end do not count."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    exponent = number.normalize(_DIVIDE).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def unit_of(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for EUR, 1 for JPY."""
    return Decimal(1).scaleb(-MINOR_UNITS[currency])


def rounded(
    number: Decimal, unit: Decimal, rule: Rounding, *, over: Decimal = Decimal(1)
) -> Decimal:
    """Round ``number / over`` to a multiple of ``unit``, a power of ten.

    The division is done here, once, so that nothing is ever rounded twice.
    """
    ratio = _DIVIDE.divide(abs(number), abs(over))
    result = ratio.quantize(unit, rounding=_RULES[rule], context=_DIVIDE)
    is_negative = (number < 0) != (over < 0)
    return -result if is_negative and result else result


def nearest(number: Decimal, step: Decimal, unit: Decimal) -> Decimal:
    """Round half up to a multiple of ``step``, as cash is: 0.05 for CHF."""
    count = rounded(number, Decimal(1), Rounding.HALF_UP, over=step)
    return (count * step).quantize(unit, context=_DIVIDE)
