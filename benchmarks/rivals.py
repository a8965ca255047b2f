"""The same page by two other makers of PDFs, from the same prepared texts.

Both set parties, meta, lines, totals and payment in one font. They have less to do than
the design: no logo, no second weight, no measuring of what fits, no PDF/A, no codes.
"""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Page = Mapping[str, Any]
Maker = Callable[[Page], bytes]


def makers() -> dict[str, Maker]:
    """Those that are installed (extra ``bench``), by their names."""
    found: dict[str, Maker] = {}
    if find_spec("reportlab"):
        found["ReportLab"] = by_reportlab
    if find_spec("weasyprint"):
        try:
            import weasyprint  # noqa: F401, PLC0415  # needs Pango of the system
        except OSError:
            return found
        found["WeasyPrint"] = by_weasyprint
    return found


def _font() -> Path:
    spec = find_spec("fontpkg_noto_sans")
    assert spec is not None
    assert spec.origin is not None
    faces = Path(spec.origin).parent.rglob("NotoSans*.ttf")
    return min(each for each in faces if "-Italic" not in each.name)


def _facts(page: Page) -> tuple[list[str], list[str]]:
    seller, buyer = page["seller"], page["buyer"]
    ids = [" ".join(each) for each in seller["ids"]]
    return (
        [seller["name"], *seller["lines"], *seller["contact"], *ids],
        [buyer["label"], buyer["name"], *buyer["lines"]],
    )


def _rows(page: Page) -> list[list[str]]:
    heads, words = page["table"]["heads"], page["words"]
    keys = ("quantity", "unit", "price", "rate", "amount")
    first = [heads["id"], words["description"], *(heads[key] for key in keys)]
    rows = page["table"]["rows"]
    return [first] + [
        [each["id"], each["name"], *(each[key] for key in keys)] for each in rows
    ]


@cache
def _sheet() -> Any:
    import weasyprint  # noqa: PLC0415  # an extra
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

    fonts = FontConfiguration()
    style = f"""
      @font-face {{ font-family: N; src: url({_font().as_uri()}) }}
      @page {{ size: A4; margin: 20mm 20mm 28mm; @bottom-right {{
        content: counter(page) " / " counter(pages); font: 7pt N }} }}
      body {{ font: 9pt N }} h1 {{ font-size: 25pt; color: #0f4c5c; font-weight: 300 }}
      table {{ width: 100%; border-collapse: collapse }}
      td, th {{ border-bottom: .4pt solid #d5dbe2; padding: 2mm 4pt;
        text-align: right }}
      td:nth-child(2), th:nth-child(2) {{ text-align: left }}
      .two {{ display: flex; justify-content: space-between }}
    """
    return weasyprint.CSS(string=style, font_config=fonts), fonts


def by_weasyprint(page: Page) -> bytes:
    """Set the page by HTML and CSS."""
    import weasyprint  # noqa: PLC0415  # an extra

    style, fonts = _sheet()
    pdf: bytes = weasyprint.HTML(string=_html(page)).write_pdf(
        stylesheets=[style], font_config=fonts
    )
    return pdf


def _html(page: Page) -> str:
    say = html.escape
    seller, buyer = ("<br>".join(map(say, each)) for each in _facts(page))
    meta = "<br>".join(say(" ".join(each)) for each in page["meta"])
    rows = "".join(
        "<tr>" + "".join(f"<td>{say(cell)}</td>" for cell in row) + "</tr>"
        for row in _rows(page)
    )
    sums = "".join(
        f"<tr><td>{say(each['label'])}</td><td>{say(each['value'])}</td></tr>"
        for each in page["totals"]
    )
    pay = "<br>".join(say(" ".join(each)) for each in page["payment"])
    rest = "<br>".join(map(say, [*page["terms"], *page["notes"]]))
    return (
        f"<div class=two><h1>{say(page['title'])}</h1><p>{seller}</p></div>"
        f"<div class=two><p>{buyer}</p><p>{meta}</p></div><table>{rows}</table>"
        f"<table>{sums}</table><div class=two><p>{rest}</p><p>{pay}</p></div>"
    )


@cache
def _reportlab_font() -> str:
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415  # an extra
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    pdfmetrics.registerFont(TTFont("N", str(_font())))
    return "N"


def by_reportlab(page: Page) -> bytes:
    """Set the page by platypus."""
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415  # an extra
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.platypus import (  # noqa: PLC0415
        Paragraph,
        SimpleDocTemplate,
        Spacer,
        Table,
    )

    font = _reportlab_font()
    plain = ParagraphStyle("p", fontName=font, fontSize=9, leading=12)
    large = ParagraphStyle("h", fontName=font, fontSize=25, leading=30)

    def block(lines: list[str]) -> Any:
        return Paragraph("<br/>".join(map(html.escape, lines)), plain)

    def grid(rows: list[list[Any]]) -> Any:
        line = ("LINEBELOW", (0, 0), (-1, -1), 0.4, "#d5dbe2")
        face = ("FONT", (0, 0), (-1, -1), font, 9)
        return Table(rows, style=[line, face], repeatRows=1, hAlign="RIGHT")

    seller, buyer = _facts(page)
    meta = [" ".join(each) for each in page["meta"]]
    pay = [" ".join(each) for each in page["payment"]]
    stream = io.BytesIO()
    document = SimpleDocTemplate(stream, pagesize=A4)
    title = Paragraph(html.escape(page["title"]), large)
    top = [[title, block(seller)], [block(buyer), block(meta)]]
    lines = [[n, block([name]), *rest] for n, name, *rest in _rows(page)]
    document.build(
        [
            Table(top, colWidths=[260, 190]),
            Spacer(1, 12),
            grid(lines),
            grid([[each["label"], each["value"]] for each in page["totals"]]),
            Table([[block([*page["terms"], *page["notes"]]), block(pay)]]),
        ]
    )
    return stream.getvalue()
