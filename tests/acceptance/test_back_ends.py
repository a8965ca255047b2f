"""The same invoices on both back ends: only the account is another."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from orchestrator.cli import call
from tests import bills
from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

THEIRS = "0eGLPoUzbuBv5EEj"
DESIGN = f"""\
title: 請求書
id: {THEIRS}
standards: ["1.7"]
fonts: [Noto Sans, Noto Sans CJK JP]
parameters:
  type: object
  additionalProperties: false
  required: [請求書番号, 発行日, 合計金額, 明細]
  properties:
    請求書番号: {{type: string}}
    発行日: {{type: string}}
    請求先: {{type: string}}
    小計: {{type: number}}
    消費税: {{type: number}}
    合計金額: {{type: number}}
    備考: {{type: string}}
    明細:
      type: array
      items:
        type: object
        properties:
          No: {{type: number}}
          品目: {{type: string}}
          単価: {{type: number}}
          税率: {{type: string}}
          金額: {{type: number}}
"""
TEMPLATE = """\
#set text(font: ("Noto Sans", "Noto Sans CJK JP"))
#let data = json("data.json")
#for key in ("請求書番号", "発行日", "請求先", "小計", "消費税", "合計金額") [
  #key #data.at(key, default: "-") \\
]
#for row in data.明細 [ #row.No #row.品目 #row.単価 #row.税率 = #row.金額 \\ ]
"""
WORDING: dict[str, Any] = {
    "請求書番号": "number",
    "発行日": {"field": "issue_date", "as": "datetime_text"},
    "請求先": "buyer.name",
    "小計": {"field": "totals.net", "as": "number"},
    "消費税": {"field": "totals.tax", "as": "number"},
    "合計金額": {"field": "totals.gross", "as": "number"},
    "備考": "references.order",
    "明細": {
        "each": "lines",
        "row": {
            "No": {"field": "no", "as": "number"},
            "品目": "name",
            "単価": {"field": "unit_price", "as": "number"},
            "税率": {"field": "tax.rate", "as": "percent_text"},
            "金額": {"field": "net", "as": "number"},
        },
    },
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the account."""
    monkeypatch.setenv("TEST_KEY", command.KEY)


@pytest.fixture(scope="module")
def their(tmp_path_factory: pytest.TempPathFactory) -> Iterator[command.Service]:
    """A service that speaks ReportFlow, with a design of its own."""
    room = tmp_path_factory.mktemp("theirs")
    design = room / "designs" / "seikyusho" / "1"
    design.mkdir(parents=True)
    (design / "design.yaml").write_text(DESIGN, "utf-8")
    (design / "main.typ").write_text(TEMPLATE, "utf-8")
    (design / "example.json").write_text("{}", "utf-8")
    with command.service(
        room / "data", "--designs", str(room / "designs"), "--no-deduplication"
    ) as apart:
        yield apart


def manifest(folder: Path, url: str, account: str, wording: Any = None) -> Path:
    """Three invoices and a credit note, for one of two accounts."""
    rows = [
        bills.english() | {"number": "E-1"},
        bills.japanese() | {"number": "J-1"},
        bills.german() | {"number": "D-1"},
        bills.credit_note() | {"number": "C-1"},
    ]
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(each, default=str) for each in rows]
    (folder / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / "flow.json").write_text(json.dumps(WORDING), "utf-8")
    said = {
        "version": 1,
        "providers": {
            "flow": {
                "type": "reportflow",
                "url": url,
                "key": "${env:TEST_KEY}",
                "designs": {
                    "invoice@1": {
                        "design": f"{THEIRS}@1",
                        "params": wording or "flow.json",
                    }
                },
            }
        },
        "defaults": {"provider": account, "mode": "async"},
        "documents": [
            {
                "rows": "rows.jsonl",
                "key": "number",
                "design": "invoice@1",
                "output": "out/{number}.pdf",
            }
        ],
    }
    path = folder / "m.yaml"
    path.write_text(json.dumps(said, indent=1), "utf-8")
    return path


def digits(path: Path) -> str:
    """The text of a PDF, without marks between digits."""
    with pypdfium2.PdfDocument(path) as document:
        text = "\n".join(x.get_textpage().get_text_range() for x in document)
    return re.sub(r"(?<=[0-9])[.,\s\u202f\u00a0](?=[0-9])", "", text)


