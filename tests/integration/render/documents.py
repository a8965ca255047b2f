"""Real documents of every kind, with the same words in them."""

import io
import zipfile

import docx
import openpyxl
import pptx
from PIL import Image, ImageDraw

LATIN = "Quarterly report"
CJK = "株式会社東京商事"
MORE = "简体中文한국어"


def letter() -> bytes:
    """A Word document with a heading, a list, a table and a picture."""
    document = docx.Document()
    document.add_heading(f"{LATIN} {CJK}", 1)
    document.add_paragraph(f"Some plain words and {MORE}.")
    document.add_paragraph("an item", style="List Bullet")
    table = document.add_table(2, 2, style="Light Grid Accent 1")
    table.cell(0, 0).text = "Cell"
    document.add_picture(io.BytesIO(picture("PNG")), width=914_400)
    return _saved(document)


def workbook(*, formula: bool = False) -> bytes:
    """A workbook; the result of its formula was never stored."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([LATIN, CJK, MORE])
    sheet.append([40, 2, "=A2*B2+7000" if formula else 7080])
    return _saved(book)


def deck() -> bytes:
    """Two slides."""
    deck = pptx.Presentation()
    for title in (LATIN, CJK):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"First {MORE}\nSecond"
    return _saved(deck)


def _saved(document: object) -> bytes:
    packed = io.BytesIO()
    document.save(packed)  # type: ignore[attr-defined]
    return packed.getvalue()


def picture(kind: str, mode: str = "RGBA", frames: int = 1) -> bytes:
    """A red disc on a transparent or white ground."""
    made = []
    for n in range(frames):
        image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
        ImageDraw.Draw(image).ellipse((40 + n, 20, 260, 180), fill=(200, 30, 60, 255))
        if mode != "RGBA":
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
            if mode == "I;16":
                image = image.convert("L").convert("I").point(lambda grey: grey * 257)
            image = image.convert(mode)
        made.append(image)
    packed = io.BytesIO()
    if frames > 1:
        made[0].save(packed, kind, save_all=True, append_images=made[1:])
    else:
        made[0].save(packed, kind)
    return packed.getvalue()


def drawing() -> bytes:
    """An SVG with text."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="100">'
        '<rect width="300" height="100" fill="#cde"/><text x="10" y="50"'
        f' font-family="Noto Sans">{LATIN} {CJK}</text></svg>'
    ).encode()


def web() -> bytes:
    """A web page with a style, a table and an entity."""
    return (
        "<!doctype html><html><head><meta charset='utf-8'><title>T</title>"
        "<style>h1{color:#036} td{border:1px solid #999}</style></head><body>"
        f"<h1>{LATIN}</h1><p>{CJK} <b>{MORE}</b> &#26085;</p>"
        "<table><tr><td>Cell</td></tr></table></body></html>"
    ).encode()


def markdown() -> bytes:
    """Markdown with a table and code."""
    return (
        f"# {LATIN}\n\n{CJK} **{MORE}** (in brackets)\n\n- item\n\n"
        "| a | b |\n|---|--:|\n| Cell | 2 |\n\n```\nf(x)\n```\n"
    ).encode()


def plain() -> bytes:
    """Text with a long line, a tab and a page of its own."""
    return f"{LATIN}\n\n{CJK}\t{MORE}\n{'word ' * 60}\n\fNext page\n".encode()


def table(rows: int = 3) -> bytes:
    """Comma-separated values with quotes."""
    lines = [f'{n},"{CJK}, {MORE}","{n * 1000.5:,.2f}"' for n in range(rows)]
    return "\n".join([f"id,{LATIN},amount", *lines]).encode()


def open_text() -> bytes:
    """A minimal OpenDocument text."""
    ns = "urn:oasis:names:tc:opendocument:xmlns"
    return _packed(
        ("mimetype", "application/vnd.oasis.opendocument.text"),
        (
            "META-INF/manifest.xml",
            (
                f'<manifest:manifest xmlns:manifest="{ns}:manifest:1.0">'
                '<manifest:file-entry manifest:full-path="/" manifest:media-type='
                '"application/vnd.oasis.opendocument.text"/><manifest:file-entry'
                ' manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
                "</manifest:manifest>"
            ),
        ),
        (
            "content.xml",
            (
                f'<office:document-content xmlns:office="{ns}:office:1.0"'
                f' xmlns:text="{ns}:text:1.0" office:version="1.2"><office:body>'
                f'<office:text><text:h text:outline-level="1">{LATIN}</text:h>'
                f"<text:p>{CJK} {MORE}</text:p></office:text></office:body>"
                "</office:document-content>"
            ),
        ),
    )


def book() -> bytes:
    """A minimal EPUB."""
    return _packed(
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            (
                '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:'
                'container"><rootfiles><rootfile full-path="b.opf" media-type='
                '"application/oebps-package+xml"/></rootfiles></container>'
            ),
        ),
        (
            "b.opf",
            (
                '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"'
                ' unique-identifier="i"><metadata xmlns:dc='
                '"http://purl.org/dc/elements/1.1/"><dc:identifier id="i">x'
                "</dc:identifier><dc:title>T</dc:title><dc:language>en</dc:language>"
                '</metadata><manifest><item id="c" href="c.xhtml" media-type='
                '"application/xhtml+xml"/></manifest>'
                '<spine><itemref idref="c"/></spine>'
                "</package>"
            ),
        ),
        (
            "c.xhtml",
            (
                '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head>'
                f"<body><h1>{LATIN}</h1><p>{CJK} {MORE}</p></body></html>"
            ),
        ),
    )


def _packed(*parts: tuple[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in parts:
            file.writestr(name, content)
    return packed.getvalue()


def rich() -> bytes:
    """Rich text, with its CJK as escapes."""
    codes = (ord(each) - 65536 * (ord(each) > 32767) for each in CJK)
    escaped = "".join(f"\\u{code}?" for code in codes)
    return (
        "{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Arial;}}\\f0 " + f"{LATIN} {escaped}"
        "\\par}"
    ).encode()


def endless() -> bytes:
    """A Word document whose one run is so long that it is set for minutes."""
    document = docx.Document()
    document.add_paragraph("word" * 500_000)
    return _saved(document)


def bomb() -> bytes:
    """A Word document that unpacks to far more than it weighs."""
    packed = io.BytesIO(letter())
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/media/big.bin", bytes(200 << 20))
    return packed.getvalue()
