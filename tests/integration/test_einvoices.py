"""Electronic invoices from a manifest to files, through the real service."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import facturx
import pikepdf
import pytest
from facturx.parse_xml import parse_ubl_cii_xml
from pdf_oxide import PdfDocument

from orchestrator import designs, load_manifest, run_batch
from orchestrator.service.render import designed
from orchestrator.service.render.attach import NAMESPACE
from orchestrator.service.render.typeset import Typesetter
from orchestrator.service.render.work import RenderError
from tests import einvoices, rules

ROOT = Path(__file__).parents[2]
SRGB = b"sRGB"


@pytest.fixture
def typesetter(tmp_path: Path) -> Typesetter:
    """The service's own."""
    return Typesetter(tmp_path)


def made(typesetter: Typesetter, params: dict[str, Any], profile: str) -> bytes:
    """Give the PDF that the service makes."""
    params = params | {"e_invoice": {"profile": profile}}
    sheet = designed.sheet(designs.find("invoice@1"), params)
    pdf, warnings = typesetter.compile(sheet)
    assert warnings == ()
    return pdf


async def test_a_manifest_makes_pdf_and_xml(tmp_path: Path) -> None:
    """The manifest that we ship: pages with Factur-X inside, UBL beside them."""
    shutil.copytree(ROOT / "manifests" / "data", tmp_path / "data")
    name = "05-e-invoices.yaml"
    shutil.copy(ROOT / "manifests" / name, tmp_path / name)
    loaded = load_manifest(tmp_path / name)
    verdicts = [x async for x in run_batch(loaded, environment=dict(os.environ))]
    assert {str(each.state) for each in verdicts} == {"done"}
    folder = tmp_path / "out" / "e-invoices"
    numbers = sorted(each.stem for each in folder.glob("*.pdf"))
    assert numbers == sorted(each.stem for each in folder.glob("*.xml"))
    assert len(numbers) == 3
    for number in numbers:
        pdf = (folder / f"{number}.pdf").read_bytes()
        ubl = (folder / f"{number}.xml").read_bytes()
        file, cii = facturx.get_xml_from_pdf(pdf, check_xsd=True)
        assert file == "factur-x.xml"
        assert rules.faults(cii, "factur-x", "en16931") == []
        assert rules.faults(ubl, "ubl", "peppol") == []
        one, other = parse_ubl_cii_xml(cii), parse_ubl_cii_xml(ubl)
        for term in ("BT-1", "BT-106", "BT-109", "BT-110", "BT-112", "BT-115"):
            assert one[term] == other[term]
        assert f"{Decimal(one['BT-115']):.2f}".replace(".", ",") in _words(pdf)


def _words(pdf: bytes) -> str:
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        text = "".join(page.get_textpage().get_text_range() for page in document)
    return re.sub(r"(?<=\d)[.\s\N{NARROW NO-BREAK SPACE}](?=\d{3}\b)", "", text)


@pytest.mark.parametrize(
    ("profile", "level", "name", "relationship"),
    [
        ("minimum", "MINIMUM", "factur-x.xml", "/Data"),
        ("basic-wl", "BASIC WL", "factur-x.xml", "/Data"),
        ("basic", "BASIC", "factur-x.xml", "/Alternative"),
        ("en16931", "EN 16931", "factur-x.xml", "/Alternative"),
        ("xrechnung", "XRECHNUNG", "xrechnung.xml", "/Alternative"),
    ],
)
def test_the_pdf_is_what_factur_x_asks_for(
    typesetter: Typesetter, profile: str, level: str, name: str, relationship: str
) -> None:
    """Associated file, its kind, metadata with their schema, colours, fonts."""
    pdf = made(typesetter, einvoices.trade(notes=["日本"]), profile)
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert document.check_pdf_syntax() == []
        root = document.Root
        (entry,) = root.AF
        assert str(entry.UF) == str(entry.F) == name
        assert str(entry.AFRelationship) == relationship
        stream = entry.EF.F
        assert str(stream.Subtype) == "/text/xml"
        assert int(stream.Params.Size) == len(stream.read_bytes())
        assert list(document.attachments) == [name]
        _check_metadata(document, level, name)
        (intent,) = root.OutputIntents
        assert str(intent.S) == "/GTS_PDFA1"
        assert SRGB in bytes(intent.OutputConditionIdentifier) + bytes(intent.Info)
        assert intent.DestOutputProfile.read_bytes()[16:20] == b"RGB "
        assert _fonts(document) >= 2
        assert "/ID" in document.trailer
    judged = PdfDocument.from_bytes(pdf).validate_pdf_a("3b")
    assert judged["errors"] == []
    assert judged["valid"]


