"""What keeps an invoice from being told in a profile; performs no I/O.

Each fault names the rule of EN 16931 (BR-…), of XRechnung (BR-DE-…) or of Peppol that
the XML would break, and the field that mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from orchestrator.invoices.compute import Computed
from orchestrator.invoices.einvoice import terms
from orchestrator.invoices.einvoice.codes import ADDRESSES, REASONS, REGISTERS
from orchestrator.invoices.einvoice.national import german, peppol
from orchestrator.invoices.einvoice.unit import code_of
from orchestrator.invoices.model import Category, Invoice, Kind, Tax
from orchestrator.invoices.money import MINOR_UNITS
from orchestrator.invoices.problem import Problem
from orchestrator.invoices.profile import FACTS, EInvoice, Profile, Syntax, profiles

CODE = "E_E_INVOICE"

# ISO 4217 and ISO 3166 as the model has them, less what the rules do not allow.
_NO_CURRENCIES = {"BGN"}
_NO_COUNTRIES = {"XK"}
_SLACK = Decimal(1)
_NEEDS_VAT_ID = {Category.INTRA, Category.EXPORT}


def of_request(invoice: Invoice, target: str) -> Iterator[Problem]:
    """Give what is wrong with what is asked for."""
    asked = invoice.e_invoice
    if asked is None:
        if target == "xml":
            message = "is missing: it says which XML is to be made, {format: ubl}"
            yield Problem("e_invoice", "E_REQUIRED", message)
        return
    if (asked.format, asked.profile) not in FACTS:
        there = profiles(asked.format)
        message = f"{asked.format} has the profiles {', '.join(there)}"
        found = str(asked.profile)
        yield Problem("e_invoice.profile", CODE, message, ", ".join(there), found)
    if target == "pdf" and asked.format is Syntax.UBL:
        message = (
            "UBL is a file of its own: say to: xml for it; factur-x goes into the PDF"
        )
        yield Problem("e_invoice.format", CODE, message, "factur-x", "ubl")


def of_content(invoice: Invoice, computed: Computed) -> Iterator[Problem]:
    """Give what the profile cannot say, or asks for and misses."""
    asked = invoice.e_invoice
    if asked is None or (asked.format, asked.profile) not in FACTS:
        return
    for rule in _RULES:
        yield from rule(invoice, computed, asked)


def _fault(path: str, message: str, found: str | None = None) -> Problem:
    return Problem(path, CODE, message, found=found)


def _currencies(invoice: Invoice, _: Computed, __: EInvoice) -> Iterator[Problem]:
    for path, code in (
        ("currency", invoice.currency),
        ("tax_currency", invoice.tax_currency),
    ):
        if code is None:
            continue
        if MINOR_UNITS[code] > 2:
            message = "EN 16931 has amounts of at most 2 decimal places"
            yield _fault(path, message, code)
        elif code in _NO_CURRENCIES:
            yield _fault(path, "is no currency of EN 16931 any more", code)


def _countries(invoice: Invoice, _: Computed, __: EInvoice) -> Iterator[Problem]:
    parties = ("seller", "buyer", "ship_to")
    for name in parties:
        party = getattr(invoice, name)
        if party and party.address.country in _NO_COUNTRIES:
            path, found = f"{name}.address.country", party.address.country
            yield _fault(path, "is no country of EN 16931", found)


def _codes(invoice: Invoice, _: Computed, asked: EInvoice) -> Iterator[Problem]:
    for name in ("seller", "buyer"):
        endpoint = getattr(invoice, name).endpoint
        if endpoint and endpoint.scheme not in ADDRESSES:
            path = f"{name}.endpoint.scheme"
            message = "is not on the list of electronic addresses (EAS)"
            yield _fault(path, message, endpoint.scheme)
    payee = invoice.payee
    if payee and payee.scheme and payee.scheme not in REGISTERS:
        message = "is not on the list of registers (ISO 6523)"
        yield _fault("payee.scheme", message, payee.scheme)
    if not asked.is_excerpt:
        yield from _units(invoice)


def _units(invoice: Invoice) -> Iterator[Problem]:
    for n, line in enumerate(invoice.lines):
        if code_of(line.unit) is None:
            message = (
                "is no code of UN/ECE Recommendation 20 or 21: H87 is a piece, HUR an "
                "hour, DAY a day, KGM a kilogram, XPK a package"
            )
            yield _fault(f"lines[{n}].unit", message, line.unit)


def _reasons(invoice: Invoice, computed: Computed, _: EInvoice) -> Iterator[Problem]:
    for n, line in enumerate(invoice.lines):
        code = line.tax.exemption_code
        if code and code.upper() not in REASONS:
            message = "is no code of the VATEX list: say it in exemption_text"
            yield _fault(f"lines[{n}].tax.exemption_code", message, code)
    codes: dict[terms.Rate, str | None] = {}
    for group in computed.taxes:
        rate, code = terms.rate_of(group.tax), group.tax.exemption_code
        first = codes.setdefault(rate, code)
        if first != code:
            where = _line_with(invoice, group.tax)
            message = (
                f"category {rate.category} has another exemption_code elsewhere, and "
                "there is room for one (BG-23)"
            )
            yield _fault(f"{where}.tax.exemption_code", message, code)


def _line_with(invoice: Invoice, tax: Tax) -> str:
    for n, line in enumerate(invoice.lines):
        is_same = line.tax.exemption_code == tax.exemption_code
        if is_same and line.tax.category == tax.category:
            return f"lines[{n}]"
    return "lines[0]"


def _seller(invoice: Invoice, _: Computed, __: EInvoice) -> Iterator[Problem]:
    seller = invoice.seller
    if not (terms.vat_of(seller) or seller.registration):
        message = "a VAT identifier or a registration is needed (BR-CO-26)"
        yield _fault("seller.tax_ids", message)


def _categories(invoice: Invoice, computed: Computed, _: EInvoice) -> Iterator[Problem]:
    used = {each.tax.category for each in computed.taxes}
    seller, buyer = terms.vat_of(invoice.seller), terms.vat_of(invoice.buyer)
    taxed = used - {Category.OUTSIDE}
    if taxed and not (seller or terms.other_tax_id(invoice.seller)):
        message = "a tax number of the seller is needed (BR-S-02 and its like)"
        yield _fault("seller.tax_ids", message)
    elif used & _NEEDS_VAT_ID and not seller:
        message = "categories K and G need the seller's VAT identifier, scheme vat"
        yield _fault("seller.tax_ids", message)
    if Category.INTRA in used:
        yield from _intra(invoice, buyer)
    if Category.REVERSE in used and not (buyer or invoice.buyer.registration):
        message = "category AE needs the buyer's VAT identifier or registration"
        yield _fault("buyer.tax_ids", message)
    if Category.OUTSIDE in used:
        yield from _outside(invoice, computed, seller, buyer)


def _intra(invoice: Invoice, buyer: str | None) -> Iterator[Problem]:
    if not buyer:
        message = "category K needs the buyer's VAT identifier (BR-IC-02)"
        yield _fault("buyer.tax_ids", message)
    if not (invoice.tax_point_date or invoice.period):
        message = "category K needs it, or a period (BR-IC-11)"
        yield _fault("tax_point_date", message)
    if not invoice.ship_to:
        message = "category K needs the place of delivery (BR-IC-12)"
        yield _fault("ship_to", message)


def _outside(
    invoice: Invoice, computed: Computed, seller: str | None, buyer: str | None
) -> Iterator[Problem]:
    """What is outside of VAT knows no VAT identifiers, and nothing else beside it."""
    for name, value in (("seller", seller), ("buyer", buyer)):
        if value:
            message = "category O has no VAT identifiers (BR-O-02)"
            yield _fault(f"{name}.tax_ids", message, value)
    if len(terms.groups(computed)) > 1:
        message = "category O stands alone (BR-O-11)"
        others = [
            n
            for n, each in enumerate(invoice.lines)
            if each.tax.category is not Category.OUTSIDE
        ]
        yield _fault(f"lines[{others[0] if others else 0}].tax.category", message)


def _payment(invoice: Invoice, computed: Computed, _: EInvoice) -> Iterator[Problem]:
    said = invoice.payment
    if computed.totals.due > 0 and not (invoice.due_date or said.terms):
        message = "or payment.terms is needed, as something is to be paid (BR-CO-25)"
        yield _fault("due_date", message)
    means = terms.means(invoice)
    if means and means.code in terms.TRANSFERS and not means.has_account:
        where = "payment.means" if invoice.type is Kind.CREDIT_NOTE else "payment.iban"
        message = f"means {means.code} needs an account (BR-61)"
        yield _fault(where, message, said.means)


def _amounts(
    invoice: Invoice, computed: Computed, asked: EInvoice
) -> Iterator[Problem]:
    for group in terms.groups(computed):
        rate = group.tax.rate or Decimal(0)
        if abs(group.amount - group.base * rate / 100) >= _SLACK:
            message = (
                f"the rounded taxes of the lines at {rate:f} % are 1 or more away from "
                "the tax on their sum (BR-CO-17): round per_rate"
            )
            yield _fault("policy.tax_rounding", message, f"{group.amount:f}")
    has_sums = asked.says(Profile.BASIC_WL) and not asked.is_complete
    if has_sums and computed.totals.rounding:
        message = f"the profile {asked.profile} has no rounding amount (BT-114)"
        yield _fault("policy.cash_rounding", message)
    for n, item in enumerate(terms.items(invoice, computed)):
        if item.price < 0:
            message = "the net price comes out below 0 (BR-27)"
            yield _fault(f"lines[{n}].unit_price", message, f"{item.price:f}")


def _national(invoice: Invoice, _: Computed, asked: EInvoice) -> Iterator[Problem]:
    if asked.profile is Profile.PEPPOL:
        yield from peppol(invoice)
    elif asked.profile is Profile.XRECHNUNG:
        yield from german(invoice)


_Rule = Callable[[Invoice, Computed, EInvoice], Iterator[Problem]]
_RULES: tuple[_Rule, ...] = (
    _currencies,
    _countries,
    _codes,
    _reasons,
    _seller,
    _categories,
    _payment,
    _amounts,
    _national,
)
