"""What must hold between the fields of an invoice; performs no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from orchestrator.invoices.compute import Uncomputable, compute
from orchestrator.invoices.einvoice import objections
from orchestrator.invoices.ids import fault_of_iban, fault_of_tax_id
from orchestrator.invoices.model import (
    Adjustment,
    Category,
    Invoice,
    Kind,
    Party,
    PriceMode,
    Tax,
    TaxRounding,
)
from orchestrator.invoices.money import LIMIT, MINOR_UNITS, places
from orchestrator.invoices.paycode import reference_faults
from orchestrator.invoices.problem import Problem, excerpt
from orchestrator.invoices.supplied import compare

_TAXED = {Category.STANDARD, Category.CANARY, Category.CEUTA}
_NEEDS_REASON = {
    Category.EXEMPT,
    Category.REVERSE,
    Category.INTRA,
    Category.EXPORT,
    Category.OUTSIDE,
}
_NEEDS_BOTH_IDS = {Category.REVERSE, Category.INTRA}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_REFERS_BACK = {Kind.CREDIT_NOTE, Kind.CORRECTED}


def judge(invoice: Invoice, *, with_amounts: bool = True) -> list[Problem]:
    """Give every broken rule and every supplied amount that differs."""
    problems = [each for rule in _RULES for each in rule(invoice)]
    if not with_amounts:
        return sorted(problems)
    try:
        computed = compute(invoice)
    except Uncomputable as error:
        problems.append(Problem(error.path, "E_ALLOWANCE_TAX", str(error)))
    else:
        if abs(computed.totals.gross) >= LIMIT:
            message = "the total is too large: 15 digits are allowed"
            problems.append(Problem("lines", "E_RANGE", message))
        problems.extend(compare(invoice, computed))
        problems.extend(objections(invoice, computed))
    return sorted(problems)


def _lines(invoice: Invoice) -> Iterator[Problem]:
    if not invoice.lines:
        yield Problem("lines", "E_REQUIRED", "at least one line is needed")
    seen: set[str] = set()
    is_net = invoice.policy.price_mode is PriceMode.NET
    for n, line in enumerate(invoice.lines):
        if line.id is not None and line.id in seen:
            message = "is used by an earlier line too"
            yield Problem(f"lines[{n}].id", "E_LINE_ID", message, found=line.id)
        seen.add(line.id or "")
        if is_net and line.gross is not None:
            message = "is for price mode gross; give net instead"
            yield Problem(f"lines[{n}].gross", "E_PRICE_MODE", message)


def _periods(invoice: Invoice) -> Iterator[Problem]:
    due, issued = invoice.due_date, invoice.issue_date
    if due is not None and due < issued:
        message = "is before the issue date"
        expected = f"{issued} or later"
        yield Problem("due_date", "E_DATE_ORDER", message, expected, str(due))
    periods = [("period", invoice.period)]
    periods += [(f"lines[{n}].period", x.period) for n, x in enumerate(invoice.lines)]
    for path, period in periods:
        if period is not None and period.end < period.start:
            message = "ends before it starts"
            expected = f"{period.start} or later"
            found = str(period.end)
            yield Problem(f"{path}.end", "E_DATE_ORDER", message, expected, found)


def _taxes(invoice: Invoice) -> Iterator[Problem]:
    both = invoice.seller.tax_ids and invoice.buyer.tax_ids
    for path, tax in _all_taxes(invoice):
        yield from _tax(path, tax)
        if tax.category in _NEEDS_BOTH_IDS and not both:
            message = f"category {tax.category} needs tax_ids of seller and buyer"
            yield Problem(f"{path}.category", "E_TAX_ID", message)


def _tax(path: str, tax: Tax) -> Iterator[Problem]:
    category, rate = tax.category, tax.rate
    if category is Category.STANDARD and not rate:
        message = "category S needs a rate above 0; Z is the zero rate, E is exempt"
        yield Problem(f"{path}.rate", "E_TAX_CATEGORY", message, "above 0", "0")
    if category not in _TAXED and rate:
        message = f"category {category} has no rate above 0"
        yield Problem(f"{path}.rate", "E_TAX_CATEGORY", message, "0", str(rate))
    has_reason = tax.exemption_code or tax.exemption_text
    if category in _NEEDS_REASON and not has_reason:
        message = f"category {category} needs a reason, which is printed"
        yield Problem(f"{path}.exemption_text", "E_TAX_REASON", message)


def _all_taxes(invoice: Invoice) -> Iterator[tuple[str, Tax]]:
    for n, line in enumerate(invoice.lines):
        yield f"lines[{n}].tax", line.tax
    for path, each, is_line in _all_adjustments(invoice):
        if each.tax is not None and not is_line:
            yield f"{path}.tax", each.tax


def _all_adjustments(invoice: Invoice) -> Iterator[tuple[str, Adjustment, bool]]:
    for n, line in enumerate(invoice.lines):
        yield from _named(f"lines[{n}].allowances", line.allowances, is_line=True)
        yield from _named(f"lines[{n}].charges", line.charges, is_line=True)
    yield from _named("allowances", invoice.allowances, is_line=False)
    yield from _named("charges", invoice.charges, is_line=False)


def _named(
    path: str, adjustments: Sequence[Adjustment], *, is_line: bool
) -> Iterator[tuple[str, Adjustment, bool]]:
    for n, each in enumerate(adjustments):
        yield f"{path}[{n}]", each, is_line


def _adjustments(invoice: Invoice) -> Iterator[Problem]:
    for path, each, is_line in _all_adjustments(invoice):
        if (each.amount is None) == (each.percent is None):
            message = "either an amount or a percent is needed, not both"
            yield Problem(path, "E_ALLOWANCE", message)
        elif each.base is not None and each.percent is None:
            yield Problem(f"{path}.base", "E_ALLOWANCE", "is for a percent only")
        if is_line and each.tax is not None:
            message = "is that of the line; leave it out"
            yield Problem(f"{path}.tax", "E_ALLOWANCE_TAX", message)
        if each.amount is not None and each.amount < 0:
            message = "is negative: a negative allowance is a charge, and the reverse"
            found = str(each.amount)
            yield Problem(f"{path}.amount", "E_RANGE", message, "0 or more", found)


def _amounts(invoice: Invoice) -> Iterator[Problem]:
    """Amounts that are given have no more digits than the currency."""
    allowed = MINOR_UNITS[invoice.currency]
    for path, amount in _given(invoice):
        if amount is not None and places(amount) > allowed:
            message = f"{invoice.currency} has {allowed} decimal places"
            expected = f"{allowed} decimal places"
            yield Problem(path, "E_MINOR_UNITS", message, expected, str(amount))


def _given(invoice: Invoice) -> Iterator[tuple[str, Decimal | None]]:
    for n, line in enumerate(invoice.lines):
        yield f"lines[{n}].net", line.net
        yield f"lines[{n}].gross", line.gross
    for path, each, _ in _all_adjustments(invoice):
        yield f"{path}.amount", each.amount
        yield f"{path}.base", each.base
    for n, paid in enumerate(invoice.payment.prepaid):
        yield f"payment.prepaid[{n}].amount", paid.amount
    yield "policy.cash_rounding", invoice.policy.cash_rounding


def _parties(invoice: Invoice) -> Iterator[Problem]:
    parties: list[tuple[str, Party | None]] = [
        ("seller", invoice.seller),
        ("buyer", invoice.buyer),
        ("ship_to", invoice.ship_to),
    ]
    for name, party in parties:
        for n, each in enumerate(party.tax_ids if party else ()):
            why = fault_of_tax_id(each.scheme, each.value)
            if why:
                path = f"{name}.tax_ids[{n}].value"
                told = f"{why}: {excerpt(each.value)}"
                yield Problem(path, "E_TAX_ID", told, found=each.value)


def _tax_currency(invoice: Invoice) -> Iterator[Problem]:
    currency, rate = invoice.tax_currency, invoice.tax_currency_rate
    if currency == invoice.currency:
        message = "is the currency of the invoice: leave it out"
        yield Problem("tax_currency", "E_TAX_CURRENCY", message, found=currency)
    elif (currency is None) != (rate is None):
        missing = "tax_currency" if currency is None else "tax_currency_rate"
        message = "is missing: tax_currency and tax_currency_rate go together"
        yield Problem(missing, "E_REQUIRED", message)
    if currency is None and invoice.totals.tax_converted is not None:
        message = "is for invoices with a tax_currency"
        yield Problem("totals.tax_converted", "E_TAX_CURRENCY", message)


def _endpoints(invoice: Invoice) -> Iterator[Problem]:
    parties = {
        "seller": invoice.seller,
        "buyer": invoice.buyer,
        "ship_to": invoice.ship_to,
    }
    for name, party in parties.items():
        endpoint = party.endpoint if party else None
        if endpoint is None:
            continue
        if not re.fullmatch(r"[0-9]{4}|[A-Z]{2}", endpoint.scheme):
            message = "is no code of the Electronic Address Scheme list"
            expected = "four digits as 0088 or 9930, or EM, AN, AQ, AS, AU"
            path, found = f"{name}.endpoint.scheme", endpoint.scheme
            yield Problem(path, "E_ENDPOINT", message, expected, found)
        elif endpoint.scheme == "EM" and not _EMAIL.fullmatch(endpoint.id):
            message = "scheme EM needs an e-mail address"
            path, found = f"{name}.endpoint.id", endpoint.id
            yield Problem(path, "E_ENDPOINT", message, "NAME@DOMAIN", found)
    payee = invoice.payee
    if payee and payee.scheme and not payee.id:
        message = "is missing: the scheme says where it is from"
        yield Problem("payee.id", "E_REQUIRED", message)


def _payment(invoice: Invoice) -> Iterator[Problem]:
    iban = invoice.payment.iban
    why = fault_of_iban(iban) if iban else None
    if why:
        told = f"{why}: {excerpt(iban or '')}"
        yield Problem("payment.iban", "E_IBAN", told, found=iban)
        return
    for path, fault in reference_faults(invoice):
        found = invoice.payment.reference
        yield Problem(path, "E_PAYMENT_REFERENCE", fault, found=found)


def _credit(invoice: Invoice) -> Iterator[Problem]:
    if invoice.type in _REFERS_BACK and not invoice.references.preceding:
        message = f"a {invoice.type} names the invoice that it is about"
        yield Problem("references.preceding", "E_REQUIRED", message)
    if invoice.type is not Kind.CREDIT_NOTE:
        return
    for n, line in enumerate(invoice.lines):
        if line.quantity < 0:
            message = "a credit note has positive quantities: its type is the sign"
            path, found = f"lines[{n}].quantity", str(line.quantity)
            yield Problem(path, "E_CREDIT_SIGN", message, "0 or more", found)


def _japan(invoice: Invoice) -> Iterator[Problem]:
    per_line = invoice.policy.tax_rounding is TaxRounding.PER_LINE
    if invoice.is_jp_qualified() and per_line:
        message = "a qualified invoice rounds tax once for each rate"
        path, found = "policy.tax_rounding", str(TaxRounding.PER_LINE)
        expected = str(TaxRounding.PER_RATE)
        yield Problem(path, "E_JP_LINE_ROUNDING", message, expected, found)


_RULES: tuple[Callable[[Invoice], Iterator[Problem]], ...] = (
    _lines,
    _periods,
    _taxes,
    _adjustments,
    _amounts,
    _parties,
    _endpoints,
    _tax_currency,
    _payment,
    _credit,
    _japan,
)
