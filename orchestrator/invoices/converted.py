"""Tax in the currency of the tax office, where the invoice is in another; no I/O.

EN 16931 calls the currency BT-6 and the sum BT-111. Each group's tax is converted and
rounded by itself, so that the groups that are printed sum to the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.invoices.money import ZERO, Rounding, rounded, unit_of


@dataclass(frozen=True, slots=True)
class Converted:
    """Tax in another currency; ``taxes`` are in the order of the groups.

    ``rate`` says how many units of ``currency`` one unit of the invoice's own is;
    ``total`` is the sum of the groups (BT-111).
    """

    currency: str
    rate: Decimal
    taxes: tuple[Decimal, ...]
    total: Decimal


def convert(
    taxes: Sequence[Decimal], currency: str, rate: Decimal, rule: Rounding
) -> Converted:
    """Convert the tax of each group, rounded to the digits of ``currency``."""
    unit = unit_of(currency)
    amounts = tuple(rounded(each * rate, unit, rule) for each in taxes)
    return Converted(currency, rate, amounts, sum(amounts, ZERO))
