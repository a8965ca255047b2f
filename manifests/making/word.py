"""Word documents: an offer in English, an estimate in Japanese."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

GREEN = RGBColor(0x2F, 0x4A, 0x43)
GREY = RGBColor(0x7B, 0x6F, 0x66)
WRITTEN = datetime(2026, 3, 17, 9, 0, tzinfo=UTC)
_WIDTH = Cm(17)


@dataclass(frozen=True, slots=True)
class Paper:
    """What a document looks like: fonts, and what stands at the head and the foot."""

    font: str
    wide_font: str
    size: float
    head: tuple[str, str]
    foot: str


def _blank(paper: Paper, title: str) -> Any:
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2)
    section.top_margin, section.bottom_margin = Cm(3), Cm(2.5)
    for style in document.styles:
        if style.type == WD_STYLE_TYPE.PARAGRAPH:
            _face(style, paper)
    normal = document.styles["Normal"]
    normal.font.size = Pt(paper.size)
    normal.paragraph_format.space_after = Pt(6)
    normal.paragraph_format.line_spacing = 1.15
    _dated(document, title)
    for part in (section.header, section.footer):
        # Their own style has tab stops of another paper.
        part.paragraphs[0].style = normal
    _head(section, paper)
    _foot(section, paper)
    return document


def _dated(document: Any, title: str) -> None:
    about = document.core_properties
    about.title, about.author = title, "Kessel & Korn"
    about.created = about.modified = WRITTEN
    about.last_modified_by, about.revision, about.comments = "", 1, ""


def _face(style: Any, paper: Paper) -> None:
    style.font.name = paper.font
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    fonts.set(qn("w:eastAsia"), paper.wide_font)


def _run(
    paragraph: Any,
    text: str,
    size: float | None = None,
    colour: RGBColor | None = None,
    *,
    bold: bool = False,
) -> Any:
    run = paragraph.add_run(text)
    run.bold = bold
    if size:
        run.font.size = Pt(size)
    if colour is not None:
        run.font.color.rgb = colour
    return run


def _head(section: Any, paper: Paper) -> None:
    line = section.header.paragraphs[0]
    stops = line.paragraph_format.tab_stops
    stops.add_tab_stop(_WIDTH, WD_TAB_ALIGNMENT.RIGHT)
    _run(line, paper.head[0], 14, GREEN, bold=True)
    _run(line, f"\t{paper.head[1]}", 8.5, GREY)
    _rule(line, "bottom")


def _foot(section: Any, paper: Paper) -> None:
    line = section.footer.paragraphs[0]
    line.paragraph_format.tab_stops.add_tab_stop(_WIDTH, WD_TAB_ALIGNMENT.RIGHT)
    _run(line, f"{paper.foot}\t", 8, GREY)
    _field(line, "PAGE")
    _run(line, " / ", 8, GREY)
    _field(line, "NUMPAGES")


def _field(paragraph: Any, code: str) -> None:
    """A number that the reader's program fills in."""
    run = _run(paragraph, "", 8, GREY)
    for kind, text in (("begin", ""), ("", code), ("separate", ""), ("end", "")):
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = text
        run._r.append(part)  # noqa: SLF001  # the library has no fields


def _rule(paragraph: Any, side: str) -> None:
    borders = OxmlElement("w:pBdr")
    line = OxmlElement(f"w:{side}")
    for name, value in (("val", "single"), ("sz", "8"), ("space", "4")):
        line.set(qn(f"w:{name}"), value)
    line.set(qn("w:color"), "C98A4B")
    borders.append(line)
    properties = paragraph._p.get_or_add_pPr()  # noqa: SLF001  # as above
    properties.insert_element_before(borders, "w:tabs", "w:spacing", "w:jc", "w:rPr")


