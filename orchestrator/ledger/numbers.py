"""The store of numbers: which document has which, across batches and processes.

One SQLite file. A number is written once and never taken away: void is a state. A
number belongs to a document of a batch and to its content, so that whoever asks again
gets the same one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger.opening import uri

APPLICATION = 0x4E756D62
VERSION = 1
PATIENCE = 60.0
"""Seconds to wait for others who write."""

_TABLES = """
CREATE TABLE number(
  number TEXT PRIMARY KEY, series TEXT NOT NULL, period TEXT NOT NULL,
  n INTEGER NOT NULL, batch TEXT NOT NULL, document TEXT NOT NULL,
  content TEXT NOT NULL, given INTEGER NOT NULL, state TEXT NOT NULL,
  reserved REAL NOT NULL, delivered REAL, voided REAL, reason TEXT,
  UNIQUE(series, period, n)
) WITHOUT ROWID;
CREATE UNIQUE INDEX number_document ON number(series, batch, document)
  WHERE state <> 'void';
"""
_COLUMNS = (
    "number, series, period, n, batch, document, given, state, reserved, delivered, "
    "voided, reason"
)
_SETTLE = """
UPDATE number SET state = 'delivered', delivered = ?
WHERE state = 'reserved' AND batch = ? AND EXISTS (
  SELECT 1 FROM ledger.document AS made, json_each(
    coalesce(made.spec->'$.original.params', made.spec->'$.params')) AS field
  WHERE made.id = number.document AND made.state IN ('done', 'missing')
    AND field.value = number.number)
"""


class Standing(StrEnum):
    """What became of a number."""

    RESERVED = "reserved"
    """A document has it, and no output is known of yet."""
    DELIVERED = "delivered"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A number and its document; times in seconds since the epoch."""

    number: str
    series: str
    period: str
    n: int
    batch: str
    document: str
    given: bool
    state: Standing
    reserved: float
    delivered: float | None
    voided: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of a series that nobody has; ``after`` is the number that follows them.

    It is explained where the data gave that number itself.
    """

    series: str
    period: str
    first: int
    last: int
    after: Numbered

    @property
    def is_explained(self) -> bool:
        """Whether it is known how it came."""
        return self.after.given


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open a store of numbers.

    Raises:
        MachineError: it cannot be opened, or is no store of numbers.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            uri(path, "rwc" if create else "rw"),
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=PATIENCE,
        )
        if create:
            _make(connection)
        _check(connection, path)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise MachineError(f"store of numbers {path}: {error}") from error
        raise
    return connection


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute("BEGIN IMMEDIATE")
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    if kind != APPLICATION:
        raise MachineError(f"{path} is no store of numbers; choose another file")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != VERSION:
        raise MachineError(
            f"store of numbers {path}: version {found} found, this program writes "
            f"{VERSION}; go on with a newer version of orchestrator"
        )


def tables(schema: str) -> str:
    """The statements that make the tables in an attached database."""
    made = _TABLES.replace("CREATE TABLE ", f"CREATE TABLE {schema}.")
    return made.replace("UNIQUE INDEX ", f"UNIQUE INDEX {schema}.")


def settle(path: Path, batch: str, ledger: Path, now: float) -> None:
    """Note which numbers were delivered, as the ledger of their batch knows it.

    Raises:
        MachineError: one of the two cannot be read or written.
    """
    if not ledger.exists() or not _is_store(path):
        return
    with closing(connect(path)) as store:
        try:
            store.execute("ATTACH ? AS ledger", (uri(ledger, "ro"),))
            store.execute(_SETTLE, (now, batch))
        except sqlite3.Error as error:
            raise MachineError(f"store of numbers {path}: {error}") from error


def _is_store(path: Path) -> bool:
    """Whether a file is a store of numbers; one that is not may be anybody's."""
    try:
        with closing(sqlite3.connect(uri(path, "rw"), uri=True)) as found:
            kind = found.execute("PRAGMA application_id").fetchone()[0]
    except sqlite3.Error:
        return False
    return bool(kind == APPLICATION)


@contextmanager
def numbers(path: Path) -> Iterator[NumberStore]:
    """A store of numbers that is there.

    Raises:
        UsageError: there is no such file.
        MachineError: it is no store of numbers.
    """
    if not path.is_file():
        raise UsageError(f"there is no store of numbers {path}")
    with closing(connect(path)) as connection:
        yield NumberStore(connection)


class NumberStore:
    """What people ask of a store of numbers, and the one thing that they change."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def every(self, series: str | None = None) -> Iterator[Numbered]:
        """All numbers in order of series, period and n."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM number WHERE ?1 IS NULL OR series = ?1 "  # noqa: S608  # our own names
            "ORDER BY series, period, n",
            (series,),
        )
        return (_numbered(row) for row in rows)

    def gaps(self) -> Iterator[Gap]:
        """Numbers between the first and the last of a period that nobody has."""
        before: Numbered | None = None
        for each in self.every():
            is_same = before is not None and (before.series, before.period) == (
                each.series,
                each.period,
            )
            if before is not None and is_same and each.n > before.n + 1:
                yield Gap(each.series, each.period, before.n + 1, each.n - 1, each)
            before = each

    def void(
        self, chosen: Sequence[str], reason: str, now: float, *, delivered: bool = False
    ) -> list[Numbered]:
        """Declare numbers void, all or none: they are not given again.

        Raises:
            UsageError: a number is not there or void already, or was delivered and
                that was not allowed.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            found = [self._voidable(each, delivered=delivered) for each in chosen]
            self._db.executemany(
                "UPDATE number SET state = 'void', voided = ?, reason = ? "
                "WHERE number = ?",
                [(now, reason, each.number) for each in found],
            )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return found

    def _voidable(self, number: str, *, delivered: bool) -> Numbered:
        query = f"SELECT {_COLUMNS} FROM number WHERE number = ?"  # noqa: S608  # our own names
        row = self._db.execute(query, (number,)).fetchone()
        if row is None:
            raise UsageError(f"no document has the number {number!r}")
        found = _numbered(row)
        if found.state is Standing.VOID:
            raise UsageError(f"{number} is void already: {found.reason}")
        if found.state is Standing.DELIVERED and not delivered:
            raise UsageError(
                f"{number} was delivered: what cancels it is a credit note; "
                "with --delivered it is declared void all the same"
            )
        return found


def _numbered(row: Sequence[object]) -> Numbered:
    values = list(row)
    values[6] = bool(values[6])
    values[7] = Standing(str(values[7]))
    return Numbered(*values)  # type: ignore[arg-type]  # as the columns are declared
