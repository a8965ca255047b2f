"""An invoice as its page shows it: every number and date already text; no I/O.

A template only places what it finds here. It computes nothing and formats nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestrator.invoices.address import set_address
from orchestrator.invoices.compute import (
    AdjustmentSum,
    Computed,
    LineSum,
    Part,
    TaxSum,
    compute,
)
from orchestrator.invoices.labels import language_of, words_in
from orchestrator.invoices.locale import Format, format_for
from orchestrator.invoices.model import (
    Category,
    Invoice,
    Kind,
    Line,
    Party,
    Period,
    PriceMode,
)

_REGIONS = {"ja": "JP", "zh": "CN", "zh-Hant": "TW"}
_HONOURED = ("御中", "様", "殿", "先生")
_LONGEST_WORD = 24
_SHORT = 60
_REDUCED_IN_JAPAN = Decimal(8)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Page:
    """What every part of the page needs."""

    invoice: Invoice
    computed: Computed
    words: Mapping[str, str]
    format: Format

    @property
    def is_gross(self) -> bool:
        return self.invoice.policy.price_mode is PriceMode.GROSS

    @property
    def is_credit(self) -> bool:
        return self.invoice.type is Kind.CREDIT_NOTE

    @property
    def mark(self) -> str:
        return "※" if self.invoice.is_jp_qualified() else "*"


def printed(invoice: Invoice, words: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Give the texts of the page; ``words`` replaces some of the fixed words."""
    language = language_of(invoice.language)
    page = _Page(
        invoice,
        compute(invoice),
        {**words_in(language), **(words or {})},
        format_for(invoice.language, invoice.currency),
    )
    return {
        "lang": language.split("-")[0],
        "region": _REGIONS.get(language),
        "title": page.words[invoice.type.value],
        "number": soft(invoice.number),
        "date": invoice.issue_date.isoformat(),
        "words": page.words,
        "page": _split(page.words["page"]),
        "seller": _party(page, invoice.seller),
        "buyer": _buyer(page),
        "ship_to": _party(page, invoice.ship_to) if invoice.ship_to else None,
        "meta": list(_meta(page)),
        "hero": list(_hero(page)),
        "table": _table(page),
        "totals": list(_totals(page)),
        "taxes": _taxes(page),
        "exemptions": list(_exemptions(page)),
        "payment": list(_payment(page)),
        "terms": _paragraphs(invoice.payment.terms),
        "notes": [each for note in invoice.notes for each in _paragraphs(note)],
    }


def soft(text: str) -> str:
    """Let very long words break, so that they stay within their column."""
    words = text.split(" ")
    if all(len(each) <= _LONGEST_WORD or _breaks(each) for each in words):
        return text
    return " ".join(map(_broken, words))


def _breaks(word: str) -> bool:
    return any(unicodedata.east_asian_width(each) in "WF" for each in word)


def _broken(word: str) -> str:
    if len(word) <= _LONGEST_WORD or _breaks(word):
        return word
    step = 12
    pieces = [word[n : n + step] for n in range(0, len(word), step)]
    return "\N{ZERO WIDTH SPACE}".join(pieces)


def _paragraphs(text: str | None) -> list[str]:
    lines = (text or "").replace("\t", " ").splitlines()
    return [soft(each.strip()) for each in lines if each.strip()]


def _split(pattern: str) -> list[str]:
    head, rest = pattern.split("{0}")
    return [head, *rest.split("{1}")]


def _party(page: _Page, party: Party) -> dict[str, Any]:
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


def _buyer(page: _Page) -> dict[str, Any]:
    honorific = page.words["honorific"]
    name = page.invoice.buyer.name
    if name.endswith(_HONOURED):
        honorific = ""
    label = page.words["credit_to" if page.is_credit else "bill_to"]
    party = _party(page, page.invoice.buyer)
    return {**party, "honorific": honorific, "label": label}


def _meta(page: _Page) -> Iterator[list[str]]:
    invoice, words = page.invoice, page.words
    refs = invoice.references
    yield [words["number"], soft(invoice.number)]
    yield [words["issue_date"], page.format.day(invoice.issue_date)]
    if invoice.tax_point_date:
        yield [words["tax_point_date"], page.format.day(invoice.tax_point_date)]
    if invoice.period:
        yield [words["period"], _period(page, invoice.period)]
    for each in refs.preceding:
        text = each.number
        if each.date:
            day = page.format.short_day(each.date)
            text = words["preceding_of"].replace("{0}", text).replace("{1}", day)
        yield [words["preceding"], soft(text)]
    for key in ("customer_number", "buyer_reference", "order", "contract", "project"):
        value = getattr(refs, key)
        if value:
            yield [words[key], soft(value)]
    if refs.delivery_notes:
        yield [words["delivery_notes"], soft(", ".join(refs.delivery_notes))]


