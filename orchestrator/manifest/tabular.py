"""Rows that come typed: Parquet files, and queries of SQLite and PostgreSQL.

All are read in pages, so that memory does not grow with them. A float is refused, since
it is not what was stored: whoever casts it decides about its digits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.errors import Place
from orchestrator.manifest.faults import Faults, shown
from orchestrator.manifest.row import Row
from orchestrator.manifest.seen import Seen
from orchestrator.settings import Secret

PAGE = 1_000
PARQUET = (".parquet",)
SQLITE = (".sqlite", ".sqlite3", ".db")
_CAST = {
    PARQUET: "cast it to decimal, or to text, where the file is written",
    SQLITE: "as in CAST({} AS TEXT), or printf('%.2f', {})",
    (): "as in CAST({} AS numeric(15, 2))",
}


class Unreadable(Exception):
    """A source of rows cannot be read; the message holds no secret."""


@dataclass(slots=True)
class _Cells:
    """Turns what a driver gives into what a manifest may hold."""

    faults: Faults
    name: str
    advice: str
    _told: set[str] = field(default_factory=set)

    def rows(self, columns: list[str], found: Iterable[Iterable[Any]]) -> Iterator[Row]:
        for n, values in enumerate(found, 1):
            place = Place(self.name, n, 1)
            cells = zip(columns, values, strict=True)
            row = {x: self._plain(value, x, place) for x, value in cells}
            given = {x: value for x, value in row.items() if value is not None}
            yield Row(given, columns, place)

    def _plain(self, value: Any, column: str, place: Place) -> Any:
        is_finite = isinstance(value, Decimal) and value.is_finite()
        if value is None or is_finite or isinstance(value, str | bool | int):
            return value
        if isinstance(value, datetime):
            is_day = value.time() == time() and value.tzinfo is None
            return value.date().isoformat() if is_day else value.isoformat()
        if isinstance(value, date | time | UUID):
            return str(value)
        if isinstance(value, Mapping):
            return {
                str(key): self._plain(each, f"{column}.{key}", place)
                for key, each in value.items()
                if each is not None
            }
        if isinstance(value, list | tuple):
            return [self._plain(each, column, place) for each in value]
        return self._refused(value, column, place)

    def _refused(self, value: Any, column: str, place: Place) -> None:
        """Told once a column: the next million rows have the same."""
        if column in self._told:
            return
        self._told.add(column)
        if isinstance(value, float):
            message = f"{column} is a float, which is not exact"
            self.faults.add(place, message, self.advice.replace("{}", column))
            return
        message = f"{column} holds {type(value).__name__}, which is no value here"
        found = shown(value) if isinstance(value, Decimal) else ""
        self.faults.add(place, message, found)


def _cells(faults: Faults, name: str, kind: tuple[str, ...]) -> _Cells:
    return _Cells(faults, name, _CAST[kind])


def parquet_rows(
    path: Path, name: str, faults: Faults, seen: Seen | None = None
) -> Iterator[Row]:
    """Rows of a Parquet file; a place's line is the number of the row.

    Raises:
        Unreadable: it is no Parquet file, or the extra ``parquet`` is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        message = "needs an extra: pip install 'document-orchestrator[parquet]'"
        raise Unreadable(message) from None
    try:
        watching = nullcontext() if seen is None else seen.watching(path)
        with watching, pq.ParquetFile(path) as file:
            columns = list(file.schema_arrow.names)
            pages = (page.to_pylist() for page in file.iter_batches(PAGE))
            values = (list(row.values()) for page in pages for row in page)
            yield from _cells(faults, name, PARQUET).rows(columns, values)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"cannot be read: {error}") from None


def sqlite_rows(path: Path, query: str, name: str, faults: Faults) -> Iterator[Row]:
    """Rows of a query of an SQLite database, which is opened read-only.

    Raises:
        Unreadable: the database or the query has a fault.
    """
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        with closing(sqlite3.connect(f"file:{quoted}?mode=ro", uri=True)) as database:
            cursor = database.execute(query)
            if cursor.description is None:
                raise Unreadable(_NO_ROWS)
            columns = _unique([each[0] for each in cursor.description])
            cursor.arraysize = PAGE
            yield from _cells(faults, name, SQLITE).rows(columns, cursor)
    except sqlite3.Error as error:
        raise Unreadable(f"the query fails: {error}") from None


def postgres_rows(
    secret: Secret, query: str, name: str, faults: Faults
) -> Iterator[Row]:
    """Rows of a query of PostgreSQL, in one read-only transaction.

    Args:
        secret: A connection string or a URL, as libpq takes it.
        query: What a cursor can be declared for: SELECT, WITH, VALUES.
        name: What places and messages call it.
        faults: Where faults go.

    Raises:
        Unreadable: nobody answers, or the query has a fault.
    """
    try:
        import psycopg  # noqa: PLC0415  # an extra
    except ImportError:
        message = "needs an extra: pip install 'document-orchestrator[postgres]'"
        raise Unreadable(message) from None
    try:
        connection = psycopg.connect(secret.reveal(), connect_timeout=15)
    except psycopg.Error as error:
        raise Unreadable(_hidden(str(error), secret)) from None
    with closing(connection):
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            with connection.cursor("orchestrator_rows") as cursor:
                cursor.itersize = PAGE
                cursor.execute(query.encode())
                columns = _unique([each.name for each in cursor.description or ()])
                yield from _cells(faults, name, ()).rows(columns, cursor)
        except psycopg.Error as error:
            why = str(error).partition("\n")[0]
            raise Unreadable(f"the query fails: {why}") from None


_NO_ROWS = "the query gives no rows: write a SELECT"


def _unique(columns: list[str]) -> list[str]:
    twice = sorted({each for each in columns if columns.count(each) > 1})
    if twice:
        raise Unreadable(f"the query has the column {shown(twice[0])} twice: use AS")
    return columns


def _hidden(message: str, secret: Secret) -> str:
    """What a driver says, unless it could repeat a part of the connection string."""
    line = " ".join(message.split())
    # Faults of the string itself quote from it; all others start with this word.
    if not line.startswith("connection ") or _password(secret.reveal()) in line:
        return "no connection: the connection string is wrong, or nobody answers"
    return f"no connection: {line}"


def _password(text: str) -> str:
    from psycopg import ProgrammingError  # noqa: PLC0415  # an extra
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        return str(conninfo_to_dict(text).get("password") or text)
    except ProgrammingError:
        return ""  # every line holds it
