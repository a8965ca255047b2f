"""Entries that stand on a line each, read without the parser; performs no I/O.

Theory of operation
-------------------
A large manifest is nearly always written by a program, an entry a line, and a third of
the time of its plan went to the parser's events and to composing them. So the parser
gets an empty line in the place of each line that surely is an entry: it goes on to
count lines, and places, anchors and faults of all other lines are what they were.

Sure is a line ``- {key: word, …}`` where entries begin, with words that mean in YAML
what they say. That entries begin there, and not the middle of a text, is told by the
parser alone: an entry that it gave stands on such a line, and so does everything that
it was given since. What follows is sure for as long as every line is of that form. The
last line of each piece is left to the parser, which gives an event for it: so entries
keep their order, and what was taken out is never more than two pieces.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from orchestrator.manifest.compose import Mark, Marks
from orchestrator.manifest.scalars import resolve

LITTLE = 1 << 11
"""Characters that the parser is given at a time, while nothing is sure."""
_WORD = r"[\w./][\w./@+=-]*(?: [\w./@+=-]+)*+"
_PAIR = rf"[A-Za-z_]++: {_WORD}"
_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""What YAML takes for the end of a line, and we do not count."""
_NEVER = 1 << 62


class Pieces(Protocol):
    """Text that is read piece by piece."""

    def read(self, size: int = -1, /) -> str:
        """The next piece; empty at the end."""
        ...


class Spot(NamedTuple):
    """A place of our own counting; both from 0."""

    line: int
    column: int


class Line(Marks):
    """An entry on one line: where its parts stand is told when somebody asks."""

    __slots__ = ("_text",)

    def __init__(self, line: int, column: int, text: str) -> None:
        # Keys and values are left out: see below.
        self.start = Spot(line, column)
        self._text = text

    def __getattr__(self, name: str) -> Any:
        if name not in ("keys", "values"):
            raise AttributeError(name)
        self.keys, self.values = {}, {}
        for key, at, _, spot in self.pairs():
            if key not in self.keys:
                self.keys[key], self.values[key] = at, spot
        return getattr(self, name)

    def pairs(self) -> Iterator[tuple[str, Spot, str, Spot]]:
        """Keys and words with their places, also keys that are here twice."""
        line, column = self.start.line, self.start.column + 1
        for pair in self._text.split(", "):
            key, _, word = pair.partition(": ")
            behind = column + len(key) + 2
            yield key, Spot(line, column), word, Spot(line, behind)
            column += len(pair) + 2


class Lines:
    """Hands a text on to the parser, without the lines that are surely entries."""

    def __init__(self, text: Pieces, twice: Callable[[str, Mark, Mark], None]) -> None:
        """Describe it.

        Args:
            text: What is read.
            twice: Told a key that an entry has twice, and where it was before.
        """
        self._text = text
        self._twice = twice
        self._rest = ""
        self._fed = ""
        self._line = 0
        """The line that the rest starts with."""
        self._column = 0
        self._not_before = 0
        self.is_sure = False
        self.taken: deque[tuple[int, int, str]] = deque()
        """What was taken out: first line, column of the braces, text."""

    def read(self, size: int = -1) -> str:  # noqa: ARG002  # the parser takes any length
        """The next piece for the parser; empty at the end."""
        if self.is_sure and (piece := self._without_entries()):
            return piece
        self.is_sure = False
        end = self._rest.find("\n", LITTLE) + 1
        if not end:
            self._rest += self._more()
            end = self._rest.find("\n", LITTLE) + 1 or len(self._rest)
        self._fed, self._rest = self._rest[:end], self._rest[end:]
        self._line += self._fed.count("\n")
        return self._fed

    def begins(self, line: int, column: int) -> None:
        """Hear where the parser met an entry of the list that is a ``{…}``."""
        first = self._line - self._fed.count("\n")
        if line < max(first, self._not_before) or column < 2:
            return
        at = 0
        for _ in range(line - first):
            at = self._fed.index("\n", at) + 1
        end = _end_of_entries(self._fed, at, column)
        if end == len(self._fed) and end > at:
            self.is_sure, self._column = True, column
        else:
            self._not_before = line + self._fed.count("\n", at, end) + 1

    def before(self, line: float) -> Iterator[tuple[dict[str, Any], Line]]:
        """Entries that were taken out above a line."""
        taken = self.taken
        while taken and taken[0][0] < line:
            number, column, text = taken.popleft()
            for each in text.splitlines():
                body = each[column + 1 : -1]
                pairs = [pair.split(": ", 1) for pair in body.split(", ")]
                value = {key: resolve(word) for key, word in pairs}
                entry = Line(number, column, body)
                if len(value) < len(pairs):
                    value = self._without_second(entry)
                yield value, entry
                number += 1

    def _without_second(self, entry: Line) -> dict[str, Any]:
        """The value of an entry in which the first of each key counts."""
        value: dict[str, Any] = {}
        for key, at, word, _ in entry.pairs():
            if key in value:
                self._twice(key, at, entry.keys[key])
            else:
                value[key] = resolve(word)
        return value

    def _without_entries(self) -> str:
        """Empty lines for entries, and the last of them as it is; or nothing."""
        if "\n" not in self._rest:
            self._rest += self._more()
        rest = self._rest
        end = _end_of_entries(rest, 0, self._column)
        last = rest.rfind("\n", 0, max(end - 1, 0)) + 1
        if not last:
            return ""
        count = rest.count("\n", 0, last)
        self.taken.append((self._line, self._column, rest[:last]))
        self._line += count + 1
        self._fed, self._rest = rest[last:end], rest[end:]
        return "\n" * count + self._fed

    def _more(self) -> str:
        """The next piece of the text."""
        text = self._text.read()
        if text.endswith("\r"):
            text += self._text.read()
        if not (text.isascii() and "\r" not in text) and _BREAKS.search(text):
            self._not_before = _NEVER
            self.is_sure = False
        return text


def _end_of_entries(text: str, start: int, column: int) -> int:
    """Where the lines end that surely are entries, each with its brace in a column."""
    found = _of_entries(column).match(text, start)
    return start if found is None else found.end()


@lru_cache(maxsize=64)
def _of_entries(column: int) -> re.Pattern[str]:
    entry = rf"\{{(?:{_PAIR}, )*+{_PAIR}\}}"
    return re.compile(f"(?:{' ' * (column - 2)}- {entry}\r?\n)*+")