def _period(page: _Page, period: Period) -> str:
    days = (page.format.short_day(period.start), page.format.short_day(period.end))
    return " – ".join(days)


def _hero(page: _Page) -> Iterator[list[str]]:
    word = page.words["credit_due" if page.is_credit else "due"]
    yield [word, page.format.money(page.computed.totals.due)]
    if page.invoice.due_date:
        yield [page.words["due_date"], page.format.day(page.invoice.due_date)]
    if page.invoice.payment.reference and not page.is_credit:
        reference = page.invoice.payment.reference
        yield [page.words["payment_reference"], soft(reference)]


def _table(page: _Page) -> dict[str, Any]:
    words = page.words
    rows = [_row(page, each) for each in page.computed.lines]
    amount = words["amount_gross" if page.is_gross else "amount"]
    heads = {
        "id": words["position"],
        "quantity": words["quantity"],
        "unit": "",
        "price": words["unit_price"],
        "rate": words["tax_rate"],
        "amount": amount,
    }
    widths = {
        key: max(_ems(head), *(_ems(row[key]) for row in rows))
        for key, head in heads.items()
    }
    return {"heads": heads, "widths": widths, "rows": rows}


def _row(page: _Page, line_sum: LineSum) -> dict[str, Any]:
    line, write = line_sum.line, page.format
    is_marked = _is_reduced(page, line)
    return {
        "id": line_sum.id,
        "name": soft(line.name),
        "mark": page.mark if is_marked else "",
        "details": list(_details(page, line_sum)),
        "quantity": write.quantity(line.quantity),
        "unit": _unit(page, line.unit, line.quantity),
        "price": write.price(line.unit_price),
        "rate": "–"
        if line.tax.category is Category.OUTSIDE
        else write.percent(line.tax.rate),
        "amount": write.amount(line_sum.amount),
    }


def _unit(page: _Page, unit: str | None, quantity: Decimal) -> str:
    """Name a unit of measure; one that the table does not know stays as it is."""
    if unit is None:
        return ""
    plural = page.words.get(unit, unit)
    return page.words.get(f"{unit}:1", plural) if quantity == 1 else plural


def _is_reduced(page: _Page, line: Line) -> bool:
    if line.reduced_rate is not None:
        return line.reduced_rate
    return page.invoice.is_jp_qualified() and line.tax.rate == _REDUCED_IN_JAPAN


def _details(page: _Page, line_sum: LineSum) -> Iterator[str]:
    line = line_sum.line
    texts = _paragraphs(line.description)
    if line.item_code:
        code = soft(f"{page.words['item_code']} {line.item_code}")
        is_short = len(texts) == 1 and len(code) + len(texts[0]) < _SHORT
        texts = [f"{code} · {texts[0]}"] if is_short else [code, *texts]
    yield from texts
    if line.period:
        yield _period(page, line.period)
    if line.price_base_quantity != 1:
        unit = _unit(page, line.unit, line.price_base_quantity)
        base = page.format.quantity(line.price_base_quantity)
        count = f"{base} {unit}".strip()
        yield f"{page.words['unit_price']} {page.words['per'].replace('{0}', count)}"
    for part in line_sum.allowances:
        yield _adjusted(page, part, -1)
    for part in line_sum.charges:
        yield _adjusted(page, part, 1)


def _adjusted(page: _Page, part: Part, sign: int) -> str:
    label = _reason(page, part)
    return f"{label}: {page.format.amount(sign * part.amount)}"


def _reason(page: _Page, part: Part | AdjustmentSum) -> str:
    adjustment = part.adjustment
    if adjustment.percent is None:
        return soft(adjustment.reason)
    return f"{soft(adjustment.reason)} ({page.format.percent(adjustment.percent)})"


def _totals(page: _Page) -> Iterator[Row]:
    totals, words, money = page.computed.totals, page.words, page.format.amount
    yield from _before_tax(page)
    if page.is_gross:
        yield from _paid(page)
        yield _sum("note", words["net"], money(totals.net))
        yield from _tax_rows(page, words["tax_included"], "note")
        return
    yield _sum("plain", words["net"], money(totals.net))
    yield from _tax_rows(page, words["tax"], "plain")
    yield from _paid(page)


