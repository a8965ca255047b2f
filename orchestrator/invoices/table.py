"""The lines of an invoice as texts, and how wide their columns are; no I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from orchestrator.invoices.compute import LineSum, Part
from orchestrator.invoices.model import Category
from orchestrator.invoices.page import (
    DASH,
    Page,
    is_reduced,
    paragraphs,
    period_text,
    reason,
    soft,
)

_SHORT = 60


def table(page: Page) -> dict[str, Any]:
    """Give heads and rows, and the width of each column in ems."""
    words = page.words
    rows = [_row(page, each) for each in page.computed.lines]
    running = Decimal(0)
    for row, each in zip(rows, page.computed.lines, strict=True):
        running += each.amount
        row["running"] = page.format.amount(running)
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
    has_rate = any(
        each.tax.category is not Category.OUTSIDE for each in page.computed.taxes
    )
    return {"heads": heads, "widths": widths, "rows": rows, "has_rate": has_rate}


def _row(page: Page, line_sum: LineSum) -> dict[str, Any]:
    line, write = line_sum.line, page.format
    is_marked = is_reduced(page, line)
    return {
        "id": line_sum.id,
        "name": soft(line.name),
        "name_ems": _roomy(line.name),
        "is_plain": line.name.isascii() and not is_marked,
        "mark": page.mark if is_marked else "",
        "details": list(_details(page, line_sum)),
        "quantity": write.quantity(line.quantity),
        "unit": _unit(page, line.unit, line.quantity),
        "price": write.price(line.unit_price),
        "rate": DASH
        if line.tax.category is Category.OUTSIDE
        else write.percent(line.tax.rate),
        "amount": write.amount(line_sum.amount),
    }


def _unit(page: Page, unit: str | None, quantity: Decimal) -> str:
    """Name a unit of measure; one that the table does not know stays as it is."""
    if unit is None:
        return ""
    plural = page.words.get(unit, unit)
    return page.words.get(f"{unit}:1", plural) if quantity == 1 else plural


def _details(page: Page, line_sum: LineSum) -> Iterator[str]:
    line = line_sum.line
    texts = paragraphs(line.description)
    if line.item_code:
        code = soft(f"{page.words['item_code']} {line.item_code}")
        is_short = len(texts) == 1 and len(code) + len(texts[0]) < _SHORT
        texts = [f"{code} · {texts[0]}"] if is_short else [code, *texts]
    yield from texts
    if line.period:
        yield period_text(page, line.period)
    if line.price_base_quantity != 1:
        unit = _unit(page, line.unit, line.price_base_quantity)
        base = page.format.quantity(line.price_base_quantity)
        count = f"{base} {unit}".strip()
        yield f"{page.words['unit_price']} {page.words['per'].replace('{0}', count)}"
    for part in line_sum.allowances:
        yield _adjusted(page, part, -1)
    for part in line_sum.charges:
        yield _adjusted(page, part, 1)


def _adjusted(page: Page, part: Part, sign: int) -> str:
    label = reason(page, part)
    return f"{label}: {page.format.amount(sign * part.amount)}"


def _ems(text: str) -> float:
    """About how wide a text is set, in ems."""
    return round(sum([_em(each) for each in text]), 2)


def _roomy(text: str) -> float:
    """How wide a name is set, with a little room."""
    return _ems(text) + 0.3


@lru_cache(maxsize=1 << 12)
def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character.isdigit():
        return 0.572
    return 0.3 if character in ".,:;\u2019'|ilj \xa0\u202f" else 0.62
