"""What spares the validation of a manifest, and what does not."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.batch import RunOptions, load_manifest
from orchestrator.batch.api import opened
from orchestrator.batch.folder import folder_of
from orchestrator.batch.planning import plan_of
from orchestrator.batch.prepare import prepared
from orchestrator.errors import ManifestError
from orchestrator.ledger.kept import Kept
from orchestrator.plan.batch import Plan

MANIFEST = """\
version: 1
designs: designs
providers:
  other: {type: local, url: "http://h", key: "${env:KEY}"}
documents:
  - {id: one, input: one.txt, to: pdf, provider: other}
  - {glob: "scans/*.png", to: pdf}
  - {rows: rows.csv, id: "{name}", input: "{file}", to: pdf}
  - {rows: rows.jsonl, id: "{name}", input: one.txt, to: pdf, mode: async}
  - {rows: rows.yaml, id: "{name}", input: one.txt, to: pdf}
"""
ENVIRONMENT = {"KEY": "secret"}
Change = Callable[[Path], object]


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A manifest of every kind of entry, and its files."""
    for folder in ("scans", "designs", "in"):
        (tmp_path / folder).mkdir()
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "in/two.txt").write_text("two")
    (tmp_path / "scans/a.png").write_text("a")
    (tmp_path / "rows.csv").write_text("name,file\ncsv,in/two.txt\n")
    (tmp_path / "rows.jsonl").write_text('{"name": "jsonl"}\n')
    (tmp_path / "rows.yaml").write_text("- {name: yaml}\n")
    path = tmp_path / "many.yaml"
    path.write_text(MANIFEST)
    return path


def merged(path: Path, options: RunOptions | None = None) -> bool:
    """Open a batch as a run does; whether its validation was spared."""
    manifest = load_manifest(path, environment=ENVIRONMENT)
    with opened(manifest, options=options) as (found, _):
        return type(found.stage) is Kept


def planned(path: Path) -> tuple[bool, Plan]:
    """Plan a batch; whether its validation was spared, and the plan."""
    manifest = load_manifest(path, environment=ENVIRONMENT)
    with prepared(manifest, folder_of(path, None)) as found:
        return type(found.stage) is Kept, plan_of(found)


def execute(path: Path, statement: str) -> None:
    """Change the ledger."""
    with closing(sqlite3.connect(folder_of(path, None).ledger)) as ledger, ledger:
        ledger.execute(statement)


def test_what_has_not_changed_is_not_read_again(batch: Path) -> None:
    """The second run and every later plan take what the ledger has."""
    assert not planned(batch)[0]
    assert not merged(batch)
    assert merged(batch)
    assert merged(batch)
    assert planned(batch)[0]


def test_a_spared_plan_says_what_a_read_one_says(batch: Path) -> None:
    """Also when documents have ended; only the numbers of the ledger count."""
    merged(batch)
    execute(batch, "UPDATE document SET state = 'done' WHERE id IN ('one', 'csv')")
    execute(batch, "UPDATE document SET state = 'failed' WHERE id = 'a'")
    is_spared, spared = planned(batch)
    execute(batch, "DELETE FROM meta WHERE key = 'valid'")
    is_read, read = planned(batch)
    assert (is_spared, is_read) == (True, False)
    assert replace(spared, room=None) == replace(read, room=None)
    assert (read.documents, read.todo) == (5, 2)


def test_a_spared_run_knows_what_a_read_one_knows(batch: Path) -> None:
    """Kinds of work with their places, shares, documents, words."""
    found: list[Mapping[str, Any]] = []
    for _ in range(2):
        manifest = load_manifest(batch, environment=ENVIRONMENT)
        with opened(manifest) as (each, _):
            found.append(
                {
                    "wishes": each.wishes,
                    "shares": each.shares,
                    "used": sorted(manifest.used),
                    "documents": [
                        (document, state)
                        for document, state, _ in each.stage.documents()
                    ],
                    "unknown": each.stage.unknown(["one", "none"]),
                    "unsent": each.stage.unsent(),
                    "again": each.again,
                    "doubts": each.words.doubts,
                }
            )
    assert found[0] == found[1]