def _shade(cell: Any, colour: str) -> None:
    shade = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", colour)):
        shade.set(qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(shade)  # noqa: SLF001  # as above


def _table(
    document: Any, widths: tuple[float, ...], rows: list[tuple[str, ...]], strong: int
) -> None:
    """A table with a head; the last ``strong`` rows are sums."""
    table = document.add_table(rows=0, cols=len(widths))
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    for n, row in enumerate(rows):
        is_head, is_sum = n == 0, n >= len(rows) - strong
        cells = table.add_row().cells
        for m, (cell, text, width) in enumerate(zip(cells, row, widths, strict=True)):
            cell.width = Cm(width)
            line = cell.paragraphs[0]
            line.paragraph_format.space_before = Pt(3)
            line.paragraph_format.space_after = Pt(3)
            if m:
                line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            colour = RGBColor(0xFF, 0xFF, 0xFF) if is_head else None
            _run(line, text, None, colour, bold=is_head or is_sum)
            if is_head:
                _shade(cell, "2F4A43")
            elif is_sum:
                _shade(cell, "F4EEE2")


def offer(path: Path) -> None:
    """An offer to a hotel."""
    paper = Paper(
        font="Arial",
        wide_font="Noto Sans CJK JP",
        size=10.5,
        head=("Kessel & Korn", "Am Sandtorkai 12, 20457 Hamburg"),
        foot="Kessel & Korn Kaffeerösterei GmbH · HRB 000000 Hamburg · DE123456788",
    )
    document = _blank(paper, "Offer 2026-031")
    _lines(
        document, "Hotel Fährhaus\nMs Johanna Petersen\nElbchaussee 401\n22609 Hamburg"
    )
    date = document.add_paragraph()
    date.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    _run(date, "17 March 2026", None, GREY)
    heading = document.add_paragraph()
    _run(heading, "Offer 2026-031: coffee for 84 rooms", 16, GREEN, bold=True)
    for text in _OFFER:
        document.add_paragraph(text)
    _table(document, (8.4, 2.6, 3, 3), _POSITIONS, 1)
    after = document.add_paragraph()
    after.paragraph_format.space_before = Pt(12)
    _run(after, "What is included", 12, GREEN, bold=True)
    for text in _INCLUDED:
        document.add_paragraph(text, style="List Bullet")
    document.add_paragraph(_CLOSING)
    _lines(document, "With kind regards\n\nMaren Okafor\nHead of roasting")
    document.save(str(path))


def _lines(document: Any, text: str) -> None:
    paragraph = document.add_paragraph()
    first, *others = text.split("\n")
    run = paragraph.add_run(first)
    for each in others:
        run.add_break()
        run = paragraph.add_run(each)


def estimate(path: Path) -> None:
    """An estimate for a coffee house in Kyoto."""
    paper = Paper(
        font="Noto Sans CJK JP",
        wide_font="Noto Sans CJK JP",
        size=10.5,
        head=("御見積書", "見積番号 KK-E-2026-008"),
        foot="ケッセル・ウント・コルン焙煎所  ハンブルク市ザントアカイ12番地",
    )
    document = _blank(paper, "御見積書 KK-E-2026-008")
    date = document.add_paragraph("2026年3月17日")
    date.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    to = document.add_paragraph()
    _run(to, "喫茶 鴨川 御中", 15, GREEN, bold=True)
    for text in _ESTIMATE:
        document.add_paragraph(text)
    _table(document, (8.4, 2.6, 3, 3), _ITEMS, 3)
    after = document.add_paragraph()
    after.paragraph_format.space_before = Pt(12)
    _run(after, "備考", 12, GREEN, bold=True)
    for text in _REMARKS:
        document.add_paragraph(text)
    document.save(str(path))


_OFFER = (
    "Dear Ms Petersen,",
    (
        "Thank you for your visit to the roastery last week. As promised, here is our "
        "offer for the breakfast room and the bar. The quantities are those that you "
        "named for one month; you may change them with each order."
    ),
)
_POSITIONS = [
    ("Item", "Quantity", "Price", "Amount"),
    ("Alster, filter, 1 kg", "40", "€31.50", "€1,260.00"),
    ("Speicherstadt, espresso, 1 kg", "55", "€29.80", "€1,639.00"),
    ("Nachtschicht, decaf, 250 g", "36", "€12.20", "€439.20"),
    ("Grinder, on loan", "2", "€0.00", "€0.00"),
    ("Barista training, half a day", "1", "€380.00", "€380.00"),
    ("Total for one month, before VAT", "", "", "€3,718.20"),
]
_INCLUDED = (
    "Delivery on Wednesdays before seven, free of charge from 20 kg",
    "A fresh grinder setting with each new batch, by telephone or on site",
    "Cups for the breakfast room: 84 pieces, with your mark and ours",
)
_CLOSING = (
    "The prices hold until 30 June 2026. If the harvest in Huila comes in as it looks "
    "today, we shall be able to keep them through the summer."
)
_ESTIMATE = (
    "平素より格別のお引き立てを賜り、厚く御礼申し上げます。",
    (
        "ご依頼いただきましたコーヒー豆につきまして、下記の通りお見積り申し上げます。"
        "ご検討のほど、よろしくお願いいたします。"
    ),
)
_ITEMS = [
    ("品名", "数量", "単価", "金額"),
    ("アルスター(浅煎り)1kg", "24", "¥5,400", "¥129,600"),
    ("倉庫街エスプレッソ 1kg", "36", "¥5,100", "¥183,600"),
    ("夜勤カフェインレス 250g", "48", "¥2,100", "¥100,800"),
    ("小計", "", "", "¥414,000"),
    ("消費税(軽減税率 8%)", "", "", "¥33,120"),
    ("合計", "", "", "¥447,120"),
]
_REMARKS = (
    "一、本見積書の有効期限は発行日より六十日間です。",
    "二、納期はご注文後およそ三週間(航空便)です。",
    "三、お支払いは納品月の翌月末までにお願いいたします。",
)
