"""Rows into documents: mapped, grouped, converted; every fault at its row."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.errors import ManifestError
from orchestrator.manifest import Entry, load_manifest
from orchestrator.manifest.convert import FormError, Unfit, date_form, number_form
from orchestrator.manifest.faults import Faults
from orchestrator.manifest.json_rows import json_rows

SALES = """order;who;item;count;price
A1;Ada;Beans;2;1.234,50
A1;Ada;Filter;1.000;0,5
B2;Bob;Beans;1;-3,00
"""
MAP = """
  group: order
  map:
    buyer.name: who
    currency: {value: EUR}
    lines[].name: item
    lines[].quantity: {column: count, number: "1.234,50"}
    lines[].unit_price: {column: price, number: "1.234,50"}
"""


def entries(
    folder: Path, text: str | bytes, name: str = "s.csv", how: str = MAP
) -> list[Entry]:
    """The documents of a manifest with one entry of rows."""
    raw = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(raw)
    (folder / "m.yaml").write_text(
        f"version: 1\ndocuments:\n- rows: {name}\n  key: order\n  design: d@1\n{how}",
        encoding="utf-8",
    )
    manifest = load_manifest(folder / "m.yaml")
    found = list(manifest.entries())
    manifest.finish()
    return found


def params(folder: Path, *args: Any, **kwargs: Any) -> list[Any]:
    """Their data."""
    return [each.document.params for each in entries(folder, *args, **kwargs)]


def faults(folder: Path, *args: Any, **kwargs: Any) -> list[str]:
    """What is wrong with them, places without the folder."""
    with pytest.raises(ManifestError) as wrong:
        entries(folder, *args, **kwargs)
    return [str(each).replace(f"{folder}/", "") for each in wrong.value.faults]


def test_rows_of_a_group_are_one_document(tmp_path: Path) -> None:
    """What is said of the head once, and an item for each row."""
    one, two = params(tmp_path, SALES)
    assert one == {
        "buyer": {"name": "Ada"},
        "currency": "EUR",
        "lines": [
            {"name": "Beans", "quantity": 2, "unit_price": Decimal("1234.50")},
            {"name": "Filter", "quantity": 1000, "unit_price": Decimal("0.5")},
        ],
    }
    assert two["lines"] == [
        {"name": "Beans", "quantity": 1, "unit_price": Decimal("-3.00")}
    ]


def test_values_know_their_rows_and_columns(tmp_path: Path) -> None:
    """The second line of the first invoice is the third line of the file."""
    one, two = entries(tmp_path, SALES)
    assert one.at("params", "lines", 1, "unit_price").line == 3
    assert one.column("lines", 1, "unit_price") == "price"
    assert one.column("buyer", "name") == "who"
    assert one.column("currency") == ""
    assert (one.place.line, two.place.line) == (2, 4)


GERMAN = "order;Käufer;price\nA1;Müller;5 €\n"
NAMED = """
  map: {buyer.name: Käufer}