def _sum(kind: str, label: str, value: str) -> Row:
    return {"kind": kind, "label": label, "value": value}


def _before_tax(page: _Page) -> Iterator[Row]:
    """The sum of the printed lines, and what changes it."""
    computed, money = page.computed, page.format.amount
    changes = [(each, -1) for each in computed.allowances]
    changes += [(each, 1) for each in computed.charges]
    if not changes:
        return
    word = page.words["subtotal_gross" if page.is_gross else "subtotal"]
    whole = sum((each.amount for each in computed.lines), Decimal(0))
    yield _sum("plain", word, money(whole))
    for each, sign in changes:
        yield _sum("plain", _reason(page, each), money(sign * each.amount))


def _tax_rows(page: _Page, word: str, kind: str) -> Iterator[Row]:
    taxes = page.computed.taxes
    shown = [each for each in taxes if each.tax.rate] or list(taxes[:1])
    for each in shown:
        if each.tax.category is not Category.OUTSIDE:
            label = f"{word} {page.format.percent(each.tax.rate)}"
            yield _sum(kind, label, page.format.amount(each.amount))


def _paid(page: _Page) -> Iterator[Row]:
    totals, words, write = page.computed.totals, page.words, page.format
    prepaid = page.invoice.payment.prepaid
    if not prepaid and not totals.rounding:
        yield _sum("due", words["total"], write.money(totals.gross))
        return
    yield _sum("strong", words["total"], write.amount(totals.gross))
    for each in prepaid:
        when = write.short_day(each.date) if each.date else ""
        extra = " · ".join(x for x in (when, each.reference) if x)
        label = f"{words['prepaid']} ({soft(extra)})" if extra else words["prepaid"]
        yield _sum("plain", label, write.amount(-each.amount))
    if totals.rounding:
        yield _sum("plain", words["rounding"], write.amount(totals.rounding))
    word = words["credit_due" if page.is_credit else "due"]
    yield _sum("due", word, write.money(totals.due))


def _taxes(page: _Page) -> dict[str, Any] | None:
    """The breakdown by rate, where the totals alone do not tell it."""
    taxes = page.computed.taxes
    if len(taxes) < 2 and not page.invoice.is_jp_qualified():
        return None
    words = page.words
    base = words["base_gross" if page.is_gross else "base"]
    heads = [words["rate"], base, words["tax_amount"]]
    return {"heads": heads, "rows": [_tax_row(page, each) for each in taxes]}


def _tax_row(page: _Page, tax: TaxSum) -> list[str]:
    rate = page.format.percent(tax.tax.rate)
    if tax.tax.category is Category.EXEMPT:
        rate = page.words["exempt"]
    elif tax.tax.category is Category.OUTSIDE:
        rate = "–"
    elif any(
        _is_reduced(page, each.line) and each.line.tax.rate == tax.tax.rate
        for each in page.computed.lines
    ):
        rate = f"{rate} {page.mark}"
    base = tax.gross if page.is_gross else tax.base
    return [rate, page.format.amount(base), page.format.amount(tax.amount)]


def _exemptions(page: _Page) -> Iterator[str]:
    if any(_is_reduced(page, each.line) for each in page.computed.lines):
        yield page.words["reduced_note"].replace("{0}", page.mark)
    seen: set[str] = set()
    for each in page.computed.taxes:
        texts = (each.tax.exemption_text, each.tax.exemption_code)
        text = " · ".join(soft(x) for x in texts if x)
        if text and text not in seen:
            seen.add(text)
            yield text


def _payment(page: _Page) -> Iterator[list[str]]:
    payment, words = page.invoice.payment, page.words
    keys = ("means", "bank", "account_holder", "iban", "bic", "account")
    for key in keys:
        value = getattr(payment, key)
        if value and key == "iban":
            value = _spaced(value)
        if value:
            yield [words[key], soft(value)]
    if payment.reference and not page.is_credit:
        yield [words["payment_reference"], soft(payment.reference)]


def _spaced(iban: str) -> str:
    text = iban.replace(" ", "")
    return " ".join(text[n : n + 4] for n in range(0, len(text), 4))


def _ems(text: str) -> float:
    """About how wide a text is set, in ems."""
    return round(sum(map(_em, text)), 2)


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character.isdigit():
        return 0.572
    return 0.3 if character in ".,:;’'|ilj \xa0\u202f" else 0.62
