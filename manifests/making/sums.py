"""Adds up an invoice by hand, apart from the program that will check it."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

_UNITS = {"JPY": Decimal(1), "KWD": Decimal("0.001")}


def totals(row: dict[str, Any]) -> dict[str, Any]:
    """Net, tax by rate, tax and gross, as texts."""
    unit = _UNITS.get(row["currency"], Decimal("0.01"))
    is_floor = row.get("policy", {}).get("rounding") == "floor"
    way = ROUND_DOWN if is_floor else ROUND_HALF_UP
    groups: dict[tuple[str, str], Decimal] = {}
    for line in row["lines"]:
        whole = Decimal(line["quantity"]) * Decimal(line["unit_price"])
        for each in line.get("allowances", ()):
            part = whole * Decimal(each["percent"]) / 100
            whole -= part.quantize(unit, way)
        group = (line["tax"]["category"], line["tax"]["rate"])
        groups[group] = groups.get(group, Decimal(0)) + whole.quantize(unit, way)
    for each in row.get("allowances", ()):
        for group, base in groups.items():
            part = (base * Decimal(each["percent"]) / 100).quantize(unit, way)
            groups[group] = base - part
    taxes = {
        group: (base * Decimal(group[1]) / 100).quantize(unit, way)
        for group, base in groups.items()
    }
    net, tax = sum(groups.values(), Decimal(0)), sum(taxes.values(), Decimal(0))
    by_rate = [
        {
            "category": group[0],
            "rate": group[1],
            "base": str(base),
            "tax": str(taxes[group]),
        }
        for group, base in groups.items()
    ]
    return {"net": str(net), "tax": str(tax), "gross": str(net + tax), "taxes": by_rate}