"""
WINDOWS = NAMED + "  encoding: windows-1252\n"


def test_a_table_may_be_written_as_windows_writes_it(tmp_path: Path) -> None:
    """Names of columns and cells come as they were typed."""
    found = params(tmp_path, GERMAN.encode("cp1252"), how=WINDOWS)
    assert found == [{"buyer": {"name": "Müller"}}]


@pytest.mark.parametrize(
    ("raw", "how", "fault"),
    [
        # Names of columns that cannot be read are not held against the mapping.
        (
            GERMAN.encode("cp1252"),
            NAMED,
            (
                "s.csv:1:8: the text is not UTF-8 here, or was damaged before (save "
                "the file as UTF-8, or say how it is written, as in encoding: "
                "windows-1252)"
            ),
        ),
        # Letters of UTF-8 are letters of Windows too, and all the wrong ones.
        (
            GERMAN.encode(),
            WINDOWS,
            "s.csv:1:1: the file is UTF-8, and not windows-1252 (leave encoding out)",
        ),
        (
            GERMAN.encode("cp1252") + b"B;\x81;1\n",
            WINDOWS,
            (
                "s.csv:3:3: the text is not windows-1252 here, or was damaged before "
                "(save the file as UTF-8)"
            ),
        ),
    ],
)
def test_another_encoding_is_one_fault(
    tmp_path: Path, raw: bytes, how: str, fault: str
) -> None:
    """Told once, with what may be said instead."""
    assert faults(tmp_path, raw, how=how) == [fault]


def test_only_tables_have_an_encoding(tmp_path: Path) -> None:
    """JSON is UTF-8."""
    how = WINDOWS.replace("Käufer", "k")
    (fault,) = faults(tmp_path, '{"order": "a", "k": "b"}\n', "s.jsonl", how)
    assert "encoding is for .csv, .tsv; “s.jsonl” has its own" in fault


def test_a_head_that_differs_is_a_fault(tmp_path: Path) -> None:
    """At the row that differs; an empty cell says nothing and is none."""
    assert faults(tmp_path, SALES.replace("A1;Ada;F", "A1;Eve;F")) == [
        (
            "s.csv:3:1: who is “Eve” here, and “Ada” in the row at s.csv:2:1 of the "
            "same group (rows of a group agree on it)"
        )
    ]
    assert len(params(tmp_path, SALES.replace("A1;Ada;F", "A1;;F"))) == 2


def test_all_faults_of_all_rows_come_at_once(tmp_path: Path) -> None:
    """Each at its row, with the name of its column."""
    text = SALES.replace("1.234,50", "1.23,4").replace("-3,00", "3.00")
    assert faults(tmp_path, text) == [
        "s.csv:2:1: price must be a number like 1.234,50, found “1.23,4”",
        "s.csv:4:1: price must be a number like 1.234,50, found “3.00”",
    ]


def test_a_group_that_comes_back_is_not_joined(tmp_path: Path) -> None:
    """Rows are read as a stream: whoever sorts them has one document."""
    (found,) = faults(tmp_path, SALES + "A1;Ada;Late;1;1\n")
    assert "s.csv:5:1: the id “A1” is taken; the other is at s.csv:2:1" in found


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ("  map: {a: [1]}\n", "map.a must be the name of a column, or a mapping"),
        ("  map: [a]\n", "map must be dotted, or targets and their columns"),
        (
            "  map: {a: {colum: who}}\n",
            "unknown key “colum”; allowed are column, value",
        ),
        ("  number: {series: K, fromat: x, format: '{n}'}\n", "did you mean format?"),
        ("  number: {series: K, format: '{n}'}\n", "needs {year}"),
        ("  number: {series: K, format: '{n}', period: day}\n", "one of year, month"),
        ("  map: {a: nope}\n", "there is no column “nope”; there are order, who"),
        ("  map: {a: whoo}\n", "(did you mean who?)"),
        ("  map: {a..b: who}\n", "“a..b” is no target"),
        ("  map: {a.: who}\n", "“a.” is no target"),
        ("  map: {'a[x]': who}\n", "is no target"),
        ("  map: {'a[].b[].c': who}\n", "has [] twice"),
        ("  map: {a: who, a.b: item}\n", "“a.b” is a part of “a”"),
        ("  map: {a: {column: who, value: 1}}\n", "needs either column or value"),
        ("  map: {a: {number: '1,5'}}\n", "needs either column or value"),
        ("  map: {a: {column: who, number: '12'}}\n", "must be 1234.50 with the marks"),
        ("  map: {a: {column: who, date: DD.MM}}\n", "must have YYYY, MM and DD"),
        (
            "  map: {a: {column: who, date: D.M.YYYY, words: {x: y}}}\n",
            "has date and words; one of them",
        ),
        ("  group: order\n", "group needs map"),
        ("  group: nope\n  map: {a: who}\n", "there is no column “nope”"),
        ("  query: SELECT 1\n  map: {a: who}\n", "takes no query"),
    ],
)
def test_a_wrong_mapping_is_a_fault_of_the_manifest(
    tmp_path: Path, how: str, fault: str
) -> None:
    """Found before the rows are, and told once."""
    found = faults(tmp_path, SALES.replace("A1;Ada;F", "C3;Ada;F"), how=how)
    assert len(found) == 1
    assert found[0].startswith("m.yaml:")
    assert fault in found[0]


def test_columns_may_be_named_by_their_targets(tmp_path: Path) -> None:
    """One row an invoice; items by number, what is empty is not there."""
    text = (
        "order,buyer.name,"
        "lines[0].name,lines[0].tax.rate,lines[1].name,lines[1].tax.rate\n"
        "A,Ada,Beans,7,Filter,19\nB,Bob,Beans,7,,\n"
    )
    one, two = params(tmp_path, text, how="  map: dotted\n")
    assert one["lines"] == [
        {"name": "Beans", "tax": {"rate": "7"}},
        {"name": "Filter", "tax": {"rate": "19"}},
    ]
    assert two == {
        "order": "B",
        "buyer": {"name": "Bob"},
        "lines": [{"name": "Beans", "tax": {"rate": "7"}}],
    }


def test_a_constant_stands_only_beside_a_value(tmp_path: Path) -> None:
    """A scheme without a number would be a fault; defaults fill empty cells."""
    how = """
  map:
    ids[0].scheme: {value: vat}
    ids[0].value: vat
    kind: {column: kind, words: {R: invoice, G: credit_note}, default: invoice}
