"""Amounts that the caller supplies against what was computed; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from orchestrator.invoices.compute import Computed
from orchestrator.invoices.model import Invoice, SuppliedTax
from orchestrator.invoices.money import ZERO
from orchestrator.invoices.problem import Problem

_CODES = {
    "lines": "E_SUM_LINES",
    "allowances": "E_ALLOWANCES",
    "charges": "E_CHARGES",
    "net": "E_TOTAL_NET",
    "tax": "E_TOTAL_TAX",
    "gross": "E_TOTAL_GROSS",
    "rounding": "E_ROUNDING",
    "prepaid": "E_PREPAID",
    "due": "E_DUE",
}


def compare(invoice: Invoice, computed: Computed) -> Iterator[Problem]:
    """Give a problem for each supplied amount that is not exactly the computed one."""
    for n, each in enumerate(computed.lines):
        path = f"lines[{n}]"
        yield from _differs(f"{path}.net", "E_LINE_NET", each.net, each.line.net)
        yield from _differs(
            f"{path}.gross", "E_LINE_GROSS", each.amount, each.line.gross
        )
    for name, code in _CODES.items():
        expected = getattr(computed.totals, name)
        found = getattr(invoice.totals, name)
        yield from _differs(f"totals.{name}", code, expected, found)
    if computed.converted is not None:
        expected, found = computed.converted.total, invoice.totals.tax_converted
        path = "totals.tax_converted"
        yield from _differs(path, "E_TAX_CONVERTED", expected, found)
    for n, tax in enumerate(invoice.totals.taxes):
        yield from _tax(f"totals.taxes[{n}]", tax, computed)


def _tax(path: str, tax: SuppliedTax, computed: Computed) -> Iterator[Problem]:
    groups = [
        each
        for each in computed.taxes
        if each.tax.rate == tax.rate and each.tax.category == tax.category
    ]
    if not groups:
        found = f"{tax.category} {tax.rate} %"
        expected = ", ".join(
            f"{each.tax.category} {each.tax.rate:f} %" for each in computed.taxes
        )
        message = f"nothing is taxed at this rate; there is {expected}"
        yield Problem(path, "E_TAX_BASE", message, expected, found)
        return
    base = sum((each.base for each in groups), ZERO)
    amount = sum((each.amount for each in groups), ZERO)
    yield from _differs(f"{path}.base", "E_TAX_BASE", base, tax.base)
    yield from _differs(f"{path}.tax", "E_TAX", amount, tax.tax)


def _differs(
    path: str, code: str, expected: Decimal, found: Decimal | None
) -> Iterator[Problem]:
    if found is not None and found != expected:
        message = f"is {found:f}, but the data comes to {expected:f}"
        yield Problem(path, code, message, f"{expected:f}", f"{found:f}")
