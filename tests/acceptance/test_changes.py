"""What changed since the last run: manifests, inputs, ledgers of other versions.

The service runs apart, since only what is billed needs the user's leave.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.ledger.schema import VERSION
from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

OLD = Path(__file__).parents[1] / "contract" / "ledgers"


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[command.Service]:
    """One service for all: each test looks at what it adds to the bill."""
    data = tmp_path_factory.mktemp("apart") / "data"
    with command.service(data, "--no-deduplication") as started:
        yield started


def billed(apart: command.Service) -> int:
    """How many jobs were accepted so far."""
    return int(apart.get("/v1/bill")["accepted"])


def write(folder: Path, head: str, count: int = 4) -> Path:
    """A manifest of a few texts."""
    folder.mkdir(exist_ok=True)
    for n in range(count):
        (folder / f"{n}.txt").write_text(f"text {n}\n")
    entries = "".join(f"- {{id: d{n}, input: {n}.txt}}\n" for n in range(count))
    manifest = folder / "m.yaml"
    manifest.write_text(f"{head}documents:\n{entries}")
    return manifest


def test_what_is_paid_is_billed_again_only_with_leave(
    tmp_path: Path, apart: command.Service
) -> None:
    """New, gone and failed ones need none; done ones do; --refuse refuses all."""
    before = billed(apart)
    manifest = write(tmp_path, command.account(apart.url))
    bad = tmp_path / "3.docx"
    bad.write_bytes(b"PK\x03\x04 this is no office document")
    manifest.write_text(manifest.read_text().replace("3.txt", "3.docx"))
    first = command.run("run", manifest, "--json", folder=tmp_path)
    ended = command.objects(first.stdout)[-1]["states"]
    assert billed(apart) - before == 4
    # One is done and changed, one has failed and is edited, one went, one is new.
    (tmp_path / "1.txt").write_text("another text\n")
    bad.write_bytes(b"PK\x03\x04 nor is this")
    (tmp_path / "9.txt").write_text("new\n")
    manifest.write_text(manifest.read_text().replace("d2, input: 2", "d9, input: 9"))
    plan = command.run("plan", manifest, folder=tmp_path)
    assert "1 document changed and would be billed again" in plan.stdout
    assert "--adopt: d1" in plan.stdout
    refused = command.run("run", manifest, folder=tmp_path)
    assert refused.returncode == 1
    assert "'d1'" in refused.stderr
    assert "--adopt" in refused.stderr
    strict = command.run("run", manifest, "--adopt", "--refuse", folder=tmp_path)
    assert strict.returncode == 1
    assert "--refuse" in strict.stderr
    assert billed(apart) - before == 4, "nothing was sent"
    states = command.run("status", manifest, "--json", folder=tmp_path)
    assert command.objects(states.stdout)[0]["states"] == ended, (
        "the ledger is as it was"
    )
    done = command.run("run", manifest, "--adopt", "--json", folder=tmp_path)
    assert done.returncode == 3, done.stderr
    assert sorted(each["id"] for each in command.objects(done.stdout)[1:-1]) == [
        *("d1", "d3", "d9"),
    ]
    assert billed(apart) - before == 7
    again = command.run("run", manifest, "--refuse", folder=tmp_path)
    assert again.returncode == 1, "d2 is gone"


def test_open_documents_may_be_edited_freely(
    tmp_path: Path, apart: command.Service
) -> None:
    """Nothing was paid for them."""
    manifest = write(tmp_path, command.account(apart.url))
    command.run("run", manifest, "--only", "d0", folder=tmp_path)
    (tmp_path / "2.txt").write_text("edited before it was sent\n")
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert command.valid_pdfs(tmp_path / "out") == 4


def downgraded(ledger: Path) -> None:
    """Make a ledger as version 1 had it, with the rows that it holds."""
    old = ledger.with_name("old.sqlite")
    with sqlite3.connect(old) as db:
        db.executescript((OLD / "1.sql").read_text())
        db.execute("ATTACH ? AS now", (str(ledger),))
        tables = "SELECT name FROM main.sqlite_master WHERE type = 'table'"
        for (table,) in db.execute(tables).fetchall():
            info = db.execute("SELECT name FROM pragma_table_info(?, 'main')", (table,))
            names = ", ".join(name for (name,) in info)
            db.execute(f"INSERT INTO {table}({names}) SELECT {names} FROM now.{table}")
    db.close()
    for each in ledger.parent.glob("ledger.sqlite*"):
        each.unlink()
    old.rename(ledger)


def test_a_batch_of_an_older_version_goes_on(
    tmp_path: Path, apart: command.Service
) -> None:
    """Killed in the middle under the old layout: nothing is sent twice."""
    before = billed(apart)
    key = "key: '${env:TEST_KEY}'"
    head = command.account(apart.url).replace(key, f"{key}, limits: {{rate: 20}}")
    manifest = write(tmp_path, head, 24)
    run = command.start("run", manifest, folder=tmp_path)
    out = tmp_path / "out"
    command.wait_for(lambda: len(list(out.glob("*.pdf"))) >= 6)
    run.kill()
    run.wait(timeout=10)
    ledger = tmp_path / "m.batch" / "ledger.sqlite"
    with sqlite3.connect(ledger) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    downgraded(ledger)
    status = command.run("status", manifest, folder=tmp_path)
    assert status.returncode == 0, status.stderr
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert command.valid_pdfs(out) == 24
    assert billed(apart) - before == 24


def test_a_ledger_of_a_newer_version_is_refused(
    tmp_path: Path, apart: command.Service
) -> None:
    """By all commands, with both versions, and it stays as it is."""
    manifest = write(tmp_path, command.account(apart.url))
    command.run("run", manifest, "--only", "d0", folder=tmp_path)
    ledger = tmp_path / "m.batch" / "ledger.sqlite"
    with sqlite3.connect(ledger) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()
    for name in ("run", "plan", "status"):
        ended = command.run(name, manifest, folder=tmp_path)
        assert ended.returncode == 6, name
        assert f"version {VERSION + 1} found" in ended.stderr
    with sqlite3.connect(ledger) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    db.close()
