"""Rows of a real PostgreSQL, where its server is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.errors import ManifestError
from orchestrator.manifest import load_manifest

PASSWORD = "pa:ss word'1"
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
INITDB = next((str(x / "initdb") for x in BINARIES), None) or shutil.which("initdb")
NOBODY = "nobody"

pytestmark = pytest.mark.skipif(INITDB is None, reason="PostgreSQL is not installed")


def _as_nobody() -> dict[str, Any]:
    """The server refuses to run as root."""
    if os.getuid():
        return {}
    user = pwd.getpwnam(NOBODY)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a socket of its own, with a password; its connection string."""
    assert INITDB is not None
    folder = Path("/tmp") / f"pg-{os.getpid()}"
    folder.mkdir()
    if not os.getuid():
        os.chown(folder, _as_nobody()["user"], -1)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    options = ["-D", str(folder / "data"), "-U", "shop", "-A", "scram-sha-256"]
    subprocess.run(
        [INITDB, *options, "--no-sync", f"--pwfile={folder / 'password'}"],
        check=True,
        capture_output=True,
        cwd=folder,
        **_as_nobody(),
    )
    postgres = str(Path(INITDB).resolve().with_name("postgres"))
    running = subprocess.Popen(
        [postgres, "-D", str(folder / "data"), "-k", str(folder), "-h", "", "-F"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        **_as_nobody(),
    )
    text = psycopg.conninfo.make_conninfo(
        host=str(folder), user="shop", dbname="postgres", password=PASSWORD
    )
    try:
        _fill(text)
        yield text
    finally:
        running.terminate()
        running.wait(timeout=20)
        shutil.rmtree(folder)


def _fill(text: str) -> None:
    for _ in range(100):
        try:
            connection = psycopg.connect(text, autocommit=True)
            break
        except psycopg.OperationalError:
            subprocess.run(["sleep", "0.1"], check=True)
    with connection:
        connection.execute("CREATE SEQUENCE counter")
        connection.execute(
            "CREATE TABLE sale(id int, who text, price numeric(12, 2), rate float8, "
            "day date, tags text[], more jsonb)"
        )
        connection.execute(
            "INSERT INTO sale SELECT n, 'Ada', n * 0.1, n * 0.1, "
            "date '2026-03-01' + n % 28, ARRAY['a', 'b'], '{\"x\": 1}' "
            "FROM generate_series(1, 5000) AS n"
        )


def params(folder: Path, text: str | None, query: str) -> list[Any]:
    """The data of the documents of a query."""
    (folder / "m.yaml").write_text(
        "version: 1\ndocuments:\n- rows: ${env:SHOP}\n  key: id\n  design: d@1\n"
        f"  query: >-\n    {query}\n"
    )
    environment = {} if text is None else {"SHOP": text}
    manifest = load_manifest(folder / "m.yaml", environment=environment)
    return [each.params for each in manifest.documents()]


def faults(folder: Path, text: str | None, query: str = "SELECT 1 AS id") -> str:
    """What is wrong with it; it never shows the password."""
    with pytest.raises(ManifestError) as wrong:
        params(folder, text, query)
    said = str(wrong.value)
    assert "ss word" not in said
    assert "hunter2" not in said
    return said


def test_rows_are_exact(tmp_path: Path, server: str) -> None:
    """Numeric stays as it is, dates are texts; thousands of rows come in pages."""
    query = "SELECT id, price, day, tags FROM sale ORDER BY id"
    found = params(tmp_path, server, query)
    assert len(found) == 5000
    assert found[2] == {
        "id": 3,
        "price": Decimal("0.30"),
        "day": "2026-03-04",
        "tags": ["a", "b"],
    }
    assert str(found[4999]["price"]) == "500.00"


def test_a_float_is_refused(tmp_path: Path, server: str) -> None:
    """Once, with the cast that mends it; the cast does."""
    said = faults(tmp_path, server, "SELECT id, rate FROM sale")
    assert said == (
        "${env:SHOP}:1:1: rate is a float, which is not exact "
        "(as in CAST(rate AS numeric(15, 2)))"
    )
    cast = "SELECT id, CAST(rate AS numeric(15, 2)) AS rate FROM sale WHERE id = 3"
    assert params(tmp_path, server, cast) == [{"id": 3, "rate": Decimal("0.30")}]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT nope FROM sale", 'the query fails: column "nope" does not exist'),
        ("DELETE FROM sale RETURNING id", "the query fails"),
        ("SELECT 1 AS id; DROP TABLE sale", "the query fails: cannot insert multiple"),
        ("SELECT 1 AS id, 2 AS id", "“id” twice: use AS"),
        ("SELECT nextval('counter') AS id", "read-only transaction"),
        ("SELECT 1 AS id, 'NaN'::numeric AS x", "x holds Decimal"),
    ],
)
def test_a_query_only_reads(
    tmp_path: Path, server: str, query: str, fault: str
) -> None:
    """Whatever else it tries is a fault."""
    assert fault in faults(tmp_path, server, query)


def test_a_wrong_connection_is_told_without_its_secret(
    tmp_path: Path, server: str
) -> None:
    """Wrong password, nobody there, no connection string at all, nothing said."""
    wrong = server.replace("pa:ss", "pb:ss")
    assert "password authentication failed" in faults(tmp_path, wrong)
    nobody = "host=/nowhere user=x password=hunter2"
    assert "${env:SHOP}”: no connection: " in faults(tmp_path, nobody)
    for text in ("hunter2", "postgresql://a:hunter2@h:port/x", "host=h hunter2"):
        assert "the connection string is wrong" in faults(tmp_path, text)
    assert "${env:SHOP} leads nowhere" in faults(tmp_path, None)
