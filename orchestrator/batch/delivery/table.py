"""The control report as a file: a line for each document, and then the totals.

What was written is read again, summed again, and held against the totals: a report
whose columns do not add up is never handed over.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from orchestrator.invoices.control import Control, Figures, Sum

AMOUNTS = ("net", "tax", "gross", "prepaid", "rounding", "due")
COLUMNS = (
    "kind",
    "id",
    "number",
    "type",
    "date",
    "buyer",
    "currency",
    *AMOUNTS,
    "category",
    "rate",
    "invoices",
    "counted",
    "file",
    "sha256",
    "pages",
    "state",
    "code",
)
"""Columns of a report, in order; docs/invoices.md says what each holds."""

Line = Mapping[str, Any]
Write = Callable[[bytes], None]


class Table(Protocol):
    """A report in the making."""

    def add(self, line: Line) -> None:
        """Write a line."""
        ...

    def end(self, totals: Iterable[Line]) -> None:
        """Write the totals, and end it."""
        ...


class Csv:
    """Comma-separated values: documents and totals tell themselves apart by kind."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._row(COLUMNS)

    def add(self, line: Line) -> None:
        """Write a line."""
        self._row([_cell(line.get(name)) for name in COLUMNS])

    def end(self, totals: Iterable[Line]) -> None:
        """Write the totals."""
        for each in totals:
            self.add(each)

    def _row(self, cells: Iterable[str]) -> None:
        text = io.StringIO()
        csv.writer(text).writerow(cells)
        self._write(text.getvalue().encode())


class Json:
    """One object with ``documents`` and ``totals``, an entry on each line."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._count = 0
        write(b'{"documents": [')

    def add(self, line: Line) -> None:
        """Write a line."""
        self._entry({key: each for key, each in line.items() if each is not None})

    def end(self, totals: Iterable[Line]) -> None:
        """Write the totals."""
        self._write(b'\n],\n"totals": [')
        self._count = 0
        for each in totals:
            self.add(each)
        self._write(b"\n]}\n")

    def _entry(self, line: Line) -> None:
        text = json.dumps(line, ensure_ascii=False, default=_plain)
        self._write(f"{',' if self._count else ''}\n{text}".encode())
        self._count += 1


def _plain(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else _plain(value)


# Lines...


def of_invoice(found: Figures) -> dict[str, Any]:
    """What a report says of an invoice itself."""
    return {
        "number": found.number,
        "type": found.type,
        "date": found.date,
        "buyer": found.buyer,
        "currency": found.currency,
        **{name: getattr(found.amounts, name) for name in AMOUNTS},
    }


def totals_of(sums: Mapping[str, Sum]) -> Iterator[dict[str, Any]]:
    """Totals by currency, each followed by those of its tax rates, highest first."""
    for currency, mine in sorted(sums.items()):
        amounts = {name: getattr(mine.amounts, name) for name in AMOUNTS}
        head = {"currency": currency, "invoices": mine.invoices}
        yield {"kind": "total", **head, **amounts}
        for key in sorted(mine.taxes, key=lambda each: (-each[1], each[0])):
            base, tax = mine.taxes[key]
            yield {
                "kind": "tax",
                "currency": currency,
                "category": str(key[0]),
                "rate": key[1],
                "net": base,
                "tax": tax,
            }


# Read again...


def misprints(path: Path, control: Control, *, is_json: bool) -> Iterator[str]:
    """Sums of a written report against the totals; nothing if all is well."""
    found: dict[str, dict[str, Decimal]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in _json_lines(file) if is_json else csv.DictReader(file):
            if line["kind"] == "document" and line.get("counted") in (True, "yes"):
                mine = found.setdefault(
                    line["currency"], dict.fromkeys(AMOUNTS, Decimal())
                )
                for name in AMOUNTS:
                    mine[name] += Decimal(line[name])
    for currency, total in sorted(control.sums.items()):
        for name in AMOUNTS:
            said = getattr(total.amounts, name)
            summed = found.get(currency, {}).get(name, Decimal())
            if summed != said:
                message = f"{name} sums to {summed:f} in {path.name}, not to {said:f}"
                yield f"{currency}: {message}"


def _json_lines(file: Iterable[str]) -> Iterator[Any]:
    for line in file:
        text = line.strip().rstrip(",")
        if text.startswith('{"kind"'):
            yield json.loads(text)
