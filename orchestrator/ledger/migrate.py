"""Brings a ledger of an older version up to this one, in one transaction.

Steps only add: a run of the older program that still holds the batch goes on
undisturbed, since its statements name their columns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

from orchestrator.ledger import sums
from orchestrator.ledger.schema import VERSION

STEPS: Mapping[int, str] = {
    1: """
ALTER TABLE job ADD COLUMN reserved REAL NOT NULL DEFAULT 0;
""",
    2: sums.SUMS + sums.BEGIN,
}
"""Version -> the statements that lead from it to the next."""


def is_older(version: int) -> bool:
    """Whether a ledger of a version can be brought up to this one."""
    return 0 < version < VERSION


def migrate(connection: sqlite3.Connection) -> None:
    """Take every step that is missing; nothing is changed if one fails.

    Raises:
        sqlite3.Error: the ledger cannot be written, or is not what its version says.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have done it meanwhile.
        found = _version(connection)
        for version in range(found, VERSION):
            for statement in _statements(STEPS[version]):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={max(found, VERSION)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _statements(text: str) -> Iterator[str]:
    """One by one: what runs several at once would end the transaction first."""
    statement = ""
    for part in text.split(";"):
        statement += f"{part};"
        # A trigger has semicolons of its own.
        if statement.strip() != ";" and sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
