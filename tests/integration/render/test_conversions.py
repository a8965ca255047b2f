"""Every pair of formats on real documents, read back."""

import asyncio
import io
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pikepdf
import pypdfium2
import pytest
from PIL import Image

from orchestrator.service.render.rendering import Rendering
from orchestrator.service.render.work import RenderError
from tests.integration.render import documents
from tests.integration.render.bench import Bench, ink, pages, words

Maker = Callable[[], bytes]
LATIN, CJK, MORE = "Quarterlyreport", documents.CJK, documents.MORE

TEXTS: list[tuple[str, Maker, str, list[str]]] = [
    ("a.docx", documents.letter, "office2pdf", [LATIN, CJK, MORE, "Cell"]),
    ("a.xlsx", documents.workbook, "office2pdf", [LATIN, CJK, MORE, "7080"]),
    ("a.pptx", documents.deck, "office2pdf", [LATIN, CJK, MORE, "Second"]),
    ("a.html", documents.web, "ironpress", [LATIN, CJK, MORE, "日", "Cell"]),
    ("a.htm", documents.web, "ironpress", [LATIN, CJK]),
    ("a.md", documents.markdown, "markdown-it-py", [LATIN, CJK, MORE, "(inbrackets)"]),
    ("a.markdown", documents.markdown, "ironpress", [LATIN, "Cell", "f(x)"]),
    ("a.txt", documents.plain, "typst", [LATIN, CJK, MORE, "wordword", "Nextpage"]),
    ("a.csv", documents.table, "typst", [LATIN, CJK, MORE, "2,001.00"]),
    ("a.svg", documents.drawing, "typst", [LATIN, CJK]),
    ("a.odt", documents.open_text, "anydoc", [LATIN, CJK, MORE]),
    ("a.epub", documents.book, "anydoc", [LATIN, CJK, MORE]),
    ("a.rtf", documents.rich, "anydoc", [LATIN, CJK]),
]
PICTURES = [
    ("a.png", "PNG", "RGBA"),
    ("a.jpg", "JPEG", "RGB"),
    ("a.jpeg", "JPEG", "CMYK"),
    ("a.gif", "GIF", "P"),
    ("a.webp", "WEBP", "RGBA"),
    ("a.bmp", "BMP", "RGB"),
    ("a.tif", "TIFF", "RGBA"),
    ("a.tiff", "TIFF", "1"),
    ("deep.png", "PNG", "I;16"),
    ("grey.png", "PNG", "LA"),
]


@pytest.mark.parametrize(
    ("name", "maker", "converter", "expected"), TEXTS, ids=[each[0] for each in TEXTS]
)
async def test_text_arrives_in_the_pdf(
    name: str, maker: Maker, converter: str, expected: list[str], bench: Bench
) -> None:
    """What was written can be read and seen, in every script."""
    made = await bench.convert(name, maker())
    assert [each.name for each in made.files] == ["a.pdf"]
    path = made.files[0].path
    found = words(path)
    assert [each for each in expected if each not in found] == []
    assert ink(path) > 0.001
    assert converter in made.converter
    assert any(part[0].isdigit() for part in made.converter.split())


@pytest.mark.parametrize(
    ("name", "kind", "mode"), PICTURES, ids=[each[0] for each in PICTURES]
)
async def test_a_picture_is_drawn_on_paper(
    name: str, kind: str, mode: str, bench: Bench
) -> None:
    """A disc on white: transparency is flattened, and the sheet lies as it does."""
    made = await bench.convert(name, documents.picture(kind, mode))
    path = made.files[0].path
    assert pages(path) == 1
    assert 0.02 < ink(path) < 0.5
    with pypdfium2.PdfDocument(path) as document:
        width, height = document[0].get_size()
        assert width > height
        drawn = document[0].render(scale=0.2).to_pil().convert("RGB")
    assert drawn.getpixel((2, 2)) == (255, 255, 255)


async def test_frames_of_a_tiff_are_pages(bench: Bench) -> None:
    """A fax of three sheets has three pages."""
    made = await bench.convert("fax.tiff", documents.picture("TIFF", "L", frames=3))
    assert pages(made.files[0].path) == 3


@pytest.mark.parametrize(
    ("name", "maker"),
    [(name, maker) for name, maker, *_ in TEXTS],
    ids=[each[0] for each in TEXTS],
)
async def test_the_same_input_gives_the_same_bytes(
    name: str, maker: Maker, bench: Bench
) -> None:
    """No clock, no chance: also when another process does it later."""
    data = maker()
    first, second = await asyncio.gather(
        bench.convert(name, data), bench.convert(name, data)
    )
    assert first.files[0].path.read_bytes() == second.files[0].path.read_bytes()


