"""One number, one invoice; one invoice, several forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.batch.bills import bill_of
from orchestrator.errors import Place
from orchestrator.ledger.stage import Stage
from orchestrator.model import Document, Operation
from tests.bills import bill

UBL = {"e_invoice": {"format": "ubl"}}


def doubles(tmp_path: Path, *documents: Document) -> list[str]:
    """Which lines are doubles of which, one document a line."""
    with Stage(tmp_path / "ledger.sqlite") as stage:
        for line, each in enumerate(documents, 1):
            told = bill_of(each)
            names = (told.issuer, told.number, told.form, told.content)
            stage.bill(each.id, names, Place("f", line, 1))
        return [f"{place.line}: {text}" for place, text in stage.doubles()]


def document(name: str, target: str = "pdf", **changes: Any) -> Document:
    """An invoice to make."""
    return Document(
        id=name,
        operation=Operation.GENERATE,
        source="",
        target=target,
        output=f"/{name}.{target}",
        provider="local",
        params=bill(**changes),
        design="invoice@1",
    )


def test_a_page_and_its_xml_are_one_invoice(tmp_path: Path) -> None:
    """Also where they look different, and where there are two kinds of XML."""
    forms = (
        document("a", style={"accent": "#000000"}),
        document("b", "xml", **UBL),
        document("c", "xml", e_invoice={}),
    )
    assert doubles(tmp_path, *forms) == []


def test_other_content_or_the_same_form_is_a_double(tmp_path: Path) -> None:
    """A number that means two things, or the same thing twice, is refused."""
    found = doubles(
        tmp_path,
        document("a"),
        document("b", "xml", **UBL),
        document("c", "xml", **UBL),
        document("d", "xml", due_date="2026-05-01", e_invoice={}),
        document("e", number="A-2"),
        document("f", seller={"name": "Other", "address": {"country": "DE"}}),
    )
    assert [each.split(" [")[0] for each in found] == [
        "3: the number A-1 is taken; the other is at f:2:1",
        "4: the number A-1 is taken; the other is at f:1:1",
    ]
