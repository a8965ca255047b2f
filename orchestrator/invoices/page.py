"""What all parts of a printed invoice need: words, formats, breakable texts; no I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.invoices.compute import AdjustmentSum, Computed, Part
from orchestrator.invoices.locale import Format
from orchestrator.invoices.model import Invoice, Kind, Line, Period, PriceMode

DASH = "\N{EN DASH}"

_LONGEST_WORD = 24
_REDUCED_IN_JAPAN = Decimal(8)


@dataclass(frozen=True, slots=True)
class Page:
    """An invoice with its amounts, and how its language writes them."""

    invoice: Invoice
    computed: Computed
    words: Mapping[str, str]
    format: Format

    @property
    def is_gross(self) -> bool:
        """Whether the prices are with tax."""
        return self.invoice.policy.price_mode is PriceMode.GROSS

    @property
    def is_credit(self) -> bool:
        """Whether money goes back."""
        return self.invoice.type is Kind.CREDIT_NOTE

    @property
    def mark(self) -> str:
        """What stands beside a line at a reduced rate."""
        return "※" if self.invoice.is_jp_qualified() else "*"


def soft(text: str) -> str:
    """Let very long words break, so that they stay within their column."""
    if len(text) <= _LONGEST_WORD:
        return text
    words = text.split(" ")
    if all(len(each) <= _LONGEST_WORD or _breaks(each) for each in words):
        return text
    return " ".join(map(_broken, words))


def _breaks(word: str) -> bool:
    if word.isascii():
        return False
    return any(unicodedata.east_asian_width(each) in "WF" for each in word)


def _broken(word: str) -> str:
    if len(word) <= _LONGEST_WORD or _breaks(word):
        return word
    step = 12
    pieces = [word[n : n + step] for n in range(0, len(word), step)]
    return "\N{ZERO WIDTH SPACE}".join(pieces)


def paragraphs(text: str | None) -> list[str]:
    """Give the lines of a text that has something on them."""
    lines = (text or "").replace("\t", " ").splitlines()
    return [soft(each.strip()) for each in lines if each.strip()]


def period_text(page: Page, period: Period) -> str:
    """Write the days from which to which."""
    days = (page.format.short_day(period.start), page.format.short_day(period.end))
    return f" {DASH} ".join(days)


def is_reduced(page: Page, line: Line) -> bool:
    """Whether a line is marked as one at a reduced rate."""
    if line.reduced_rate is not None:
        return line.reduced_rate
    return page.invoice.is_jp_qualified() and line.tax.rate == _REDUCED_IN_JAPAN


def reason(page: Page, part: Part | AdjustmentSum) -> str:
    """Name an allowance or a charge, with its percentage."""
    adjustment = part.adjustment
    if adjustment.percent is None:
        return soft(adjustment.reason)
    return f"{soft(adjustment.reason)} ({page.format.percent(adjustment.percent)})"
