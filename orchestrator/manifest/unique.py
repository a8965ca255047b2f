"""Finds ids and outputs that are not unique, in a million documents, in flat memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import normalize

from orchestrator.errors import Place

_PAGE = 2_000
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8000;
CREATE TABLE id (hash INTEGER, place INTEGER, text TEXT);
CREATE TABLE path (hash INTEGER, place INTEGER, text TEXT);
"""
_SAME = """
SELECT place, text FROM {table} WHERE hash IN (
    SELECT hash FROM {table} GROUP BY hash HAVING count(*) > 1 AND count(text) > 0)
ORDER BY hash, text IS NULL, rowid
"""
_COLUMN_BITS, _LINE_BITS = 14, 34
_LAST_COLUMN = (1 << _COLUMN_BITS) - 1


@dataclass(frozen=True, slots=True)
class Clash:
    """A name that another document has; ``other`` is where.

    ``kind`` is ``id`` or ``output``; ``other_text`` is ``None`` where the other one is
    an input.
    """

    kind: str
    text: str
    place: Place
    other_text: str | None
    other: Place


def folded(text: str) -> str:
    """One form for all paths that a file system may hold to be the same."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


class Names:
    """Every id, output and input of a batch, kept in a temporary file.

    Rows are small, for there are three of them to a document: a hash, a place in one
    number, and the text of an id or an output. Two inputs may be the same file.
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.executescript(_SCHEMA)
        self._base.execute("BEGIN")  # never ended: nobody else reads it
        self._files: dict[str, int] = {}
        self._noted: set[str] = set()
        self._ids: list[tuple[int, int, str]] = []
        self._paths: list[tuple[int, int, str | None]] = []

    def __del__(self) -> None:
        # A pass that nobody finishes leaves nothing open.
        self.close()

    def claim(
        self, place: Place, name: str, output: str | None, inputs: Iterable[str]
    ) -> None:
        """Note the names of one document."""
        where, paths = self._packed(place), self._paths
        self._ids.append((hash(name), where, name))
        if output is not None:
            paths.append((hash(folded(output)), where, output))
        for path in inputs:
            # Who takes an input first is all that counts.
            if path not in self._noted:
                self._noted.add(path)
                paths.append((hash(folded(path)), where, None))
        if len(paths) >= _PAGE or len(self._ids) >= _PAGE:
            self._write()

    def clashes(self) -> Iterator[Clash]:
        """All clashes, each against the first that had the name."""
        self._write()
        yield from self._same("id", "id")
        yield from self._same("path", "output")

    def close(self) -> None:
        """Let the temporary file go."""
        self._base.close()

    def _same(self, table: str, kind: str) -> Iterator[Clash]:
        """Rows with one hash come together, names first and inputs last."""
        fold = folded if kind == "output" else str
        first: dict[str, tuple[str, Place]] = {}
        hashed, told = None, False
        for packed, text in self._base.execute(_SAME.format(table=table)):
            place = self._unpacked(packed)
            if text is None:
                for output, at in () if told else list(first.values()):
                    yield Clash(kind, output, at, None, place)
                told = True
                continue
            key = fold(text)
            if hash(key) != hashed:
                first, hashed, told = {}, hash(key), False
            if key in first:
                yield Clash(kind, text, place, *first[key])
            else:
                first[key] = (text, place)

    def _packed(self, place: Place) -> int:
        """A place as one number; columns far to the right are cut."""
        file = self._files.get(place.file)
        if file is None:
            file = self._files[place.file] = len(self._files)
        column = min(place.column, _LAST_COLUMN)
        return ((file << _LINE_BITS | place.line) << _COLUMN_BITS) | column

    def _unpacked(self, packed: int) -> Place:
        line, column = divmod(packed, 1 << _COLUMN_BITS)
        file, line = divmod(line, 1 << _LINE_BITS)
        return Place(list(self._files)[file], line, column)

    def _write(self) -> None:
        for table, page in (("id", self._ids), ("path", self._paths)):
            insert = f"INSERT INTO {table} VALUES (?, ?, ?)"  # noqa: S608  # our own names
            self._base.executemany(insert, page)
            page.clear()
        if len(self._noted) > _PAGE:
            self._noted.clear()
