"""Data folders of the service that another version made, or that cannot be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import MachineError
from orchestrator.service.database import VERSION
from tests.integration.serving import running


async def folder(data: Path, change: str) -> None:
    """A data folder with a job in it, and its tables changed."""
    async with running(data) as service:
        await service.submit("1" * 32, b"text")
        await service.until("1" * 32, "done")
    with closing(sqlite3.connect(data / "service.sqlite")) as db:
        db.execute(change)
        db.commit()


async def starts(data: Path) -> str:
    """What a service says that cannot start."""
    with pytest.raises(MachineError) as caught:
        async with running(data):
            pass
    return str(caught.value)


async def test_a_folder_whose_tables_lack_a_column_is_refused(tmp_path: Path) -> None:
    """It says which, and what to do; nothing in it is changed."""
    await folder(tmp_path, "ALTER TABLE shelf DROP COLUMN is_removed")
    said = await starts(tmp_path)
    assert "service.sqlite: another version of the service made it" in said
    assert "table shelf lacks is_removed" in said
    assert "empty data folder" in said


async def test_a_newer_folder_is_refused(tmp_path: Path) -> None:
    """Even if its tables look the same."""
    await folder(tmp_path, f"PRAGMA user_version={VERSION + 1}")
    assert f"its version is {VERSION + 1}" in await starts(tmp_path)


async def test_a_folder_from_before_versions_goes_on(tmp_path: Path) -> None:
    """Its tables are ours: its jobs are still there."""
    await folder(tmp_path, "PRAGMA user_version=0")
    async with running(tmp_path) as service:
        assert (await service.job("1" * 32))["state"] == "done"


async def test_a_folder_that_is_damaged_is_refused(tmp_path: Path) -> None:
    """With its path, and no traceback."""
    await folder(tmp_path, "SELECT 1")
    (tmp_path / "service.sqlite").write_bytes(b"this is no database" * 100)
    for each in tmp_path.glob("service.sqlite-*"):
        each.unlink()
    assert f"cannot use {tmp_path / 'service.sqlite'}" in await starts(tmp_path)
