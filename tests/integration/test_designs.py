"""Designs: found, checked, and compiled into real pages."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
import typst
from click.testing import CliRunner
from PIL import Image

from orchestrator import designs
from orchestrator.designs import DesignError
from orchestrator.designs.command import design_command
from orchestrator.designs.folder import load
from orchestrator.designs.inspect import faults_of_folder
from orchestrator.invoices.labels import WORDS
from tests import bills
from tests.press import press

SAMPLE_ID = "550e8400-e29b-41d4-a716-446655440000"
SAMPLE = {
    "customerName": "John Doe",
    "invoiceNumber": "INV-2024-001",
    "amount": 10000,
}


def _pages(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


@pytest.mark.parametrize(
    ("make", "count", "texts"),
    [
        (bills.english, 1, ["Invoice", "€11,649.28", "VAT 7%", "Page 1 of 1"]),
        (bills.german, 3, ["Rechnung", "Seite 3 von 3", "Versand", "Bereits gezahlt"]),
        (bills.japanese, 1, ["請求書", "登録番号", "8% ※", "御中", "172,075"]),
        (bills.chinese, 1, ["发票", "价税合计", "100,366.00", "云服务器年费"]),
        (bills.credit_note, 1, ["Credit note", "Amount credited", "INV-2026-0042"]),
    ],
)
def test_the_invoice_prints(
    make: Callable[[], dict[str, Any]], count: int, texts: list[str]
) -> None:
    """Each page has its texts as text, without a warning of the compiler."""
    pdf, warnings = press(designs.find("invoice@1"), make())
    pages = _pages(pdf)
    assert not warnings
    assert len(pages) == count
    assert [each for each in texts if each not in "".join(pages)] == []


def test_the_same_input_gives_the_same_bytes() -> None:
    """A retry or a second run makes the identical file."""
    design = designs.find("invoice@1")
    assert press(design, bills.german())[0] == press(design, bills.german())[0]


def test_the_document_says_what_it_is() -> None:
    """Title, language, PDF/A marks and the date of the invoice, fonts embedded."""
    pdf, _ = press(designs.find("invoice"), bills.german(3))
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert str(document.Root.Lang) == "de"
        assert str(document.docinfo["/Title"]) == "Rechnung RE-2026-10377"
        assert "20260305" in str(document.docinfo["/CreationDate"])
        with document.open_metadata() as metadata:
            assert metadata.get("pdfaid:part") == "3"


@pytest.mark.parametrize("count", range(1, 40))
def test_totals_never_stand_alone(count: int) -> None:
    """With the totals there is a line of the table, below a head of its own page."""
    params = bills.german(count)
    pdf, warnings = press(designs.find("invoice@1"), params)
    assert not warnings
    pages = _pages(pdf)
    with_totals = [each for each in pages if "Gesamtbetrag" in each]
    assert len(with_totals) == 1
    assert params["lines"][-1]["name"] in with_totals[0]
    # One head on each page with lines, never two: the last lines are a table apart.
    heads = [each.count("Einzelpreis") for each in pages]
    assert heads[pages.index(with_totals[0])] == 1
    assert max(heads) == 1


@pytest.mark.parametrize(
    ("count", "notes"), [(40, 3), (45, 0), (75, 3), (80, 0), (150, 0)]
)
def test_every_page_says_which_of_how_many_it_is(count: int, notes: int) -> None:
    """Also where what follows the totals just has no room below them any more."""
    text = "Bitte beachten Sie unsere Bedingungen. "
    params = bills.german(count) | {"notes": [text * 4] * notes}
    pages = _pages(press(designs.find("invoice@1"), params)[0])
    told = [re.findall(r"Seite (\d+) von (\d+)", each) for each in pages]
    of = str(len(pages))
    assert told == [[(str(n), of)] for n in range(1, len(pages) + 1)]


_SHORT = {
    "payment": {"terms": "Payable within 30 days.", "iban": "DE89370400440532013000"},
    "notes": ["Roasted on Tuesdays and Fridays."],
}


@pytest.mark.parametrize("count", range(20, 34))
def test_no_page_is_turned_for_little(count: int) -> None:
    """One page while that can be; then lines, totals, payment and notes together."""
    lines = [bills.line(name=f"Thing {n}") for n in range(1, count + 1)]
    pages = _pages(press(designs.find("invoice@1"), bills.bill(*lines, **_SHORT))[0])
    assert (len(pages) == 1) == (count <= _MOST_ON_A_PAGE)
    for text in ("Total", f"Thing {count - 1}", "Payment", "IBAN", "Notes", "Tuesdays"):
        assert text in pages[-1]
    assert [each.count("Unit price") for each in pages] == [1] * len(pages)


_MOST_ON_A_PAGE = 24


def test_no_line_of_the_footer_ends_in_a_dot() -> None:
    """Dots part the facts of the seller, and stand on no edge."""
    values = ("DE123456788", "FR40303265045", "GB123456789", "ESN0012345A")
    ids = [{"scheme": "vat", "value": each} for each in values]
    seller = bills.bill()["seller"] | {"tax_ids": ids}
    seller["registration"] = "HRB 000000, Amtsgericht Hamburg"
    text = _pages(press(designs.find("invoice@1"), bills.bill(seller=seller))[0])[0]
    lines = [each.strip() for each in text.splitlines()]
    assert seller["registration"] in lines
    assert any("·" in each for each in lines)
    assert not [each for each in lines if each.startswith("·") or each.endswith("·")]


def test_everything_stays_on_the_page() -> None:
    """However long the texts, nothing is set outside of the margins."""
    pdf, warnings = press(designs.find("invoice@1"), bills.endless())
    assert not warnings
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        width, height = page.get_size()
        texts = page.get_textpage()
        boxes = [texts.get_charbox(n) for n in range(texts.count_chars())]
        inked = [each for each in boxes if each[2] > each[0]]
        assert min(each[0] for each in inked) > 50
        assert max(each[2] for each in inked) < width - 50
        assert min(each[1] for each in inked) > 20
        assert max(each[3] for each in inked) < height - 10
    document.close()


def test_a_letter_that_no_font_has_is_a_fault() -> None:
    """A box in place of a name is worse than no page: the field and letter are told."""
    params = bills.bill(bills.line(name="Thai: ภาษา", description="fine: ½ 発 ₹"))
    params["notes"] = ["a\u200db\ufe0fc", "→ \u05d0"]
    params["style"] = {"logo": bills.LOGO.replace("<rect", "<!--\u05d0--><rect")}
    problems = designs.find("invoice@1").problems(params)
    assert [(each.code, each.path) for each in problems] == [
        ("E_GLYPH", "lines[0].name"),
        ("E_GLYPH", "notes[1]"),
    ]
    assert "ภ U+0E20 THAI CHARACTER PHO SAMPHAO" in problems[0].message
    assert "has a letter" in problems[1].message
    assert problems[1].found == "\u05d0"


def test_a_letter_that_slipped_through_stops_the_page() -> None:
    """No other font steps in unseen: the compiler names letter and font."""
    design = replace(designs.find("invoice@1"), fonts=())
    with pytest.raises(typst.TypstError, match="font"):
        press(design, bills.bill(bills.line(name="Hebrew: \u05d0")))


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ja", "zh", "zh-Hant"])
def test_every_language_has_its_letters(language: str) -> None:
    """All fixed words can be set, in every kind of document and price mode."""
    params = bills.english() | {"language": language}
    params["policy"] = {"price_mode": "gross", "cash_rounding": "0.05"}
    params["notes"] = list(filter(None, _words(language)))
    assert press(designs.find("invoice@1"), params)[0].startswith(b"%PDF")


def _words(language: str) -> list[str]:
    from orchestrator.invoices.labels import words_in

    return list(words_in(language).values())


def _png() -> str:
    stream = io.BytesIO()
    Image.new("RGBA", (40, 20), (200, 30, 30, 128)).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


@pytest.mark.parametrize("logo", [bills.LOGO, _png()])
def test_a_logo_is_placed(logo: str) -> None:
    """SVG as text, or PNG as data."""
    plain, _ = press(designs.find("invoice@1"), bills.english())
    params = bills.english() | {"style": {"logo": logo}}
    with_logo, _ = press(designs.find("invoice@1"), params)
    assert _reds(with_logo) > _reds(plain) + 500


def _reds(pdf: bytes) -> int:
    document = pypdfium2.PdfDocument(pdf)
    image = document[0].render(scale=1).to_pil().convert("RGB")
    document.close()
    width, height = image.size
    head = image.crop((0, 20, width // 2, height // 6))
    return sum(
        n for n, (r, g, b) in head.getcolors(100_000) if r > g + 60 and r > b + 60
    )


@pytest.mark.parametrize(
    ("style", "code", "path"),
    [
        ({"logo": "logo.png"}, "E_FORMAT", "style.logo"),
        ({"logo": '<svg><image href="/etc/passwd"/></svg>'}, "E_FORMAT", "style.logo"),
        ({"logo": "data:image/png;base64,AAAA"}, "E_FORMAT", "style.logo"),
        ({"accent": "red"}, "E_FORMAT", "style.accent"),
        ({"acent": "#112233"}, "E_UNKNOWN_FIELD", "style.acent"),
        ({"labels": {"taxx": "GST"}}, "E_UNKNOWN_FIELD", "style.labels.taxx"),
        ({"paper": "a3"}, "E_VALUE", "style.paper"),
    ],
)
def test_faults_of_style_are_found(style: dict[str, Any], code: str, path: str) -> None:
    """What belongs to the design is checked as strictly as the invoice."""
    problems = designs.find("invoice").problems(bills.bill(style=style))
    assert [(each.code, each.path) for each in problems] == [(code, path)]


def test_words_may_be_replaced() -> None:
    """GST is what others call VAT; every word of the table is allowed."""
    params = bills.bill(style={"labels": {"tax": "GST"}})
    pdf, _ = press(designs.find("invoice@1"), params)
    assert "GST 19%" in "".join(_pages(pdf))
    style = designs.find("invoice").schema["properties"]["style"]
    allowed = set(style["properties"]["labels"]["propertyNames"]["enum"])
    assert allowed == {each for each in WORDS if each.islower()} - {"page"}


def test_the_sample_design_takes_what_the_document_api_takes() -> None:
    """By its UUID, with the three parameters of the examples."""
    design = designs.find(SAMPLE_ID)
    assert (design.name, design.version, design.shipped) == ("sample", 1, True)
    text = "".join(_pages(press(design, SAMPLE)[0]))
    assert "John Doe" in text
    assert "10,000" in text
    exact = SAMPLE | {"amount": Decimal("-1234567.50"), "issueDate": "2026-03-05"}
    pdf, _ = press(design, exact)
    assert "−1,234,567.50" in "".join(_pages(pdf))
    assert design.timestamp(exact) == 1_772_668_800


def test_faults_of_parameters_come_all_at_once() -> None:
    """Missing, unknown and of the wrong type, each at its place."""
    params = {"customerNam": "x", "invoiceNumber": 5, "amount": None}
    problems = designs.find("sample@1").problems(params)
    assert [(each.path, each.code) for each in problems] == [
        ("amount", "E_PARAM_TYPE"),
        ("customerNam", "E_UNKNOWN_FIELD"),
        ("customerName", "E_REQUIRED"),
        ("invoiceNumber", "E_PARAM_TYPE"),
    ]
    assert "did you mean 'customerName'?" in problems[1].message
    with pytest.raises(DesignError, match="4 faults") as caught:
        designs.find("sample").prepare(params)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("invoise", "did you mean 'invoice'"),
        ("invoice@9", "no version 9; there is 1"),
        ("../invoice", "is not a design"),
        ("invoice@", "is not a design"),
        ("invoice@0", "is not a design"),
        ("", "is not a design"),
    ],
)
def test_unknown_designs_say_what_there_is(ref: str, message: str) -> None:
    """The message helps to the right name."""
    with pytest.raises(DesignError, match=message):
        designs.find(ref)


def _own(folder: Path, name: str = "letter", version: int = 1, **changes: Any) -> Path:
    root = folder / name / str(version)
    root.mkdir(parents=True)
    said = {
        "title": "Letter",
        "parameters": {
            "type": "object",
            "required": ["to"],
            "additionalProperties": False,
            "properties": {
                "to": {"type": "string"},
                "n": {"type": "number", "multipleOf": 0.1},
            },
        },
    }
    (root / "design.yaml").write_text(json.dumps(said | changes))
    (root / "main.typ").write_text(
        '#let data = json("data.json")\nDear #data.to #data.at("n", default: "")'
    )
    (root / "example.json").write_text('{"to": "Ann"}')
    return root


def test_own_designs_come_first(tmp_path: Path) -> None:
    """The highest version of one's own; the shipped one where one has none."""
    _own(tmp_path, version=2)
    _own(tmp_path, version=10)
    _own(tmp_path, "invoice", 7)
    (tmp_path / "letter" / "notes.txt").write_text("not a version")
    folders = [tmp_path]
    assert designs.find("letter", folders).ref == "letter@10"
    assert designs.find("letter@2", folders).version == 2
    assert designs.find("invoice", folders).ref == "invoice@7"
    assert designs.find("invoice@1", folders).shipped
    assert [each.ref for each in designs.every(folders)] == [
        "invoice@1",
        "invoice@7",
        "letter@2",
        "letter@10",
        "sample@1",
        "stand-in@1",
    ]