CHANGES: dict[str, Change] = {
    "manifest": lambda at: (at / "many.yaml").write_text(MANIFEST + "# more\n"),
    "time of the manifest": lambda at: os.utime(at / "many.yaml", ns=(1, 1)),
    "input": lambda at: (at / "one.txt").write_text("1"),
    "time of an input": lambda at: os.utime(at / "in/two.txt", ns=(1, 1)),
    "input in disguise": lambda at: _disguised(at / "one.txt", "two"),
    "file of a pattern": lambda at: (at / "scans/b.png").write_text("b"),
    "csv": lambda at: (at / "rows.csv").write_text("name,file\ncsv,one.txt\n"),
    "csv in disguise": lambda at: _disguised(
        at / "rows.csv", "name,file\ncsx,in/two.txt\n"
    ),
    "jsonl": lambda at: (at / "rows.jsonl").write_text('{"name": "other"}\n'),
    "yaml rows": lambda at: (at / "rows.yaml").write_text("- {name: other}\n"),
    "designs": lambda at: (at / "designs/new").write_text("new"),
    "notes cut": lambda at: _cut(at / "many.batch/inputs.seen"),
    "notes gone": lambda at: (at / "many.batch/inputs.seen").unlink(),
    "notes of another merge": lambda at: execute(
        at / "many.yaml",
        "UPDATE meta SET value = json_set(value, '$.token', 'x') WHERE key = 'valid'",
    ),
    "another user or program": lambda at: execute(
        at / "many.yaml",
        "UPDATE meta SET value = json_set(value, '$.circumstances', 'x') "
        "WHERE key = 'valid'",
    ),
    "folder of outputs": lambda at: (at / "out").write_text("a file"),
}


def _disguised(path: Path, text: str) -> None:
    """Other bytes; size and time as before."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def _cut(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_is_read_again(batch: Path, what: str) -> None:
    """Nothing that a validation depends on can change unseen."""
    merged(batch)
    CHANGES[what](batch.parent)
    if what == "folder of outputs":
        with pytest.raises(ManifestError):
            merged(batch)
        return
    assert not merged(batch)
    assert merged(batch), "and after that it is known again"


def test_another_option_is_another_validation(batch: Path) -> None:
    """What may be replaced is part of each document."""
    merged(batch)
    assert not merged(batch, RunOptions(overwrite=True))
    assert not merged(batch)


def test_a_copy_of_the_folder_is_another_batch(batch: Path, tmp_path: Path) -> None:
    """Paths in its ledger lead to the files of the first one."""
    merged(batch)
    copy = tmp_path / "copy"
    copy.mkdir()
    for each in ("scans", "designs", "in", "one.txt", "many.batch"):
        (tmp_path / each).rename(copy / each)
    for rows in tmp_path.glob("rows.*"):
        rows.rename(copy / rows.name)
    batch.rename(copy / "many.yaml")
    assert not merged(copy / "many.yaml")


def test_what_a_database_says_is_always_read(batch: Path) -> None:
    """Nobody can tell whether it changed."""
    with closing(sqlite3.connect(batch.with_name("rows.db"))) as rows, rows:
        rows.execute("CREATE TABLE t(name TEXT)")
        rows.execute("INSERT INTO t VALUES('sql')")
    entry = "  - {rows: rows.db, query: SELECT name FROM t, id: '{name}', "
    batch.write_text(MANIFEST + entry + "input: one.txt, to: pdf}\n")
    merged(batch)
    assert not merged(batch)


def test_numbers_of_a_series_are_always_looked_at(tmp_path: Path) -> None:
    """Others take from the store, and declare numbers void."""
    path = tmp_path / "numbered.yaml"
    path.write_text(
        "version: 1\nproviders: {other: {type: local, url: 'http://h'}}\n"
        "documents:\n  - {id: a, design: mine@1, provider: other, "
        "params: {issue_date: 2026-03-31}, "
        "number: {series: s, format: 'R-{year}-{n}'}}\n"
    )
    merged(path)
    assert not merged(path)


def test_documents_that_went_are_compared_each_time(batch: Path) -> None:
    """What becomes of them depends on their jobs."""
    merged(batch)
    execute(batch, "UPDATE document SET state = 'done' WHERE id = 'one'")
    batch.write_text(MANIFEST.replace("id: one", "id: other"))
    merged(batch)
    assert not merged(batch)


def test_a_key_that_went_is_a_fault_all_the_same(batch: Path) -> None:
    """The environment is no file."""
    merged(batch)
    with (
        pytest.raises(ManifestError, match="KEY"),
        opened(load_manifest(batch, environment={})),
    ):
        pass


def test_a_plan_leaves_nothing_behind(batch: Path) -> None:
    """It notes nothing, for it merges nothing."""
    planned(batch)
    assert not folder_of(batch, None).path.exists()
    merged(batch)
    before = (batch.parent / "many.batch/inputs.seen").read_bytes()
    (batch.parent / "one.txt").write_text("changed")
    planned(batch)
    assert (batch.parent / "many.batch/inputs.seen").read_bytes() == before


def test_an_input_is_noted_as_it_stood(batch: Path) -> None:
    """Path, size, two times and inode."""
    merged(batch)
    lines = (batch.parent / "many.batch/inputs.seen").read_text().splitlines()
    noted = dict(json.loads(lines[1]))
    found = (batch.parent / "one.txt").stat()
    expected = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    assert noted[str(batch.parent / "one.txt")] == expected
    assert lines[0] == lines[-1]
