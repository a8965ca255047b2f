"""An invoice in the terms of EN 16931, before any syntax; performs no I/O.

Every amount is the computed one that the page prints. What the standard has no field
for becomes a note (``remarks.py``), or is a fault (``faults.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orchestrator.invoices.compute import (
    AdjustmentSum,
    Computed,
    LineSum,
    Part,
    TaxSum,
)
from orchestrator.invoices.einvoice.codes import MEANS
from orchestrator.invoices.einvoice.unit import code_of
from orchestrator.invoices.model import (
    Address,
    Category,
    Invoice,
    Kind,
    Party,
    Period,
    PriceMode,
    Tax,
)
from orchestrator.invoices.money import ZERO, rounded, unit_of

TYPE_CODES = {
    Kind.INVOICE: "380",
    Kind.CREDIT_NOTE: "381",
    Kind.CORRECTED: "384",
    Kind.SELF_BILLED: "389",
    Kind.PREPAYMENT: "386",
}
TRANSFERS = {"30", "58"}

_CENT = Decimal(100)
_MOST_LINES = 3
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Rate:
    """A VAT category and its rate; what is outside of VAT has none."""

    category: str
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Change:
    """An allowance or a charge, with its VAT where it is the document's."""

    is_charge: bool
    amount: Decimal
    reason: str
    percent: Decimal | None = None
    base: Decimal | None = None
    tax: Rate | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An invoice line (BG-25); ``price`` is net, for each ``base`` of units."""

    id: str
    name: str
    description: str | None
    code: str | None
    quantity: Decimal
    unit: str
    price: Decimal
    base: Decimal
    net: Decimal
    tax: Rate
    changes: tuple[Change, ...]
    period: Period | None


@dataclass(frozen=True, slots=True)
class Group:
    """A line of the VAT breakdown (BG-23)."""

    tax: Rate
    base: Decimal
    amount: Decimal
    code: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Means:
    """How to pay (BG-16)."""

    code: str
    text: str | None
    iban: str | None
    account: str | None
    holder: str | None
    bic: str | None
    reference: str | None

    @property
    def has_account(self) -> bool:
        """Whether an account is told."""
        return bool(self.iban or self.account)


def rate_of(tax: Tax) -> Rate:
    """Category and rate of a tax."""
    is_outside = tax.category is Category.OUTSIDE
    return Rate(str(tax.category), None if is_outside else tax.rate.normalize())


def items(invoice: Invoice, computed: Computed) -> Iterator[Item]:
    """Give the lines."""
    is_gross = invoice.policy.price_mode is PriceMode.GROSS
    for each in computed.lines:
        yield _from_gross(invoice, each) if is_gross else _item(invoice, each)


def _item(invoice: Invoice, sum_: LineSum) -> Item:
    line = sum_.line
    whole = line.quantity * line.unit_price
    base = _amount(invoice, whole, line.price_base_quantity)
    parts = [(each, False) for each in sum_.allowances]
    parts += [(each, True) for each in sum_.charges]
    return Item(
        id=sum_.id,
        name=line.name,
        description=line.description,
        code=line.item_code,
        quantity=line.quantity,
        unit=code_of(line.unit) or "C62",
        price=line.unit_price,
        base=line.price_base_quantity,
        net=sum_.net,
        tax=rate_of(line.tax),
        changes=tuple(_change(part, base, is_charge=more) for part, more in parts),
        period=line.period,
    )


def _change(part: Part, base: Decimal, *, is_charge: bool) -> Change:
    said = part.adjustment
    if said.percent is None:
        return Change(is_charge, part.amount, said.reason)
    over = base if said.base is None else said.base
    return Change(is_charge, part.amount, said.reason, said.percent, over)


def _from_gross(invoice: Invoice, sum_: LineSum) -> Item:
    """A line whose prices are with tax, in net amounts that add up exactly.

    The net of one unit has no end of digits, so the price is that of all units.
    """
    item = _item(invoice, sum_)
    over = _CENT + sum_.line.tax.rate
    changes = tuple(
        replace(
            each,
            amount=_amount(invoice, each.amount * _CENT, over),
            reason=with_percent(each.reason, each.percent),
            percent=None,
            base=None,
        )
        for each in item.changes
    )
    whole = item.net
    for each in changes:
        whole += -each.amount if each.is_charge else each.amount
    base = abs(item.quantity) or _ONE
    price = -whole if item.quantity < 0 else whole
    return replace(item, price=price, base=base, changes=changes)


def _amount(invoice: Invoice, number: Decimal, over: Decimal) -> Decimal:
    unit = unit_of(invoice.currency)
    return rounded(number, unit, invoice.policy.rounding, over=over)


def with_percent(reason: str, percent: Decimal | None) -> str:
    """A reason with the percentage that has no field of its own."""
    return reason if percent is None else f"{reason} ({percent.normalize():f} %)"


def changes(invoice: Invoice, computed: Computed) -> Iterator[Change]:
    """Give the document's allowances and charges, each for one VAT rate."""
    lines: dict[Rate, Decimal] = {}
    for line in computed.lines:
        rate = rate_of(line.line.tax)
        lines[rate] = lines.get(rate, ZERO) + line.net
    is_gross = invoice.policy.price_mode is PriceMode.GROSS
    for each in computed.allowances:
        yield from _shares(each, lines, is_charge=False, is_gross=is_gross)
    for each in computed.charges:
        yield from _shares(each, lines, is_charge=True, is_gross=is_gross)


