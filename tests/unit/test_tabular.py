"""Rows of Parquet files and of SQLite: exact values, one pass, faults at their rows."""

from __future__ import annotations

import sqlite3
import tracemalloc
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.errors import ManifestError
from orchestrator.manifest import load_manifest, tabular
from orchestrator.manifest.faults import Faults

PRICE = Decimal("12.50")


def params(folder: Path, *keys: str) -> list[dict[str, Any]]:
    """The data of the documents of one entry."""
    lines = "\n".join(f"  {each}" for each in (*keys, "key: id", "design: d@1"))
    (folder / "m.yaml").write_text(f"version: 1\ndocuments:\n-\n{lines}\n")
    found = load_manifest(folder / "m.yaml").documents()
    return [dict(each.params) for each in found]


def faults(folder: Path, *keys: str) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ManifestError) as wrong:
        params(folder, *keys)
    return [str(each).replace(f"{folder}/", "") for each in wrong.value.faults]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A database with two sales."""
    with sqlite3.connect(tmp_path / "shop.db") as found:
        found.execute("CREATE TABLE sale(id INTEGER, who TEXT, price TEXT, rate REAL)")
        rows = [(1, "Ada", "12.50", 0.19), (2, None, "0.10", 0.07)]
        found.executemany("INSERT INTO sale VALUES(?, ?, ?, ?)", rows)
    found.close()
    return tmp_path


def test_a_query_gives_rows(shop: Path) -> None:
    """NULL is no value; the rest is as it was stored."""
    query = "query: SELECT id, who, price FROM sale ORDER BY id"
    assert params(shop, "rows: shop.db", query) == [
        {"id": 1, "who": "Ada", "price": "12.50"},
        {"id": 2, "price": "0.10"},
    ]


def test_a_float_is_refused_once(shop: Path) -> None:
    """With advice; a column that no mapping uses does not matter less."""
    assert faults(shop, "rows: shop.db", "query: SELECT id, rate FROM sale") == [
        (
            "shop.db:1:1: rate is a float, which is not exact "
            "(as in CAST(rate AS TEXT), or printf('%.2f', rate))"
        )
    ]
    cast = "query: SELECT id, printf('%.2f', rate) AS rate FROM sale"
    assert [each["rate"] for each in params(shop, "rows: shop.db", cast)] == [
        "0.19",
        "0.07",
    ]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        (["rows: shop.db"], "m.yaml:4:9: “shop.db” needs a query"),
        (["rows: shop.db", "query: SELECT"], "the query fails: incomplete input"),
        (["rows: shop.db", "query: SELECT x FROM sale"], "no such column: x"),
        (["rows: shop.db", "query: DELETE FROM sale"], "readonly database"),
        (["rows: shop.db", "query: PRAGMA user_version=1"], "readonly database"),
        (["rows: shop.db", "query: SELECT 1 AS id, 2 AS id"], "“id” twice: use AS"),
        (["rows: shop.db", "query: SELECT 1 AS id WHERE 0"], "holds no rows"),
        (["rows: shop.db", "query: SELECT 1 AS id, x'00' AS b"], "b holds bytes"),
        (["rows: m.db", "query: SELECT 1"], "“m.db” is not there"),
        (["rows: m.yaml", "query: SELECT 1"], "takes no query; .sqlite, .sqlite3"),
        (["rows: '${env:SHOP}'"], "${env:SHOP} needs a query"),
        (["rows: '${env:SHOP}'", "query: SELECT 1"], "without an environment"),
        (["rows: '${SHOP}'", "query: SELECT 1"], "a reference to a connection"),
    ],
)
def test_a_wrong_query_is_a_fault(shop: Path, keys: list[str], fault: str) -> None:
    """At the entry; and nothing is ever written."""
    (found, *rest) = faults(shop, *keys)
    assert fault in found
    assert not rest
    with sqlite3.connect(shop / "shop.db") as database:
        assert database.execute("SELECT count(*) FROM sale").fetchone() == (2,)
    database.close()


def test_a_query_is_grouped_and_mapped(shop: Path) -> None:
    """As any other rows; the place tells the number of the row."""
    sql = "SELECT 'A' AS id, 'x' AS name UNION ALL SELECT 'A', 'y'"
    keys = ("rows: shop.db", f"query: {sql}", "group: id")
    (one,) = params(shop, *keys, "map: {'lines[].name': name}")
    assert one == {"lines": [{"name": "x"}, {"name": "y"}]}
    number = "map: {'lines[].n': {column: name, number: '1.5'}}"
    assert "must be 1234.50" in faults(shop, *keys, number)[0]
    number = "map: {'lines[].n': {column: name, number: '1234.50'}}"
    assert [each[:12] for each in faults(shop, *keys, number)] == [
        "shop.db:1:1:",
        "shop.db:2:1:",
    ]


def write(folder: Path, **columns: Any) -> None:
    """A Parquet file with small row groups."""
    pq.write_table(pa.table(columns), folder / "r.parquet", row_group_size=100)


def test_a_parquet_file_gives_rows(tmp_path: Path) -> None:
    """Decimals, dates, lists and structures as they are."""
    write(
        tmp_path,
        id=[1, 2],
        price=pa.array([PRICE, None], pa.decimal128(10, 2)),
        day=[date(2026, 3, 5), None],
        at=[datetime(2026, 3, 5), datetime(2026, 3, 5, 7)],  # noqa: DTZ001  # as stored
        lines=[[{"name": "x", "n": PRICE}], []],
    )
    one, two = params(tmp_path, "rows: r.parquet")
    assert one == {
        "id": 1,
        "price": PRICE,
        "day": "2026-03-05",
        "at": "2026-03-05",
        "lines": [{"name": "x", "n": PRICE}],
    }
    assert str(one["price"]) == "12.50"
    assert two == {"id": 2, "at": "2026-03-05T07:00:00", "lines": []}


def test_a_float_in_a_parquet_file_is_refused(tmp_path: Path) -> None:
    """Wherever it hides, at the first row that has it."""
    write(tmp_path, id=[1, 2, 3], deep=[{"x": None}, {"x": 0.5}, {"x": 0.25}])
    assert faults(tmp_path, "rows: r.parquet") == [
        (
            "r.parquet:2:1: deep.x is a float, which is not exact "
            "(cast it to decimal, or to text, where the file is written)"
        )
    ]


def test_what_is_no_parquet_file_is_told(tmp_path: Path) -> None:
    """With what the library says."""
    (tmp_path / "r.parquet").write_text("no")
    assert "“r.parquet”: cannot be read" in faults(tmp_path, "rows: r.parquet")[0]


COUNTING = """
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT {})
SELECT x FROM n
"""


@pytest.mark.parametrize("kind", ["parquet", "sqlite"])
def test_rows_come_in_pages(tmp_path: Path, kind: str) -> None:
    """Ten times the rows, the same memory."""
    peaks = []
    for count in (4_000, 40_000):
        if kind == "parquet":
            write(tmp_path, id=list(range(count)))
            rows = tabular.parquet_rows(tmp_path / "r.parquet", "r", Faults())
        else:
            sqlite3.connect(tmp_path / "r.db").close()
            sql = COUNTING.format(count)
            rows = tabular.sqlite_rows(tmp_path / "r.db", sql, "r", Faults())
        tracemalloc.start()
        assert sum(1 for _ in rows) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000
