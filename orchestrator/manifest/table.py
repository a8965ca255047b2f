"""Rows of a CSV file, with every fault at its line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import Place
from orchestrator.manifest.faults import Faults, listed, near, shown
from orchestrator.manifest.scalars import number

Numbered = Iterator[tuple[int, str]]
LONGEST_CELL = 1 << 20


@dataclass(slots=True)
class Table:
    """A CSV file as it is read: the header first, then one mapping a row.

    Cells are text, and an empty cell is no value; columns named in ``numbers`` hold
    exact numbers.
    """

    name: str
    faults: Faults
    numbers: frozenset[str]
    separator: str | None = None
    header: list[str] = field(default_factory=list)
    _line: int = 0

    def rows(self, lines: Numbered) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Each row with the number of its first line."""
        csv.field_size_limit(LONGEST_CELL)
        first = next(lines, None)
        if first is None:
            self._fault(1, "the file is empty", "the first line names the columns")
            return
        separator = self.separator or _separator(first[1])
        reader = csv.reader(self._fed(first, lines), delimiter=separator, strict=True)
        start = 1
        try:
            for cells in reader:
                if not self.header:
                    self._read_header(cells)
                elif cells and (row := self._row(start, cells)) is not None:
                    yield start, row
                start = self._line + 1
        except csv.Error as error:
            hint = "a quote within quotes is written twice"
            self._fault(start, f"not valid CSV: {error}", hint)

    def _fed(self, first: tuple[int, str], lines: Numbered) -> Iterable[str]:
        self._line = first[0]
        yield first[1]
        for self._line, line in lines:
            yield line

    def _fault(self, line: int, message: str, hint: str = "") -> None:
        self.faults.add(Place(self.name, line, 1), message, hint)

    def _read_header(self, cells: list[str]) -> None:
        self.header = [cell.strip() for cell in cells] or [""]
        for i, column in enumerate(self.header):
            if not column:
                self._fault(1, f"column {i + 1} has no name")
            elif column in self.header[:i]:
                self._fault(1, f"the column {shown(column)} is here twice")
        for column in sorted(self.numbers - set(self.header)):
            message = f"numbers names {shown(column)}; there are {self._columns()}"
            self._fault(1, message, near(column, self.header))

    def _columns(self) -> str:
        return listed(self.header)

    def _row(self, line: int, cells: list[str]) -> dict[str, Any] | None:
        if len(cells) != len(self.header):
            message = f"{len(cells)} cells where the header has {len(self.header)}"
            self._fault(line, message, "a cell that holds the separator needs quotes")
            return None
        row: dict[str, Any] = {
            column: cell
            for column, cell in zip(self.header, cells, strict=True)
            if cell
        }
        for column in self.numbers & row.keys() if self.numbers else ():
            value = number(row[column].strip())
            if isinstance(value, str):
                message = f"{column} must be a number, found {shown(value)}"
                self._fault(line, message, "digits and a point, as in 1234.50")
            row[column] = value
        return row


def _separator(header: str) -> str:
    """What parts the columns: a comma, unless the header has only others."""
    return max((",", ";", "\t"), key=header.count)