def test_amounts_are_equal_on_both(
    tmp_path: Path, their: command.Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run here and there; every computed total is on both pages, and in one report."""
    totals = []
    for account in ("local", "flow"):
        path = manifest(tmp_path / account, their.url, account)
        assert call(["run", str(path)]) == 0
        capsys.readouterr()
        report = path.parent / "r.json"
        assert call(["deliver", str(path), "--report", str(report), "--json"]) == 0
        told = command.objects(capsys.readouterr().out)
        totals.append(told[-1]["totals"])
    assert totals[0] == totals[1]
    assert their.get("/v1/bill")["accepted"] == 4
    report = json.loads((tmp_path / "flow" / "r.json").read_text("utf-8"))
    lines = [x for x in report["documents"] if x["kind"] == "document"]
    assert len(lines) == 4
    for line in lines:
        for amount in ("net", "gross"):
            value = abs(Decimal(line[amount]))
            # Their page prints numbers as they came: without zeros at the end.
            short = (
                f"{value:f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
            )
            for account, wanted in (("local", f"{value:f}"), ("flow", short)):
                page = digits(tmp_path / account / "out" / line["file"])
                assert wanted.replace(".", "") in page, (account, line["id"], amount)
    check_delivery(tmp_path / "local", capsys)


def check_delivery(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes twice; one page says its number; nothing of a changed file."""
    files = ("--zip", "a.zip", "--merged", "a.pdf", "--report", "a.csv")
    order = [each if each[0] == "-" else str(folder / each) for each in files]
    path = str(folder / "m.yaml")
    assert call(["deliver", path, *order]) == 0
    made = [(folder / x).read_bytes() for x in files[1::2]]
    assert call(["deliver", path, *order]) == 1
    assert "there is a file" in capsys.readouterr().err
    again = command.run("deliver", path, *order, "--overwrite", folder=folder)
    assert again.returncode == 0, again.stderr
    assert [(folder / x).read_bytes() for x in files[1::2]] == made
    check_merged(folder / "a.pdf")
    with zipfile.ZipFile(folder / "a.zip") as read:
        names = ["E-1.pdf", "J-1.pdf", "D-1.pdf", "C-1.pdf"]
        assert read.namelist() == names
        for each in names:
            assert read.read(each) == (folder / "out" / each).read_bytes()
    with (folder / "out" / "D-1.pdf").open("ab") as file:
        file.write(b"%")
    other = ["--zip", str(folder / "b.zip"), "--report", str(folder / "b.json")]
    assert call(["deliver", path, *other]) == 5
    assert "D-1.pdf" in capsys.readouterr().err
    assert not list(folder.glob("b.*"))
    assert not list(folder.glob(".orch*"))
    assert call(["deliver", path, *other, "--only", "[EJ]-1"]) == 0


def check_merged(path: Path) -> None:
    """An outline entry for each invoice, and its pages called by its number."""
    with pypdfium2.PdfDocument(path) as document:
        toc = list(document.get_toc())
        assert [x.get_title() for x in toc] == ["E-1", "J-1", "D-1", "C-1"]
        for entry in toc:
            at, title = entry.get_dest().get_index(), entry.get_title()
            assert document.get_page_label(at).startswith(title)
            assert title in document[at].get_textpage().get_text_range()
        assert document.get_page_label(4) == "D-1 · 3"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"合計金額": "totals.gros"}, ["m.yaml:", "names totals.gros"]),
        (
            {"合計金額": {"field": "totals.gross", "as": "money_text"}},
            ["rows.jsonl:1:", "the design wants a number for 合計金額", "'€1,636.08'"],
        ),
    ],
)
def test_a_wrong_wording_sends_nothing(
    tmp_path: Path,
    their: command.Service,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    words: list[str],
) -> None:
    """Neither one that names nothing, nor one of another type than the design's."""
    before = their.get("/v1/bill")
    path = manifest(tmp_path, their.url, "flow", WORDING | change)
    assert call(["run", str(path)]) == 1
    told = capsys.readouterr().err
    for each in words:
        assert each in told
    assert their.get("/v1/bill") == before
    assert not (tmp_path / "out").exists()
