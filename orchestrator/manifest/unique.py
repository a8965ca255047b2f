"""Finds ids and outputs that are not unique, in a million documents, in flat memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from unicodedata import normalize

from orchestrator.errors import Place

_PAGE = 2_000
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8000;
CREATE TABLE claim (hash INTEGER, role TEXT, file INTEGER, line INTEGER,
                    place INTEGER, text TEXT);
"""
_CANDIDATES = """
SELECT role, file, line, place, text FROM claim
WHERE hash IN (
    SELECT hash FROM claim GROUP BY hash
    HAVING count(*) > 1 AND (min(role) <> 'input' OR max(role) <> 'input'))
ORDER BY hash, rowid
"""


@dataclass(frozen=True, slots=True)
class Clash:
    """Two claims to one name; ``place`` is the one to be changed."""

    role: str
    text: str
    place: Place
    other_role: str
    other_text: str
    other: Place


class _Claim(NamedTuple):
    role: str
    text: str
    place: Place


def folded(text: str) -> str:
    """One form for all names that a file system may hold to be the same."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


class Names:
    """Every id, output and input of a batch, kept in a temporary file.

    Roles are ``id``, ``input`` and ``output``. Two inputs may be the same file; any
    other two equal names clash.
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.executescript(_SCHEMA)
        self._files: dict[str, int] = {}
        self._page: list[tuple[int, str, int, int, int, str]] = []

    def claim(
        self, place: Place, name: str, output: str | None, inputs: Iterable[str]
    ) -> None:
        """Note the names of one document."""
        file = self._files.setdefault(place.file, len(self._files))
        line, column, page = place.line, place.column, self._page
        page.append((hash(("id", name)), "id", file, line, column, name))
        if output is not None:
            page.append((_of_path(output), "output", file, line, column, output))
        for path in inputs:
            page.append((_of_path(path), "input", file, line, column, path))
        if len(page) >= _PAGE:
            self._write()

    def clashes(self) -> Iterator[Clash]:
        """All clashes, each against the first that had the name."""
        self._write()
        files = list(self._files)
        first: dict[tuple[str, str], _Claim] = {}
        for role, file, line, column, text in self._base.execute(_CANDIDATES):
            key = ("id", text) if role == "id" else ("path", folded(text))
            claim = _Claim(role, text, Place(files[file], line, column))
            known = first.get(key)
            if known is None:
                if len(first) > 64:  # equal names come together: older ones are done
                    first.clear()
                first[key] = claim
            elif role != "input":
                yield _clash(claim, known)
            elif known.role == "output":
                yield _clash(known, claim)
                first[key] = claim

    def close(self) -> None:
        """Let the temporary file go."""
        self._base.close()

    def _write(self) -> None:
        if self._page:
            self._base.execute("BEGIN")
            self._base.executemany(
                "INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?)", self._page
            )
            self._base.execute("COMMIT")
            self._page.clear()


def _of_path(path: str) -> int:
    return hash(("path", folded(path)))


def _clash(one: _Claim, two: _Claim) -> Clash:
    return Clash(one.role, one.text, one.place, two.role, two.text, two.place)