"""
    one, two = params(tmp_path, "order,vat,kind\nA,DE1,G\nB,,\n", how=how)
    assert one == {"ids": [{"scheme": "vat", "value": "DE1"}], "kind": "credit_note"}
    assert two == {"kind": "invoice"}


@pytest.mark.parametrize("name", ["s.json", "s.jsonl", "s.yaml"])
def test_every_kind_of_rows_can_be_mapped(tmp_path: Path, name: str) -> None:
    """Columns go into mappings, and exact numbers stay so."""
    rows: list[Any] = [{"order": "A", "deep": {"price": 0}}, {"order": "B"}]
    text = "\n".join(map(json.dumps, rows))
    if name != "s.jsonl":
        text = json.dumps(rows)
    text = text.replace('"price": 0', '"price": 12.10')
    one, two = params(tmp_path, text, name, how="  map: {net: deep.price}\n")
    assert (one, two) == ({"net": Decimal("12.10")}, {})
    assert str(one["net"]) == "12.10"


NUMBERS = [
    "1.234,50",
    "1234,50",
    "1,234.50",
    "1234.50",
    "1'234.50",
    "1 234,50",
    "1.234",
]


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from(NUMBERS))
def test_numbers_come_back_as_they_were_written(number: Decimal, sample: str) -> None:
    """With the marks of the sample and without its group marks."""
    mark = sample[-3] if sample[-3] in ".," and sample != "1.234" else ""
    group = sample[1] if sample[1] != "2" else ""
    if not mark:
        number = number.to_integral_value()
    text = f"{number:,f}".replace(",", "g").replace(".", mark or "g")
    read = number_form(sample)
    for written in (text.replace("g", group), text.replace("g", "")):
        found = read(written)
        assert type(found) is Decimal
        assert found == number


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        ("1.234,50", "1.23"),
        ("1.234,50", "1234.567,8"),
        ("1,234.50", "27,80"),
        ("1234.50", "27,80"),
        ("1234.50", "1e3"),
        ("1234.50", "1,234.50"),
        ("1.234,50", "1,2,3"),
        ("1.234,50", ""),
        ("1.234,50", "--1"),
        ("1.234,50", "١٢"),
        ("1.234", "1,5"),
        ("1 234,50", "1.234,50"),
    ],
)
def test_what_could_mean_two_things_is_refused(sample: str, text: str) -> None:
    """27,80 never becomes 2780."""
    with pytest.raises(Unfit):
        number_form(sample)(text)


def test_marks_that_look_alike_are_alike() -> None:
    """Narrow and other spaces, both apostrophes, both signs; groups of India."""
    assert number_form("1 234,50")("\u221212\u202f345,6") == Decimal("-12345.6")
    assert number_form("1'234.50")("1’234’567.05") == Decimal("1234567.05")
    assert number_form("1,234.50")("12,34,567.5") == Decimal("1234567.5")
    assert number_form("1,234.50")("+7") == 7
    for wrong in ("", "1.234.50", "1,23,4.50", "2345", "1.234.567,50"):
        with pytest.raises(FormError):
            number_form(wrong)


@pytest.mark.parametrize(
    ("sample", "text", "day"),
    [
        ("DD.MM.YYYY", "02.03.2026", "2026-03-02"),
        ("D.M.YYYY", "2.3.2026", "2026-03-02"),
        ("MM/DD/YY", "03/02/26", "2026-03-02"),
        ("YYYYMMDD", "20260302", "2026-03-02"),
        ("YYYY年M月D日", "2026年3月2日", "2026-03-02"),
        ("DD.MM.YYYY", "31.02.2026", None),
        ("DD.MM.YYYY", "2.3.2026", None),
        ("DD.MM.YYYY", "2026-03-02", None),
    ],
)
def test_dates_are_read_by_their_form(sample: str, text: str, day: str | None) -> None:
    """And only by it."""
    read = date_form(sample)
    if day is not None:
        assert read(text) == day
        return
    with pytest.raises(Unfit, match="must be a date like"):
        read(text)


LETTERS = st.characters(max_codepoint=0x2FFF)

ARRAYS = [
    ('[{"a": 1}, {"a": "x]}[{,\\""}]', 2, []),
    ("[]", 0, []),
    ('\n [\n{"a":\n1.50}\n,\n{"b": [{"c": {}}]}]\n', 2, []),
    ('{"a": 1}\n{"a": 2}\n', 2, []),
    ('[{"a": 1}', 1 - 1, ["1:1: not valid JSON: the array does not end"]),
    ('[{"a": 1},]', 1, ["1:11: not valid JSON: a comma without an element"]),
    ('[{"a": 1}] x', 1, ["1:11: not valid JSON: “ x” after the array"]),
    ('[{"a": 1},\n  {"a" 2}]', 1, ["2:8: not valid JSON: expecting ':'"]),
    ('[{"a": 1}, 5, [1]]', 1, ["1:1: a row is an object, found 5"]),
    ('[{"a": NaN}]', 0, ["1:1: NaN is no number"]),
    ('[{"a": 1, "a": 2}]', 0, ["1:1: the key “a” is here twice"]),
]


@pytest.mark.parametrize(("text", "count", "wrong"), ARRAYS)
def test_an_array_is_read_element_by_element(
    text: str, count: int, wrong: list[str]
) -> None:
    """With every fault at its line and column."""
    found = Faults()
    lines = iter(enumerate(text.splitlines(keepends=True), 1))
    assert len(list(json_rows(lines, "r", found))) == count
    told = sorted(str(each) for each in found.kept)
    for each, start in zip(told, wrong, strict=False):
        assert each.startswith(f"r:{start}")
    assert bool(told) == bool(wrong)


VALUES = st.recursive(
    st.text(LETTERS, max_size=8) | st.integers() | st.booleans(),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text("ab"), x, max_size=3),
    max_leaves=4,
)


@given(
    st.lists(st.dictionaries(st.text(LETTERS, max_size=8), VALUES, max_size=3)),
    st.sampled_from([None, 1]),
)
@settings(max_examples=15, deadline=None)
def test_any_array_comes_back(rows: list[Any], indent: int | None) -> None:
    """However it is written."""
    text = json.dumps(rows, ensure_ascii=False, indent=indent)
    found = Faults()
    lines = iter(enumerate(text.split("\n"), 1))
    got = [each.values for each in json_rows(lines, "r", found)]
    assert (got, found.kept) == (rows, [])


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Ten times the groups, the same memory."""
    peaks, long = [], "Beans" * 40
    for count in (600, 3_000):
        rows = (f"{n // 100:06};Ada;{long};1;2,50\n" for n in range(count))
        (tmp_path / "s.csv").write_text(SALES[: SALES.index("A1")] + "".join(rows))
        (tmp_path / "m.yaml").write_text(
            f"version: 1\ndocuments:\n- rows: s.csv\n  key: order\n  design: d@1\n{MAP}"
        )
        manifest = load_manifest(tmp_path / "m.yaml")
        tracemalloc.start()
        assert sum(1 for _ in manifest.entries()) == count // 100
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        manifest.finish()
    assert peaks[1] < peaks[0] + 250_000
