"""Every amount of an invoice, in one order of computation; performs no I/O.

Lines are rounded first and are exact from there on; only tax is rounded after that,
once for each rate (or once for each line, where the policy says so). What is printed
therefore adds up. In price mode ``gross`` the amounts with tax lead: tax is taken out
of each group, and the nets of the lines are shared out to sum to the group's base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from orchestrator.invoices.converted import Converted, convert
from orchestrator.invoices.model import (
    Adjustment,
    Category,
    Invoice,
    Line,
    PriceMode,
    Tax,
    TaxRounding,
)
from orchestrator.invoices.money import (
    EXACT,
    ZERO,
    Rounding,
    nearest,
    rounded,
    unit_of,
)

_CENT = Decimal(100)
_ONE = Decimal(1)

# By kind and place, for each tax group: the amount in the price mode, and without tax.
_Owned = dict[tuple[str, int], list[tuple[Tax, Decimal, Decimal]]]


@dataclass(frozen=True, slots=True)
class Part:
    """An allowance or a charge with its amount, in the price mode of the invoice."""

    adjustment: Adjustment
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LineSum:
    """A line with its amounts; ``amount`` is in the price mode, ``net`` without tax."""

    line: Line
    id: str
    allowances: tuple[Part, ...]
    charges: tuple[Part, ...]
    amount: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class AdjustmentSum:
    """A document's allowance or charge, with its net share in each tax group."""

    adjustment: Adjustment
    amount: Decimal
    net: Decimal
    shares: tuple[tuple[Tax, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class TaxSum:
    """A tax group: what is taxed at one rate for one reason."""

    tax: Tax
    base: Decimal
    amount: Decimal

    @property
    def gross(self) -> Decimal:
        """Base and tax."""
        return self.base + self.amount


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of the document; ``lines``, allowances and charges are without tax."""

    lines: Decimal
    allowances: Decimal
    charges: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    rounding: Decimal
    prepaid: Decimal
    due: Decimal


@dataclass(frozen=True, slots=True)
class Computed:
    """Everything that an invoice prints as an amount.

    ``converted`` is the tax in the currency of the tax office, where that is another.
    """

    lines: tuple[LineSum, ...]
    allowances: tuple[AdjustmentSum, ...]
    charges: tuple[AdjustmentSum, ...]
    taxes: tuple[TaxSum, ...]
    totals: Totals
    converted: Converted | None = None


class Uncomputable(ValueError):
    """An amount cannot be told; ``path`` says which."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class _Rules:
    unit: Decimal
    rounding: Rounding
    is_gross: bool
    is_per_line: bool

    def round(self, number: Decimal, over: Decimal = _ONE) -> Decimal:
        return rounded(number, self.unit, self.rounding, over=over)

    def tax(self, amount: Decimal, rate: Decimal) -> Decimal:
        """Tax on an amount in the price mode."""
        over = _CENT + rate if self.is_gross else _CENT
        return self.round(amount * rate, over)


@dataclass(frozen=True, slots=True)
class _Share:
    """Something that belongs to a tax group; allowances are negative."""

    amount: Decimal
    tax: Tax
    owner: tuple[str, int]
    likeness: str


def compute(invoice: Invoice) -> Computed:
    """Compute all amounts.

    Raises:
        Uncomputable: a fixed allowance does not say which of several rates it is for.
    """
    with localcontext(EXACT):
        policy = invoice.policy
        rules = _Rules(
            unit_of(invoice.currency),
            policy.rounding,
            policy.price_mode is PriceMode.GROSS,
            policy.tax_rounding is TaxRounding.PER_LINE,
        )
        lines = [_line(each, n, rules) for n, each in enumerate(invoice.lines, 1)]
        shares = [_line_share(each, n) for n, each in enumerate(lines)]
        sums: dict[Tax, Decimal] = {}
        for share in shares:
            sums[share.tax] = sums.get(share.tax, ZERO) + share.amount
        shares += _adjusted(invoice.allowances, "allowances", -1, sums, rules)
        shares += _adjusted(invoice.charges, "charges", 1, sums, rules)
        taxes, nets = _taxed(shares, rules)
        return _result(invoice, lines, shares, taxes=taxes, nets=nets, rules=rules)


def _line(line: Line, n: int, rules: _Rules) -> LineSum:
    over = line.price_base_quantity
    whole = line.quantity * line.unit_price
    allowances = _parts(line.allowances, whole, over, rules)
    charges = _parts(line.charges, whole, over, rules)
    change = sum((each.amount for each in charges), ZERO)
    change -= sum((each.amount for each in allowances), ZERO)
    amount = rules.round(whole + change * over, over)
    return LineSum(line, line.id or str(n), allowances, charges, amount, amount)


def _parts(
    adjustments: Sequence[Adjustment], whole: Decimal, over: Decimal, rules: _Rules
) -> tuple[Part, ...]:
    return tuple(Part(each, _part(each, whole, over, rules)) for each in adjustments)


def _part(
    adjustment: Adjustment, whole: Decimal, over: Decimal, rules: _Rules
) -> Decimal:
    """Round the amount of an adjustment once, where it arises."""
    if adjustment.percent is None:
        return adjustment.amount or ZERO
    if adjustment.base is not None:
        whole, over = adjustment.base, _ONE
    return rules.round(whole * adjustment.percent, over * _CENT)


def _group(tax: Tax) -> Tax:
    """Make equal what is one group: 19 and 19.0, and texts only where they count."""
    rate = tax.rate.normalize()
    if tax.category in (Category.STANDARD, Category.ZERO):
        return Tax(category=tax.category, rate=rate)
    return replace(tax, rate=rate)


def _line_share(line: LineSum, n: int) -> _Share:
    content = line.line
    # Lines that look alike share alike, wherever they stand.
    likeness = f"{content.name}\0{content.description}\0{content.item_code}"
    return _Share(line.amount, _group(content.tax), ("lines", n), likeness)


def _adjusted(
    adjustments: Sequence[Adjustment],
    kind: str,
    sign: int,
    sums: dict[Tax, Decimal],
    rules: _Rules,
) -> list[_Share]:
    shares: list[_Share] = []
    for n, each in enumerate(adjustments):
        for tax, base in _targets(each, f"{kind}[{n}]", sums):
            amount = sign * _part(each, base, _ONE, rules)
            shares.append(_Share(amount, tax, (kind, n), each.reason))
    return shares


def _targets(
    adjustment: Adjustment, path: str, sums: dict[Tax, Decimal]
) -> list[tuple[Tax, Decimal]]:
    """Give the tax groups that an adjustment touches, each with its sum of lines."""
    if adjustment.tax is not None:
        tax = _group(adjustment.tax)
        return [(tax, sums.get(tax, ZERO))]
    is_divisible = adjustment.percent is not None and adjustment.base is None
    if len(sums) == 1 or is_divisible:
        return list(sums.items())
    raise Uncomputable(
        f"{path}.tax",
        "there are several tax rates: say which one this amount belongs to",
    )


def _taxed(
    shares: list[_Share], rules: _Rules
) -> tuple[tuple[TaxSum, ...], list[Decimal]]:
    """Give the tax groups in order, and the net of each share."""
    groups: dict[Tax, list[int]] = {}
    for n, share in enumerate(shares):
        groups.setdefault(share.tax, []).append(n)
    nets = [share.amount for share in shares]
    taxes = []
    for tax, members in groups.items():
        amounts = [shares[n].amount for n in members]
        whole = sum(amounts, ZERO)
        if rules.is_per_line:
            amount = sum((rules.tax(each, tax.rate) for each in amounts), ZERO)
        else:
            amount = rules.tax(whole, tax.rate)
        base = whole - amount if rules.is_gross else whole
        taxes.append(TaxSum(tax, base, amount))
        if rules.is_gross and rules.is_per_line:
            for n in members:
                nets[n] -= rules.tax(nets[n], tax.rate)
        elif rules.is_gross:
            _share_out(base, members, shares, nets, rules)
    taxes.sort(key=lambda each: _order(each.tax))
    return tuple(taxes), nets


def _order(tax: Tax) -> tuple[Decimal, str, str, str]:
    texts = (tax.exemption_code or "", tax.exemption_text or "")
    return (-tax.rate, tax.category, *texts)


def _share_out(
    base: Decimal,
    members: list[int],
    shares: list[_Share],
    nets: list[Decimal],
    rules: _Rules,
) -> None:
    """Set the nets of a group by largest remainder, so that they sum to its base."""
    over = _CENT + shares[members[0]].tax.rate
    ranked = []
    left = base
    for n in members:
        share = shares[n]
        # Floor and remainder over a common denominator, exact: no share is divided.
        count, rest = divmod(share.amount * _CENT, over * rules.unit)
        if rest < 0:
            count, rest = count - 1, rest + over * rules.unit
        nets[n] = count * rules.unit
        left -= nets[n]
        ranked.append((-rest, -share.amount, share.likeness, n))
    ranked.sort()
    for *_, n in ranked[: int(left / rules.unit)]:
        nets[n] += rules.unit


def _result(
    invoice: Invoice,
    lines: list[LineSum],
    shares: list[_Share],
    *,
    taxes: tuple[TaxSum, ...],
    nets: list[Decimal],
    rules: _Rules,
) -> Computed:
    owned: _Owned = {}
    for share, net in zip(shares, nets, strict=True):
        owned.setdefault(share.owner, []).append((share.tax, share.amount, net))
    done = tuple(
        replace(each, net=owned["lines", n][0][2]) if rules.is_gross else each
        for n, each in enumerate(lines)
    )
    allowances = _sums(invoice.allowances, "allowances", -1, owned)
    charges = _sums(invoice.charges, "charges", 1, owned)
    less = sum((each.net for each in allowances), ZERO)
    more = sum((each.net for each in charges), ZERO)
    sum_lines = sum((each.net for each in done), ZERO)
    tax = sum((each.amount for each in taxes), ZERO)
    totals = _totals(invoice, (sum_lines, less, more), tax, rules.unit)
    converted = _converted(invoice, taxes)
    return Computed(done, allowances, charges, taxes, totals, converted)


def _converted(invoice: Invoice, taxes: Sequence[TaxSum]) -> Converted | None:
    currency, rate = invoice.tax_currency, invoice.tax_currency_rate
    if currency is None or rate is None:
        return None
    amounts = [each.amount for each in taxes]
    return convert(amounts, currency, rate, invoice.policy.rounding)


def _sums(
    adjustments: Sequence[Adjustment], kind: str, sign: int, owned: _Owned
) -> tuple[AdjustmentSum, ...]:
    sums = []
    for n, each in enumerate(adjustments):
        parts = owned.get((kind, n), [])
        amount = sum((part[1] for part in parts), ZERO)
        shares = tuple((tax, sign * net) for tax, _, net in parts)
        net = sum((share[1] for share in shares), ZERO)
        sums.append(AdjustmentSum(each, sign * amount, net, shares))
    return tuple(sums)


def _totals(
    invoice: Invoice,
    nets: tuple[Decimal, Decimal, Decimal],
    tax: Decimal,
    unit: Decimal,
) -> Totals:
    """Go from the sums of lines, allowances and charges to what is due."""
    lines, allowances, charges = nets
    net = lines - allowances + charges
    prepaid = sum((each.amount for each in invoice.payment.prepaid), ZERO)
    due = net + tax - prepaid
    step = invoice.policy.cash_rounding
    rounding = nearest(due, step, unit) - due if step else ZERO
    return Totals(
        lines=lines,
        allowances=allowances,
        charges=charges,
        net=net,
        tax=tax,
        gross=net + tax,
        rounding=rounding,
        prepaid=prepaid,
        due=due + rounding,
    )
