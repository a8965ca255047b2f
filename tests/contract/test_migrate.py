"""Ledgers of older versions: brought up to this one, whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from orchestrator.errors import MachineError
from orchestrator.ledger.opening import connect
from orchestrator.ledger.schema import VERSION

OLD = sorted((Path(__file__).parent / "ledgers").glob("*.sql"))
Columns = dict[str, list[tuple[object, ...]]]


def columns(path: Path) -> Columns:
    """Every table with its columns."""
    with sqlite3.connect(path) as db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: db.execute(f"SELECT * FROM pragma_table_info('{name}')").fetchall()
            for (name,) in names.fetchall()
        }


def old_ledger(path: Path, tables: Path) -> Path:
    """A ledger as an older version left it, with a job in it."""
    with sqlite3.connect(path) as db:
        db.executescript(tables.read_text(encoding="utf-8"))
        db.execute(
            "INSERT INTO job(id, account, mode, phase, created, progress, updated) "
            "VALUES('j', 'a', 'sync', 'submit', 1.0, '{}', 1.0)"
        )
    return path


def test_every_older_version_is_tested() -> None:
    """A step without a ledger to take it on is one that nobody has tried."""
    assert [int(each.stem) for each in OLD] == list(range(1, VERSION))


@pytest.mark.parametrize("tables", OLD, ids=lambda each: each.stem)
@pytest.mark.parametrize("readonly", [False, True])
def test_an_older_ledger_becomes_one_of_this_version(
    tables: Path, *, readonly: bool, tmp_path: Path
) -> None:
    """The same tables as a new one, with its rows; for readers as for writers."""
    path = old_ledger(tmp_path / "old.sqlite", tables)
    connect(path, readonly=readonly).close()
    connect(tmp_path / "new.sqlite").close()
    assert columns(path) == columns(tmp_path / "new.sqlite")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT id, reserved FROM job").fetchall() == [("j", 0.0)]


def test_what_cannot_be_migrated_is_left_as_it_was(tmp_path: Path) -> None:
    """One transaction: no half of a step."""
    path = old_ledger(tmp_path / "old.sqlite", OLD[0])
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE job ADD COLUMN reserved REAL")
    before = columns(path)
    with pytest.raises(MachineError, match="duplicate column"):
        connect(path)
    assert columns(path) == before
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
