"""What XRechnung and Peppol ask for beyond EN 16931; performs no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.invoices.einvoice import terms
from orchestrator.invoices.model import Category, Invoice, Kind, Period
from orchestrator.invoices.problem import Problem

_CODE = "E_E_INVOICE"
_EMAIL = re.compile(r"[^@\s.][^@\s]*[^@\s.]@[^@\s.][^@\s]*[^@\s.]")
_DEBITS = {"49", "59"}
_CARDS = {"48", "54", "55"}


def german(invoice: Invoice) -> Iterator[Problem]:
    """The rules of XRechnung, BR-DE-…."""
    yield from _endpoints(invoice, "XRechnung")
    if not invoice.references.buyer_reference:
        message = "XRechnung needs it, the Leitweg-ID for instance (BR-DE-15)"
        yield _missing("references.buyer_reference", message)
    if invoice.type is Kind.PREPAYMENT:
        message = "XRechnung has no prepayment invoices (BR-DE-17)"
        yield Problem("type", _CODE, message, found=str(invoice.type))
    for n, line in enumerate(invoice.lines):
        if line.tax.category is Category.OUTSIDE:
            path, message = f"lines[{n}].tax.category", "XRechnung asks for a rate"
            yield Problem(path, _CODE, f"{message} (BR-DE-14)", found="O")
    yield from _german_contact(invoice)
    yield from _german_places(invoice)
    yield from _german_means(invoice)


def _german_contact(invoice: Invoice) -> Iterator[Problem]:
    contact = invoice.seller.contact
    for name, rule in (("name", 5), ("phone", 6), ("email", 7)):
        if not getattr(contact, name):
            message = f"XRechnung needs it (BR-DE-{rule})"
            yield _missing(f"seller.contact.{name}", message)
    if contact.phone and sum(each.isdigit() for each in contact.phone) < 3:
        message = "needs three digits at least (BR-DE-27)"
        yield Problem("seller.contact.phone", _CODE, message, found=contact.phone)
    if contact.email and not _EMAIL.fullmatch(contact.email):
        message = "is no e-mail address (BR-DE-28)"
        yield Problem("seller.contact.email", _CODE, message, found=contact.email)


def _german_places(invoice: Invoice) -> Iterator[Problem]:
    for name in ("seller", "buyer", "ship_to"):
        party = getattr(invoice, name)
        for key in ("city", "postcode") if party else ():
            if not getattr(party.address, key):
                message = "XRechnung needs it (BR-DE-3 and its like)"
                yield _missing(f"{name}.address.{key}", message)


def _german_means(invoice: Invoice) -> Iterator[Problem]:
    means = terms.means(invoice)
    if means is None:
        message = "or payment.iban is needed by XRechnung (BR-DE-1)"
        yield _missing("payment.means", message)
    elif means.code in _DEBITS | _CARDS:
        message = "needs a mandate or a card, which the model does not have"
        yield Problem("payment.means", _CODE, message, found=means.code)


def peppol(invoice: Invoice) -> Iterator[Problem]:
    """The rules of Peppol BIS Billing 3."""
    yield from _endpoints(invoice, "Peppol")
    said = invoice.references
    if not (said.buyer_reference or said.order):
        message = "or references.order is needed by Peppol (PEPPOL-EN16931-R003)"
        yield _missing("references.buyer_reference", message)
    countries = {invoice.seller.address.country, invoice.buyer.address.country}
    is_german = countries == {"DE"}
    if invoice.type is Kind.SELF_BILLED:
        message = "Peppol has a specification of its own for self-billing"
        yield Problem("type", _CODE, message, found=str(invoice.type))
    elif invoice.type is Kind.CORRECTED and not is_german:
        message = "Peppol allows it within Germany only (PEPPOL-EN16931-P0112)"
        yield Problem("type", _CODE, message, found=str(invoice.type))
    means = terms.means(invoice)
    if means and means.code in _DEBITS:
        message = "needs a mandate, which the model does not have (R061)"
        yield Problem("payment.means", _CODE, message, found=means.code)
    for n, line in enumerate(invoice.lines):
        yield from _within(invoice, n, line.period)
    if is_german:
        yield from _german_contact(invoice)
        yield from _german_places(invoice)


def _within(invoice: Invoice, n: int, period: Period | None) -> Iterator[Problem]:
    whole = invoice.period
    if period is None or whole is None:
        return
    if period.start < whole.start or period.end > whole.end:
        message = "is not within the invoice's period (PEPPOL-EN16931-R110)"
        expected = f"{whole.start} to {whole.end}"
        found = f"{period.start} to {period.end}"
        yield Problem(f"lines[{n}].period", _CODE, message, expected, found)


def _endpoints(invoice: Invoice, name: str) -> Iterator[Problem]:
    for path in ("seller", "buyer"):
        if getattr(invoice, path).endpoint is None:
            message = f"{name} needs to know where invoices reach the {path}"
            yield _missing(f"{path}.endpoint", message)


def _missing(path: str, message: str) -> Problem:
    return Problem(path, _CODE, message)