def test_own_designs_get_exact_numbers(tmp_path: Path) -> None:
    """Decimals pass as numbers, floats by their text, and arrive as text."""
    _own(tmp_path)
    design = designs.find("letter", [tmp_path])
    for number in (Decimal("0.3"), 0.3, 2):
        assert design.problems({"to": "Ann", "n": number}) == []
        assert json.loads(design.prepare({"to": "A", "n": number})["data.json"])[
            "n"
        ] == str(number)
    assert design.problems({"to": "Ann", "n": Decimal("0.33")})
    assert design.problems({"to": "Ann", "n": Decimal("NaN")})
    pdf, _ = press(design, {"to": "#eval(1)", "n": 1})
    assert "Dear #eval(1) 1" in _pages(pdf)[0]


def test_a_changed_description_is_read_again(tmp_path: Path) -> None:
    """An author edits and looks."""
    root = _own(tmp_path)
    assert designs.find("letter", [tmp_path]).title == "Letter"
    (root / "design.yaml").write_text('{"title": "Another title"}')
    assert designs.find("letter", [tmp_path]).title == "Another title"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title: [", "cannot be read"),
        ("title: A\ntitel: B", "did you mean 'title'"),
        ("description: no title", "title"),
        ("title: A\nmain: ../x.typ", "main"),
        ("title: A\nmain: gone.typ", "there is no gone.typ"),
        ("title: A\nmodel: bill", "model"),
        ("title: A\nstandards: [x]", "is none of"),
        ("title: A\nparameters: {type: 3}", "not a JSON Schema"),
        ('title: A\nparameters: {$ref: "file:///x"}', "outside of it"),
        ("- a\n- b", "valid dictionary"),
        ("", "valid dictionary"),
    ],
)
def test_broken_descriptions_are_told(
    tmp_path: Path, content: str, message: str
) -> None:
    """What is wrong with design.yaml, and never a traceback."""
    root = _own(tmp_path)
    (root / "design.yaml").write_text(content)
    with pytest.raises(DesignError, match=message):
        designs.find("letter", [tmp_path])


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ('#import "@preview/cetz:0.3.0"', "E_PACKAGE"),
        ('#include "@local/x:1.0.0"', "E_PACKAGE"),
        ('#read("../../secret")', "E_PATH"),
        ('#read("/../x")', "E_PATH"),
        ('#plugin("x.wasm")', "E_PLUGIN"),
        ('// #import "@preview/x:1.0.0"\n/* "../../x" */', None),
        ('#read("parts/../data.json") #link("https://x/")[..]', None),
    ],
)
def test_templates_stay_in_their_folder(
    tmp_path: Path, source: str, code: str | None
) -> None:
    """No packages, no paths to the outside, no plugins."""
    root = _own(tmp_path)
    (root / "main.typ").write_text(source)
    found = [each.code for each in faults_of_folder(root)]
    assert found == ([code] if code else [])


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    """A link is a way out of the folder."""
    root = _own(tmp_path)
    (root / "logo.png").symlink_to("/etc/hostname")
    (root / "assets").symlink_to("/etc", target_is_directory=True)
    os.mkfifo(root / "pipe")
    found = [(each.path, each.code) for each in faults_of_folder(root)]
    assert found == [
        ("assets", "E_SYMLINK"),
        ("logo.png", "E_SYMLINK"),
        ("pipe", "E_FILE"),
    ]


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(design_command, words)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def test_the_command_lists_shows_and_checks(tmp_path: Path) -> None:
    """What a user types."""
    root = _own(tmp_path)
    own = ("--designs", str(tmp_path))
    code, output = _run("list", *own)
    assert code == 0
    assert [each.split()[0] for each in output.splitlines()] == [
        "invoice@1",
        "letter@1",
        "sample@1",
        "stand-in@1",
    ]
    code, output = _run("show", "sample")
    assert code == 0
    assert "customerName" in output
    code, output = _run("show", "invoice", "--json")
    assert json.loads(output)["schema"]["properties"]["style"]
    assert json.loads(_run("show", "sample", "--example")[1]) == SAMPLE
    for what in ("invoice", "sample@1", str(root)):
        assert _run("check", what)[0] == 0
    (root / "example.json").write_text('{"too": 1}')
    code, output = _run("check", "letter", *own)
    assert code == 1
    assert "did you mean 'to'" in output
    assert "to: is missing" in output


def test_the_command_checks_data(tmp_path: Path) -> None:
    """Faults of a data file are told like those of a batch."""
    data = tmp_path / "data.json"
    data.write_text(json.dumps(bills.bill(bills.line(net="9.99"))))
    code, output = _run("check", "invoice", "--data", str(data))
    assert code == 1
    assert "lines[0].net: is 9.99, but the data comes to 10.00 [E_LINE_NET]" in output
    data.write_text("[")
    assert _run("check", "invoice", "--data", str(data))[0] == 1
    assert _run("check", "nothing")[0] == 1
    assert _run("check", str(tmp_path))[0] == 1


def test_shipped_designs_are_sound() -> None:
    """What the program brings passes its own check, and takes its own example."""
    for design in designs.every():
        assert load(design.root, shipped=True) == design
        assert faults_of_folder(design.root) == []
        example = json.loads((design.root / "example.json").read_text("utf-8"))
        assert design.problems(example) == []
        assert set(design.prepare(example)) - {"code.svg"} == {"data.json"}
