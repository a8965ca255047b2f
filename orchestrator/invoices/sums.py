"""The totals of an invoice and its tax by rate, as texts; no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from orchestrator.invoices.compute import TaxSum
from orchestrator.invoices.locale import format_for
from orchestrator.invoices.model import Category
from orchestrator.invoices.page import DASH, Page, is_reduced, reason, soft

Row = Mapping[str, Any]


def totals(page: Page) -> Iterator[Row]:
    """Give the rows below the table, down to what is due and the tax in it."""
    yield from _to_pay(page)
    yield from _converted(page)


def _converted(page: Page) -> Iterator[Row]:
    """The tax in the currency of the tax office, by rate and in all."""
    converted = page.computed.converted
    if converted is None:
        return
    invoice, word = page.invoice, page.words["tax_in"]
    write = format_for(invoice.language, converted.currency)
    rate = f"1 {invoice.currency} = {write.factor(converted.rate)} "
    label = word.replace("{0}", converted.currency)
    yield _sum("note", f"{rate}{converted.currency}", "")
    groups = zip(page.computed.taxes, converted.taxes, strict=True)
    several = [(each.tax.rate, amount) for each, amount in groups if each.tax.rate]
    for percent, amount in several if len(several) > 1 else ():
        shown = f"{label} · {page.format.percent(percent)}"
        yield _sum("note", shown, write.amount(amount))
    yield _sum("note", label, write.amount(converted.total))


def _to_pay(page: Page) -> Iterator[Row]:
    words, money = page.words, page.format.amount
    sums = page.computed.totals
    yield from _before_tax(page)
    if page.is_gross:
        yield from _paid(page)
        yield _sum("note", words["net"], money(sums.net))
        yield from _tax_rows(page, words["tax_included"], "note")
        return
    rows = list(_tax_rows(page, words["tax"], "plain"))
    if rows:
        yield _sum("plain", words["net"], money(sums.net))
        yield from rows
    yield from _paid(page)


def _sum(kind: str, label: str, value: str) -> Row:
    return {"kind": kind, "label": label, "value": value}


def _before_tax(page: Page) -> Iterator[Row]:
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
        yield _sum("plain", reason(page, each), money(sign * each.amount))


def _tax_rows(page: Page, word: str, kind: str) -> Iterator[Row]:
    groups = page.computed.taxes
    shown = [each for each in groups if each.tax.rate] or list(groups[:1])
    for each in shown:
        if each.tax.category is not Category.OUTSIDE:
            label = f"{word} {page.format.percent(each.tax.rate)}"
            yield _sum(kind, label, page.format.amount(each.amount))


def _paid(page: Page) -> Iterator[Row]:
    sums, words, write = page.computed.totals, page.words, page.format
    prepaid = page.invoice.payment.prepaid
    if not prepaid and not sums.rounding:
        yield _sum("due", words["total"], write.money(sums.gross))
        return
    yield _sum("strong", words["total"], write.amount(sums.gross))
    for each in prepaid:
        when = write.short_day(each.date) if each.date else ""
        extra = " · ".join(x for x in (when, each.reference) if x)
        label = f"{words['prepaid']} ({soft(extra)})" if extra else words["prepaid"]
        yield _sum("plain", label, write.amount(-each.amount))
    if sums.rounding:
        yield _sum("plain", words["rounding"], write.amount(sums.rounding))
    word = words["credit_due" if page.is_credit else "due"]
    yield _sum("due", word, write.money(sums.due))


def taxes(page: Page) -> dict[str, Any] | None:
    """The breakdown by rate, where the totals alone do not tell it."""
    groups = page.computed.taxes
    if len(groups) < 2 and not page.invoice.is_jp_qualified():
        return None
    words = page.words
    base = words["base_gross" if page.is_gross else "base"]
    heads = [words["rate"], base, words["tax_amount"]]
    return {"heads": heads, "rows": [_tax_row(page, each) for each in groups]}


def _tax_row(page: Page, tax: TaxSum) -> list[str]:
    rate = page.format.percent(tax.tax.rate)
    if tax.tax.category is Category.EXEMPT:
        rate = page.words["exempt"]
    elif tax.tax.category is Category.OUTSIDE:
        rate = DASH
    elif any(
        is_reduced(page, each.line) and each.line.tax.rate == tax.tax.rate
        for each in page.computed.lines
    ):
        rate = f"{rate} {page.mark}"
    base = tax.gross if page.is_gross else tax.base
    return [rate, page.format.amount(base), page.format.amount(tax.amount)]


def exemptions(page: Page) -> Iterator[str]:
    """Give the mark of reduced rates, and why something is not taxed."""
    if any(is_reduced(page, each.line) for each in page.computed.lines):
        yield page.words["reduced_note"].replace("{0}", page.mark)
    seen: set[str] = set()
    for each in page.computed.taxes:
        texts = (each.tax.exemption_text, each.tax.exemption_code)
        text = " · ".join(soft(x) for x in texts if x)
        if text and text not in seen:
            seen.add(text)
            yield text
