"""A workbook: prices, and what they would earn. Values are stored with the formulas."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook

_COFFEES = (
    ("Alster", "filter", "Ethiopia", 31.50, 0.07, 410),
    ("Speicherstadt", "espresso", "Brazil, Colombia", 29.80, 0.07, 865),
    ("Nachtschicht", "decaf", "Guatemala", 38.00, 0.07, 120),
    ("Hafenlicht", "filter", "Kenya", 42.50, 0.07, 95),
    ("Landungsbrücken", "espresso", "Sumatra, Brazil", 28.40, 0.07, 240),
    ("Cup set of six", "ware", "Hamburg", 54.00, 0.19, 60),
    ("Hand grinder", "ware", "Hamburg", 129.00, 0.19, 22),
)
_HEADS = ("Item", "Kind", "Origin", "Net", "VAT", "Gross", "Units", "Revenue")
_WIDTHS = (20, 11, 18, 10, 8, 10, 9, 13)
_GREEN, _CREAM, _LINE = "#2F4A43", "#F4EEE2", "#E2D8C8"


def prices(path: Path) -> None:
    """The price list of the summer."""
    book = Workbook(str(path))
    book.set_properties(
        {
            "title": "Price list, summer 2026",
            "author": "Kessel & Korn",
            "created": datetime(2026, 3, 17, 9, 0, tzinfo=UTC).replace(tzinfo=None),
        }
    )
    looks = _looks(book)
    sheet = book.add_worksheet("Prices")
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    for n, width in enumerate(_WIDTHS):
        sheet.set_column(n, n, width)
    sheet.set_row(0, 30)
    sheet.merge_range("A1:H1", "Price list, summer 2026", looks["title"])
    sheet.write("A2", "Kessel & Korn, for resellers, from 1 April", looks["quiet"])
    for n, head in enumerate(_HEADS):
        sheet.write(3, n, head, looks["head" if n < 3 else "head_right"])
    _rows(sheet, looks)
    book.close()


def _rows(sheet: Any, looks: dict[str, Any]) -> None:
    revenue = 0.0
    for n, (name, kind, origin, net, vat, units) in enumerate(_COFFEES, 5):
        for m, text in enumerate((name, kind, origin)):
            sheet.write(n - 1, m, text, looks["text"])
        sheet.write(n - 1, 3, net, looks["money"])
        sheet.write(n - 1, 4, vat, looks["percent"])
        gross = round(net * (1 + vat), 2)
        sheet.write_formula(f"F{n}", f"=ROUND(D{n}*(1+E{n}),2)", looks["money"], gross)
        sheet.write(n - 1, 6, units, looks["count"])
        sheet.write_formula(f"H{n}", f"=D{n}*G{n}", looks["money"], net * units)
        revenue += net * units
    last = 4 + len(_COFFEES)
    units = sum(each[5] for each in _COFFEES)
    sheet.merge_range(last, 0, last, 5, "Expected for the quarter", looks["sum"])
    span = f"5:{{}}{last}"
    sheet.write_formula(
        last, 6, f"=SUM(G{span.format('G')})", looks["sum_count"], units
    )
    sheet.write_formula(
        last, 7, f"=SUM(H{span.format('H')})", looks["sum_money"], revenue
    )


def _looks(book: Workbook) -> dict[str, Any]:
    plain = {"font_name": "Arial", "font_size": 10, "valign": "vcenter"}
    row = {**plain, "bottom": 1, "bottom_color": _LINE}
    head = {**plain, "bold": True, "font_color": "#FFFFFF", "bg_color": _GREEN}
    total = {**plain, "bold": True, "bg_color": _CREAM}
    money, count = {"num_format": "#,##0.00 €"}, {"num_format": "#,##0"}
    formats = {
        "title": {**plain, "font_size": 20, "bold": True, "font_color": _GREEN},
        "quiet": {**plain, "font_color": "#7B6F66"},
        "head": head,
        "head_right": {**head, "align": "right"},
        "text": row,
        "money": {**row, **money},
        "percent": {**row, "num_format": "0%"},
        "count": {**row, **count},
        "sum": total,
        "sum_money": {**total, **money},
        "sum_count": {**total, **count},
    }
    return {name: book.add_format(each) for name, each in formats.items()}
