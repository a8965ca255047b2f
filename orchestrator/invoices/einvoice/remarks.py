"""What EN 16931 or a profile has no field for, as notes; performs no I/O.

Labels are those of the page, in its language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.invoices.labels import language_of, words_in
from orchestrator.invoices.model import Invoice, Kind, Line, Party, Prepaid, TaxId
from orchestrator.invoices.profile import EInvoice, Profile


def notes(invoice: Invoice, asked: EInvoice) -> list[str]:
    """Give the notes of the invoice (BT-22): its own, then what has no field."""
    words = words_in(language_of(invoice.language))
    rest = list(_rest(invoice, asked, words))
    found = [*invoice.notes, *(["\n".join(rest)] if rest else [])]
    if asked.profile is Profile.PEPPOL and found:
        return ["\n".join(found)]  # its rules allow one
    return found


def line_note(line: Line, asked: EInvoice, language: str) -> str | None:
    """Give the note of a line (BT-127): what a smaller profile has no field for."""
    if asked.is_complete:
        return None
    words = words_in(language_of(language))
    code = f"{words['item_code']}: {line.item_code}" if line.item_code else None
    return "\n".join(each for each in (code, line.description) if each) or None


def _rest(invoice: Invoice, asked: EInvoice, words: Mapping[str, str]) -> Iterator[str]:
    yield from _parties(invoice, words)
    if not asked.is_complete:
        yield from _left_by_basic(invoice, words)
    yield from _payment(invoice, words)
    delivery_notes = invoice.references.delivery_notes
    if len(delivery_notes) > 1:
        yield f"{words['delivery_notes']}: {', '.join(delivery_notes)}"
    if invoice.tax_currency and invoice.tax_currency_rate:
        rate = f"{invoice.tax_currency_rate.normalize():f}"
        yield f"1 {invoice.currency} = {rate} {invoice.tax_currency}"


def _parties(invoice: Invoice, words: Mapping[str, str]) -> Iterator[str]:
    seller, buyer, ship_to = invoice.seller, invoice.buyer, invoice.ship_to
    # One number beside the VAT identifier has a field at the seller, none elsewhere.
    yield from _tax_ids(seller, words, skip_others=1)
    has_own = invoice.references.customer_number is not None
    yield from _tax_ids(buyer, words, skip_others=0 if has_own else 1)
    for party in (seller, buyer):
        if party.contact.web:
            yield f"{party.name}: {party.contact.web}"
    if ship_to is not None:
        about = [ship_to.trading_name, ship_to.registration]
        about += [_numbered(each, words) for each in ship_to.tax_ids]
        about += _contact(ship_to)
        about += [ship_to.contact.web]
        if ship_to.endpoint:
            about.append(f"{ship_to.endpoint.scheme}:{ship_to.endpoint.id}")
        told = [each for each in about if each]
        if told:
            yield f"{words['ship_to']}: {', '.join(told)}"


def _tax_ids(
    party: Party, words: Mapping[str, str], *, skip_others: int
) -> Iterator[str]:
    vat = [each for each in party.tax_ids if each.scheme == "vat"][1:]
    others = [each for each in party.tax_ids if each.scheme != "vat"][skip_others:]
    for each in (*vat, *others):
        yield f"{party.name}: {_numbered(each, words)}"


def _numbered(tax_id: TaxId, words: Mapping[str, str]) -> str:
    return f"{words.get(tax_id.scheme, words['tax_number'])} {tax_id.value}"


def _contact(party: Party) -> list[str | None]:
    return [party.contact.name, party.contact.phone, party.contact.email]


def _left_by_basic(invoice: Invoice, words: Mapping[str, str]) -> Iterator[str]:
    """What EN 16931 has a field for and BASIC has none."""
    buyer, payment = invoice.buyer, invoice.payment
    if buyer.trading_name:
        yield f"{buyer.name}: {buyer.trading_name}"
    for party in (invoice.seller, buyer):
        told = [each for each in _contact(party) if each]
        if told:
            yield f"{party.name}: {', '.join(told)}"
    if invoice.references.project:
        yield f"{words['project']}: {invoice.references.project}"
    if payment.iban or payment.account:
        yield from _holder(invoice, words)


def _holder(invoice: Invoice, words: Mapping[str, str]) -> Iterator[str]:
    if invoice.type is Kind.CREDIT_NOTE:
        return
    for name in ("account_holder", "bic"):
        value = getattr(invoice.payment, name)
        if value:
            yield f"{words[name]}: {value}"


def _payment(invoice: Invoice, words: Mapping[str, str]) -> Iterator[str]:
    payment = invoice.payment
    for each in payment.prepaid:
        if each.date or each.reference:
            yield _prepaid(each, words)
    if invoice.type is Kind.CREDIT_NOTE:
        return
    if payment.bank:
        yield f"{words['bank']}: {payment.bank}"
    if payment.iban and payment.account:
        yield f"{words['account']}: {payment.account}"
    if not (payment.iban or payment.account):
        yield from _holder(invoice, words)


def _prepaid(paid: Prepaid, words: Mapping[str, str]) -> str:
    day = paid.date.isoformat() if paid.date else None
    told = " · ".join(each for each in (day, paid.reference) if each)
    return f"{words['prepaid']} ({told}): {paid.amount:f}"
