"""Control totals of many invoices, by currency and by rate; performs no I/O.

Amounts come from the data of each invoice, computed again. A credit note counts
negative, so that the columns of a report add up to its totals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, localcontext
from typing import Any

from orchestrator.invoices.compute import Computed, compute
from orchestrator.invoices.model import Invoice, Kind
from orchestrator.invoices.money import EXACT, ZERO
from orchestrator.invoices.read import read


class ControlError(ValueError):
    """An invoice does not add up, or its data are none; the message says why."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is summed of an invoice, each with the sign of its type."""

    net: Decimal = ZERO
    tax: Decimal = ZERO
    gross: Decimal = ZERO
    prepaid: Decimal = ZERO
    rounding: Decimal = ZERO
    due: Decimal = ZERO

    def __add__(self, other: Amounts) -> Amounts:
        names = [each.name for each in fields(self)]
        return Amounts(*(getattr(self, x) + getattr(other, x) for x in names))


@dataclass(frozen=True, slots=True)
class Taxed:
    """What is taxed at one rate, and the tax on it."""

    category: str
    rate: Decimal
    base: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Figures:
    """An invoice in a report."""

    number: str
    type: str
    date: str
    buyer: str
    currency: str
    amounts: Amounts
    taxes: tuple[Taxed, ...]


@dataclass(slots=True)
class Sum:
    """The invoices of a currency: how many, their amounts, and those by rate."""

    invoices: int = 0
    amounts: Amounts = field(default_factory=Amounts)
    taxes: dict[tuple[str, Decimal], tuple[Decimal, Decimal]] = field(
        default_factory=dict
    )


def figures(params: Mapping[str, Any]) -> Figures:
    """The figures of an invoice, computed from its data.

    Raises:
        ControlError: the data are no invoice, or it does not add up.
    """
    invoice = read(params)
    if not isinstance(invoice, Invoice):
        raise ControlError(f"its data are no invoice any more: {invoice[0]}")
    with localcontext(EXACT):
        computed = compute(invoice)
        if why := next(_contradictions(computed), None):
            raise ControlError(why)
        return _signed(invoice, computed)


def _signed(invoice: Invoice, computed: Computed) -> Figures:
    sign = -1 if invoice.type is Kind.CREDIT_NOTE else 1
    totals = computed.totals
    names = [each.name for each in fields(Amounts)]
    return Figures(
        number=invoice.number,
        type=invoice.type.value,
        date=invoice.issue_date.isoformat(),
        buyer=invoice.buyer.name,
        currency=invoice.currency,
        amounts=Amounts(*(sign * getattr(totals, name) for name in names)),
        taxes=tuple(
            Taxed(
                each.tax.category, each.tax.rate, sign * each.base, sign * each.amount
            )
            for each in computed.taxes
        ),
    )


def _contradictions(computed: Computed) -> Iterator[str]:
    """Where the parts of an invoice are not what its totals say."""
    totals = computed.totals
    pairs = {
        "the lines": (sum((x.net for x in computed.lines), ZERO), totals.lines),
        "the bases of tax": (sum((x.base for x in computed.taxes), ZERO), totals.net),
        "the taxes": (sum((x.amount for x in computed.taxes), ZERO), totals.tax),
        "net and tax": (totals.net + totals.tax, totals.gross),
        "what is due": (totals.gross - totals.prepaid + totals.rounding, totals.due),
    }
    for name, (found, said) in pairs.items():
        if found != said:
            yield f"{name} sum to {found:f}, and the total says {said:f}"


class Control:
    """Sums of invoices by currency."""

    def __init__(self) -> None:
        self.sums: dict[str, Sum] = {}

    def add(self, found: Figures) -> None:
        """Count an invoice."""
        with localcontext(EXACT):
            mine = self.sums.setdefault(found.currency, Sum())
            mine.invoices += 1
            mine.amounts += found.amounts
            for each in found.taxes:
                key = (each.category, each.rate.normalize())
                base, tax = mine.taxes.get(key, (ZERO, ZERO))
                mine.taxes[key] = (base + each.base, tax + each.tax)

    def differences(self) -> Iterator[str]:
        """Where the totals contradict each other; nothing if all is well."""
        with localcontext(EXACT):
            for currency, mine in sorted(self.sums.items()):
                amounts = mine.amounts
                bases = sum((base for base, _ in mine.taxes.values()), ZERO)
                taxes = sum((tax for _, tax in mine.taxes.values()), ZERO)
                due = amounts.gross - amounts.prepaid + amounts.rounding
                yield from _differs(currency, "bases by rate", bases, amounts.net)
                yield from _differs(currency, "taxes by rate", taxes, amounts.tax)
                both = amounts.net + amounts.tax
                yield from _differs(currency, "net and tax", both, amounts.gross)
                yield from _differs(currency, "what is due", due, amounts.due)


def _differs(currency: str, what: str, found: Decimal, said: Decimal) -> Iterator[str]:
    if found != said:
        yield f"{currency}: {what} sum to {found:f}, and not to {said:f}"