def _check_metadata(document: pikepdf.Pdf, level: str, name: str) -> None:
    text = document.Root.Metadata.read_bytes().decode()
    assert text.count("<pdfaExtension:schemas>") == 1
    found = re.search(
        f"<pdfaSchema:namespaceURI>{NAMESPACE}</.*?</pdfaSchema:property>", text
    )
    assert found
    told = {
        "DocumentFileName": name,
        "DocumentType": "INVOICE",
        "ConformanceLevel": level,
        "Version": "3.0" if level == "XRECHNUNG" else "1.0",
    }
    with document.open_metadata() as metadata:
        assert metadata.pdfa_status == "3B"
        for key, value in told.items():
            assert metadata[f"{{{NAMESPACE}}}{key}"] == value
            assert f"<pdfaProperty:name>{key}</" in found[0]


def _fonts(document: pikepdf.Pdf) -> int:
    """Count the fonts, all of which must be embedded."""
    count = 0
    for each in document.objects:
        if (
            isinstance(each, pikepdf.Dictionary)
            and each.get("/Type") == "/FontDescriptor"
        ):
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(each.keys())
            count += 1
    return count


@pytest.mark.parametrize("case", [einvoices.rich, einvoices.gross, einvoices.yen])
def test_the_same_input_gives_the_same_bytes(
    typesetter: Typesetter, tmp_path: Path, case: Callable[[], dict[str, Any]]
) -> None:
    """From one compiler and from another; other data give another identity."""
    one = made(typesetter, case(), "en16931")
    assert made(Typesetter(tmp_path), case(), "en16931") == one
    other = made(typesetter, case() | {"number": "A-2"}, "en16931")
    with pikepdf.open(io.BytesIO(one)) as a, pikepdf.open(io.BytesIO(other)) as b:
        assert a.trailer.ID[1] != b.trailer.ID[1]


def test_a_checker_of_another_make_sees_what_is_missing(typesetter: Typesetter) -> None:
    """So that its silence above is worth something."""
    pdf = made(typesetter, einvoices.trade(), "en16931")
    breaks: list[Callable[[pikepdf.Object], object]] = [
        lambda root: root.__delitem__("/Metadata"),
        lambda root: root.AF[0].__delitem__("/AFRelationship"),
        lambda root: root.__setitem__(
            "/OpenAction", pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="1")
        ),
    ]
    for damage in breaks:
        broken = io.BytesIO()
        with pikepdf.open(io.BytesIO(pdf)) as document:
            damage(document.Root)
            document.save(broken)
        judged = PdfDocument.from_bytes(broken.getvalue()).validate_pdf_a("3b")
        assert not judged["valid"]


def test_faulty_data_make_no_file(typesetter: Typesetter, tmp_path: Path) -> None:
    """The service judges again, and says all faults."""
    design = designs.find("invoice@1")
    params = einvoices.trade(currency="KWD") | {"e_invoice": {"profile": "basic"}}
    with pytest.raises(RenderError, match="currency: EN 16931 has amounts") as caught:
        designed.sheet(design, params)
    assert caught.value.code == "bad_params"
    with pytest.raises(RenderError, match="currency: EN 16931 has amounts"):
        designed.written(design, params, tmp_path / "a.xml")
    assert not (tmp_path / "a.xml").exists()