async def test_pages_become_pictures(bench: Bench) -> None:
    """Several are numbered; their size follows the resolution."""
    deck = await bench.convert("a.pptx", documents.deck())
    data = deck.files[0].path.read_bytes()
    coarse = await bench.convert("my deck.pdf", data, "png", dpi=72)
    assert [each.name for each in coarse.files] == [
        "my deck-001.png",
        "my deck-002.png",
    ]
    fine = await bench.convert("deck.pdf", data, "jpg", dpi="144", pages="2")
    assert [each.name for each in fine.files] == ["deck.jpg"]
    with (
        Image.open(coarse.files[1].path) as small,
        Image.open(fine.files[0].path) as large,
    ):
        assert (small.format, large.format) == ("PNG", "JPEG")
        assert (small.width * 2, small.height * 2) == large.size
        assert small.convert("L").getextrema() != (255, 255)


async def test_pages_become_text(bench: Bench) -> None:
    """Pages are parted by form feeds."""
    deck = await bench.convert("a.pptx", documents.deck())
    made = await bench.convert("a.pdf", deck.files[0].path.read_bytes(), "txt")
    first, second = made.files[0].path.read_text("utf-8").split("\f")
    assert documents.LATIN in first
    assert documents.CJK in second


async def test_some_pages_of_a_new_pdf_are_kept(bench: Bench) -> None:
    """In the order of the ranges; ranges behind its end are refused."""
    made = await bench.convert("a.pptx", documents.deck(), pages="2,1-2")
    (file,) = made.files
    assert (file.name, pages(file.path)) == ("a.pdf", 3)
    assert words(file.path).count(CJK) == 2
    assert "pikepdf" in made.converter
    with pytest.raises(RenderError) as met:
        await bench.convert("a.pptx", documents.deck(), pages="3")
    assert met.value.code == "bad_params"


async def test_files_are_packed_as_they_are(bench: Bench) -> None:
    """Each under a name of its own, in the same bytes each time."""
    inputs = [("a.txt", b"1"), ("A.TXT", b"2"), ("a-2.txt", b"3"), ("raw", b"")]
    made = [
        (await bench.renderer.make(bench.work("archive", inputs, "zip"))).files[0]
        for _ in range(2)
    ]
    assert made[0].name == "a.zip"
    assert made[0].path.read_bytes() == made[1].path.read_bytes()
    with ZipFile(made[0].path) as packed:
        assert packed.testzip() is None
        found = [(each, packed.read(each)) for each in packed.namelist()]
    names = ["a.txt", "A-2.TXT", "a-2-2.txt", "raw"]
    assert found == list(zip(names, (b"1", b"2", b"3", b""), strict=True))


async def test_different_files_are_merged_in_order(bench: Bench) -> None:
    """Whatever can become a PDF can be merged."""
    deck = await bench.convert("deck.pptx", documents.deck())
    inputs = [
        ("one.docx", documents.letter()),
        ("two.png", documents.picture("PNG")),
        ("three.PDF", deck.files[0].path.read_bytes()),
        ("four.txt", b"The end"),
    ]
    work = bench.work("merge", inputs, "pdf")
    made = await bench.renderer.make(work)
    assert [each.name for each in made.files] == ["one.pdf"]
    path = made.files[0].path
    assert pages(path) == 5
    found = words(path)
    assert found.index("Cell") < found.index("Second") < found.index("Theend")
    for maker in ("office2pdf", "img2pdf", "typst", "pikepdf"):
        assert maker in made.converter
    again = await bench.renderer.make(bench.work("merge", inputs, "pdf"))
    assert again.files[0].path.read_bytes() == path.read_bytes()


async def test_a_merge_says_which_file_it_could_not_read(bench: Bench) -> None:
    """One damaged input names itself."""
    inputs = [("one.txt", b"fine"), ("two.pdf.docx", b"not at all")]
    with pytest.raises(RenderError, match=r"two\.pdf\.docx") as failed:
        await bench.renderer.make(bench.work("merge", inputs, "pdf"))
    assert failed.value.code == "damaged_file"


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [(None, [1, 1, 1]), ("1-2,3", [2, 1]), ("2-", [2]), ("3,1-3", [1, 3])],
)
async def test_a_pdf_is_split(
    ranges: str | None, expected: list[int], bench: Bench
) -> None:
    """By ranges, or into its pages."""
    three = await bench.convert("a.tiff", documents.picture("TIFF", "L", frames=3))
    params = {} if ranges is None else {"pages": ranges}
    whole = [("whole.pdf", three.files[0].path.read_bytes())]
    made = await bench.renderer.make(bench.work("split", whole, "pdf", **params))
    assert [pages(each.path) for each in made.files] == expected
    assert made.files[0].name == "whole-001.pdf"


async def test_a_page_that_is_not_there_is_said(bench: Bench) -> None:
    """The message tells how many there are."""
    one = await bench.convert("a.txt", b"one page")
    data = one.files[0].path.read_bytes()
    for operation, target in (("split", "pdf"), ("convert", "png")):
        work = bench.work(operation, [("a.pdf", data)], target, pages="2-4")
        with pytest.raises(RenderError, match="has 1") as failed:
            await bench.renderer.make(work)
        assert failed.value.code == "bad_params"