def _shares(
    sum_: AdjustmentSum, lines: dict[Rate, Decimal], *, is_charge: bool, is_gross: bool
) -> Iterator[Change]:
    said = sum_.adjustment
    for tax, amount in _by_rate(sum_.shares):
        base = said.base if said.base is not None else lines.get(tax, ZERO)
        if said.percent is None or is_gross:
            reason = with_percent(said.reason, said.percent)
            yield Change(is_charge, amount, reason, tax=tax)
        else:
            yield Change(is_charge, amount, said.reason, said.percent, base, tax)


def _by_rate(shares: Sequence[tuple[Tax, Decimal]]) -> list[tuple[Rate, Decimal]]:
    """Join the shares of one rate; what has no amount is left out beside others."""
    sums: dict[Rate, Decimal] = {}
    for tax, amount in shares:
        rate = rate_of(tax)
        sums[rate] = sums.get(rate, ZERO) + amount
    return [each for each in sums.items() if each[1]] or list(sums.items())[:1]


def groups(computed: Computed) -> list[Group]:
    """Give the VAT breakdown: one group for each category and rate."""
    merged: dict[Rate, list[TaxSum]] = {}
    for each in computed.taxes:
        merged.setdefault(rate_of(each.tax), []).append(each)
    return [
        Group(
            rate,
            sum((each.base for each in parts), ZERO),
            sum((each.amount for each in parts), ZERO),
            next((x.tax.exemption_code for x in parts if x.tax.exemption_code), None),
            _joined([each.tax.exemption_text for each in parts]),
        )
        for rate, parts in merged.items()
    ]


def _joined(texts: Sequence[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(each for each in texts if each)) or None


def means(invoice: Invoice) -> Means | None:
    """Give how to pay; on a credit note the seller's account would ask for money."""
    said = invoice.payment
    is_credit = invoice.type is Kind.CREDIT_NOTE
    iban = None if is_credit or not said.iban else said.iban.replace(" ", "")
    account = None if is_credit or iban else said.account
    reference = None if is_credit else said.reference
    if not (iban or account or said.means or reference):
        return None
    code, text = _means_code(said.means, invoice.currency, iban, account)
    has_account = iban or account
    return Means(
        code,
        text,
        iban,
        account,
        said.account_holder if has_account else None,
        said.bic.replace(" ", "") if has_account and said.bic else None,
        reference,
    )


def _means_code(
    said: str | None, currency: str, iban: str | None, account: str | None
) -> tuple[str, str | None]:
    if said in MEANS:
        return said, None
    if iban and currency == "EUR":
        return "58", said
    if iban or account:
        return "30", said
    return "ZZZ" if said else "1", said


def vat_of(party: Party) -> str | None:
    """The VAT identifier (BT-31, BT-48), without spaces."""
    found = [each.value for each in party.tax_ids if each.scheme == "vat"]
    return "".join(found[0].split()) if found else None


def other_tax_id(party: Party) -> str | None:
    """The first tax number that is no VAT identifier (BT-32)."""
    found = [each.value for each in party.tax_ids if each.scheme != "vat"]
    return found[0] if found else None


def three_lines(address: Address) -> list[str]:
    """Give the street in at most three lines, which is what there is room for."""
    first = address.lines[: _MOST_LINES - 1]
    last = ", ".join(address.lines[_MOST_LINES - 1 :])
    return [*first, *([last] if last else [])]
