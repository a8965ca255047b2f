"""A JSON array of objects as a stream of their texts, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.errors import Place
from orchestrator.manifest.faults import Faults, shown

_PIECE = re.compile(r'[\[\]{},"]|\\.|\\$|[^\[\]{},"\\]+', re.DOTALL)
LONGEST = 64 * 1024 * 1024
"""Characters of one element: more is not held in memory."""


@dataclass(slots=True)
class Elements:
    """Cuts a JSON array into its elements; what they are is for others to check."""

    name: str
    faults: Faults
    _depth: int = 0
    _is_text: bool = False
    _is_over: bool = False
    _is_due: bool = False
    _size: int = 0
    _line: int = 0
    _parts: list[str] = field(default_factory=list)

    def of(self, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Elements with the number of the line on which each starts."""
        number = 1
        for number, line in lines:
            for found in _PIECE.finditer(line):
                yield from self._piece(found[0], number, found.start() + 1)
                if self._size > LONGEST:
                    self._fault(self._line, 1, "one element of more than 64 MiB")
                    return
        if not self._is_over:
            self._fault(number, 1, "the array does not end: there is no ]")

    def _piece(self, piece: str, number: int, column: int) -> Iterator[tuple[int, str]]:
        is_outside = self._depth <= 1 and not self._is_text
        if self._is_over:
            if piece.strip():
                self._fault(number, column, f"{shown(piece[:20])} after the array")
        elif self._depth == 0:
            if piece == "[":
                self._depth = 1
        elif is_outside and piece in (",", "]"):
            if self._parts or piece == "," or self._is_due:
                yield from self._closed(number, column)
            self._is_due = piece == ","
            self._is_over = piece == "]"
        else:
            self._take(piece, number, column)

    def _closed(self, number: int, column: int) -> Iterator[tuple[int, str]]:
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        if text.strip():
            yield self._line, text
        else:
            self._fault(number, column, "a comma without an element")

    def _take(self, piece: str, number: int, column: int) -> None:
        if not self._parts:
            if not piece.strip():
                return
            self._line = number
            # Keeps the columns of its first line right.
            self._parts.append(" " * (column - 1))
        self._parts.append(piece)
        self._size += len(piece)
        if piece == '"':
            self._is_text = not self._is_text
        elif not self._is_text:
            self._depth += (piece in ("[", "{")) - (piece in ("]", "}"))

    def _fault(self, line: int, column: int, message: str) -> None:
        self.faults.add(Place(self.name, line, column), f"not valid JSON: {message}")
