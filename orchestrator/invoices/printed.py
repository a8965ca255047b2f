"""An invoice as its page shows it: every number and date already text; no I/O.

A template only places what it finds here. It computes nothing and formats nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.invoices.address import set_address
from orchestrator.invoices.compute import compute
from orchestrator.invoices.labels import WORDS, language_of, regional, words_in
from orchestrator.invoices.locale import format_for
from orchestrator.invoices.model import Invoice, Party
from orchestrator.invoices.page import Page, paragraphs, period_text, soft
from orchestrator.invoices.paycode import code_for, in_fours, shown_reference
from orchestrator.invoices.slip import slip_words
from orchestrator.invoices.sums import exemptions, taxes, totals
from orchestrator.invoices.table import table

_REGIONS = {"ja": "JP", "zh": "CN", "zh-Hant": "TW"}
_HONOURED = ("御中", "様", "殿", "先生")
_KEEP = "\N{NO-BREAK SPACE}"
# A longer reference is read beside the account, not at a glance.
_GLANCE = 24
_ACCOUNT = ("bank", "account_holder", "iban", "bic", "account")


def printed(invoice: Invoice, words: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Give the texts of the page; ``words`` replaces some of the fixed words.

    Raises:
        NoCode: a code to pay with is wanted that this invoice cannot have.
    """
    language = language_of(invoice.language)
    page = Page(
        invoice,
        compute(invoice),
        {**words_in(language), **regional(invoice.language), **(words or {})},
        format_for(invoice.language, invoice.currency),
    )
    return {
        "lang": language.split("-")[0],
        "region": _REGIONS.get(language),
        "title": page.words[invoice.type.value],
        "number": soft(invoice.number),
        "date": invoice.issue_date.isoformat(),
        # The names of units are on the lines already.
        "words": {key: page.words[key] for key in WORDS},
        "page": _split(page.words["page"]),
        "seller": _party(page, invoice.seller),
        "buyer": _buyer(page),
        "ship_to": _party(page, invoice.ship_to) if invoice.ship_to else None,
        "meta": list(_meta(page)),
        "hero": list(_hero(page)),
        "table": table(page),
        "totals": list(totals(page)),
        "taxes": taxes(page),
        "exemptions": list(exemptions(page)),
        "payment": list(_payment(page)),
        "terms": paragraphs(invoice.payment.terms),
        "notes": [each for note in invoice.notes for each in paragraphs(note)],
        "carry": invoice.style.get("carry", True),
        "code": _code(page),
    }


def _code(page: Page) -> dict[str, Any] | None:
    """The code to pay with, where there is one; ``payload`` is what it says."""
    wanted = page.invoice.style.get("payment_code")
    code = code_for(page.invoice, page.computed, wanted)
    if code is None:
        return None
    return {
        "kind": code.kind.value,
        "payload": code.payload,
        "words": slip_words(language_of(page.invoice.language)),
        "creditor": list(code.creditor),
        "debtor": list(code.debtor),
        "reference": code.reference,
        "message": code.message,
        "currency": page.invoice.currency,
        "amount": f"{code.amount:,.2f}".replace(",", " "),
    }


def _split(pattern: str) -> list[str]:
    head, rest = pattern.split("{0}")
    return [head, *rest.split("{1}")]


def _party(page: Page, party: Party) -> dict[str, Any]:
    parties = (page.invoice.seller, page.invoice.buyer, page.invoice.ship_to)
    countries = {each.address.country for each in parties if each}
    code = party.address.country
    country = page.format.country(code) if len(countries) > 1 else ""
    ids = [
        [page.words.get(each.scheme, page.words["tax_number"]), each.value]
        for each in party.tax_ids
    ]
    contact = party.contact
    lines = [contact.name, contact.phone, contact.email, contact.web]
    return {
        "name": soft(party.name),
        "trading_name": soft(party.trading_name or ""),
        "lines": [soft(each) for each in set_address(party.address, country)],
        "ids": ids,
        "contact": [soft(each) for each in lines if each],
        "registration": soft(party.registration or ""),
    }


def _buyer(page: Page) -> dict[str, Any]:
    honorific = page.words["honorific"]
    name = page.invoice.buyer.name
    if name.endswith(_HONOURED):
        honorific = ""
    label = page.words["credit_to" if page.is_credit else "bill_to"]
    party = _party(page, page.invoice.buyer)
    return {**party, "honorific": honorific, "label": label}


def _meta(page: Page) -> Iterator[list[str]]:
    invoice, words = page.invoice, page.words
    refs = invoice.references
    yield [words["number"], soft(invoice.number)]
    yield [words["issue_date"], page.format.day(invoice.issue_date)]
    if invoice.tax_point_date:
        yield [words["tax_point_date"], page.format.day(invoice.tax_point_date)]
    if invoice.period:
        yield [words["period"], period_text(page, invoice.period)]
    for each in refs.preceding:
        text = each.number
        if each.date:
            day = page.format.short_day(each.date)
            # The day stays in one piece, and keeps what stands before it.
            day = day.replace(" ", _KEEP)
            pattern = words["preceding_of"].replace(" {1}", f"{_KEEP}{{1}}")
            text = pattern.replace("{0}", text).replace("{1}", day)
        yield [words["preceding"], soft(text)]
    for key in ("customer_number", "buyer_reference", "order", "contract", "project"):
        value = getattr(refs, key)
        if value:
            yield [words[key], soft(value)]
    if refs.delivery_notes:
        yield [words["delivery_notes"], soft(", ".join(refs.delivery_notes))]


def _hero(page: Page) -> Iterator[list[str]]:
    word = page.words["credit_due" if page.is_credit else "due"]
    yield [word, page.format.money(page.computed.totals.due)]
    # On a credit note it would ask for money.
    if page.invoice.due_date and not page.is_credit:
        yield [page.words["due_date"], page.format.day(page.invoice.due_date)]
    if page.invoice.payment.reference and not page.is_credit:
        reference = shown_reference(page.invoice.payment.reference)
        if len(reference) <= _GLANCE:
            yield [page.words["payment_reference"], soft(reference)]


def _payment(page: Page) -> Iterator[list[str]]:
    payment, words = page.invoice.payment, page.words
    if page.invoice.payee and not page.is_credit:
        yield [words["payee"], soft(page.invoice.payee.name)]
    # The account is the seller's: on a credit note it would ask for money.
    for key in ("means",) if page.is_credit else ("means", *_ACCOUNT):
        value = getattr(payment, key)
        if value and key == "iban":
            value = in_fours(value)
        if value:
            yield [words[key], soft(value)]
    if payment.reference and not page.is_credit:
        reference = shown_reference(payment.reference)
        yield [words["payment_reference"], soft(reference)]