async def test_a_workbook_without_values_is_warned_about(bench: Bench) -> None:
    """Its formulas print empty, and the result says so."""
    made = await bench.convert("a.xlsx", documents.workbook(formula=True))
    assert any("formulas" in note for note in made.warnings)
    plain = await bench.convert("b.xlsx", documents.workbook())
    assert not any("formulas" in note for note in plain.warnings)


async def test_content_only_is_said(bench: Bench) -> None:
    """Where layout is lost, the result says so."""
    made = await bench.convert("a.odt", documents.open_text())
    assert any("content only" in note for note in made.warnings)


async def test_a_long_table_repeats_its_header(bench: Bench) -> None:
    """Each page of a table can be read by itself."""
    made = await bench.convert("a.csv", documents.table(rows=150))
    path = made.files[0].path
    assert pages(path) > 1
    assert words(path).count("Quarterlyreport") == pages(path)


def _type_size(page: Any) -> float:
    """The largest type on a page."""
    raw = pypdfium2.raw
    count = page.count_chars()
    return max(float(raw.FPDFText_GetFontSize(page, n)) for n in range(count))


@pytest.mark.parametrize(
    ("columns", "cell", "way", "type_size"),
    [
        (2, "Mocha", "upright", 9.5),
        (9, "12.5", "upright", 9.5),
        (9, "Guatemala", "upright", 8),
        (12, "Guatemala", "turned", 9),
        (4, "A sentence that wraps. " * 20, "turned", 7),
        (40, "1234.56", "turned", 3.5),
    ],
)
async def test_a_table_takes_the_paper_it_needs(
    columns: int, cell: str, way: str, type_size: float, bench: Bench
) -> None:
    """Measured width alone turns the paper and shrinks the type; nothing is lost."""
    row = ",".join([cell] * columns)
    head = ",".join(f"C{n}" for n in range(columns))
    made = await bench.convert("a.csv", f"{head}\n{row}\n{row}\n".encode())
    with pypdfium2.PdfDocument(made.files[0].path) as document:
        width, height = document[0].get_size()
        page = document[0].get_textpage()
        edge = max(page.get_charbox(n)[2] for n in range(page.count_chars()))
        size = _type_size(page)
    assert way == ("upright" if width < height else "turned")
    assert size == pytest.approx(type_size, abs=0.3)
    assert edge < width - 50


@pytest.mark.parametrize(
    ("name", "data", "many"),
    [
        ("a.txt", b"A line of a large file\n" * 20_000, 300),
        ("a.csv", documents.table(rows=5000), 80),
    ],
    ids=["txt", "csv"],
)
async def test_a_large_file_takes_seconds(
    name: str, data: bytes, many: int, bench: Bench
) -> None:
    """The time grows with the size, and not with its square."""
    made = await bench.convert(name, data)
    assert pages(made.files[0].path) > many


async def test_words_with_brackets_are_not_broken(bench: Bench) -> None:
    """Lines break between words only."""
    text = " ".join(["(bracketed)"] * 300)
    made = await bench.convert("a.md", text.encode())
    with pypdfium2.PdfDocument(made.files[0].path) as document:
        page = document[0].get_textpage()
        lines = page.get_text_range().split("\r\n")
        edge = max(page.get_charbox(n)[2] for n in range(page.count_chars()))
    assert edge < 595.28 - 50
    broken = [
        line
        for line in lines
        if line and not (line.startswith("(") and line.strip().endswith(")"))
    ]
    assert broken == []


async def test_a_cjk_font_in_a_page_is_truetype(bench: Bench) -> None:
    """The embedded font is of the kind that the PDF says, and small."""
    made = await bench.convert("a.html", documents.web())
    assert made.files[0].path.stat().st_size < 200_000
    with pikepdf.open(made.files[0].path) as document:
        kinds = [
            each.FontFile2.read_bytes()[:4]
            for each in document.objects
            if isinstance(each, pikepdf.Dictionary) and "/FontFile2" in each
        ]
    assert kinds
    assert set(kinds) == {b"\0\1\0\0"}


async def test_formats_are_what_can_be_made(renderer: Rendering) -> None:
    """Nothing that needs LibreOffice is promised without it."""
    made = {(each.operation, each.source, each.target) for each in renderer.formats()}
    assert ("convert", "docx", "pdf") in made
    assert ("merge", "png", "pdf") in made
    assert ("generate", "", "pdf") not in made
    for each in renderer.formats():
        assert "libreoffice" not in each.converters


async def test_a_png_is_kept_without_loss(bench: Bench) -> None:
    """The picture in the PDF has the very pixels of the file."""
    noise = Image.effect_noise((64, 48), 90)
    packed = io.BytesIO()
    noise.save(packed, "PNG")
    made = await bench.convert("a.png", packed.getvalue())
    with pypdfium2.PdfDocument(made.files[0].path) as document:
        (image,) = document[0].get_objects([pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
        kept = image.get_bitmap().to_pil().convert("L")
    assert kept.tobytes() == noise.tobytes()
