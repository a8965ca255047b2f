"""A deck of four slides, one with a chart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR
from pptx.util import Inches, Pt

GREEN, ORANGE, CREAM, INK = (
    RGBColor(0x2F, 0x4A, 0x43),
    RGBColor(0xC9, 0x8A, 0x4B),
    RGBColor(0xFB, 0xF8, 0xF2),
    RGBColor(0x2B, 0x23, 0x20),
)
WHITE = RGBColor(0xFF, 0xFF, 0xFF)


def deck(path: Path) -> None:
    """The plan for the autumn."""
    show: Any = Presentation()
    show.slide_width, show.slide_height = Inches(13.333), Inches(7.5)
    _cover(show)
    _points(show)
    _chart(show)
    _table(show)
    about = show.core_properties
    about.title, about.author = "Autumn 2026", "Kessel & Korn"
    about.created = about.modified = datetime(2026, 3, 17, 9, 0, tzinfo=UTC)
    about.last_modified_by, about.revision = "", 1
    show.save(str(path))


def _slide(show: Any, colour: RGBColor) -> Any:
    slide = show.slides.add_slide(show.slide_layouts[6])
    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = colour
    return slide


def _text(
    slide: Any,
    box: tuple[float, float, float, float],
    text: str,
    size: float,
    colour: RGBColor,
    *,
    bold: bool = False,
) -> None:
    frame = slide.shapes.add_textbox(*map(Inches, box)).text_frame
    frame.word_wrap = True
    for n, line in enumerate(text.split("\n")):
        paragraph = frame.paragraphs[0] if n == 0 else frame.add_paragraph()
        paragraph.space_after = Pt(size / 2)
        run = paragraph.add_run()
        run.text = line
        run.font.size, run.font.bold, run.font.name = Pt(size), bold, "Arial"
        run.font.color.rgb = colour


def _bar(slide: Any, box: tuple[float, float, float, float], colour: RGBColor) -> None:
    bar = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *map(Inches, box))
    bar.fill.solid()
    bar.fill.fore_color.rgb = colour
    bar.line.fill.background()


def _headed(show: Any, title: str) -> Any:
    slide = _slide(show, CREAM)
    _bar(slide, (0, 0, 0.22, 7.5), GREEN)
    _text(slide, (0.8, 0.55, 11.8, 0.9), title, 32, GREEN, bold=True)
    return slide


def _cover(show: Any) -> None:
    slide = _slide(show, GREEN)
    _text(slide, (1, 2.3, 11, 1.3), "Autumn 2026", 60, WHITE, bold=True)
    _bar(slide, (1.1, 3.75, 1.6, 0.08), ORANGE)
    under = "Three coffees, two cities, one new drum"
    _text(slide, (1, 4.05, 11, 0.8), under, 24, CREAM)
    _text(slide, (1, 6.5, 11, 0.5), "Kessel & Korn · 17 March 2026", 14, CREAM)


def _points(show: Any) -> None:
    slide = _headed(show, "What we have learned since spring")
    for n, (figure, words) in enumerate(_LEARNED):
        top = 1.75 + n * 1.75
        _text(slide, (0.8, top, 3.2, 1.2), figure, 44, ORANGE, bold=True)
        _text(slide, (4.1, top + 0.13, 8.4, 1.2), words, 20, INK)


def _chart(show: Any) -> None:
    slide = _headed(show, "Kilograms sold, by quarter")
    data = CategoryChartData()
    data.categories = ["Q1 2025", "Q2 2025", "Q3 2025", "Q4 2025", "Q1 2026"]
    data.add_series("Filter", (820, 905, 870, 1240, 1315))
    data.add_series("Espresso", (1460, 1520, 1610, 1905, 2080))
    box = map(Inches, (0.8, 1.6, 11.7, 5.4))
    frame = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *box, data)
    chart = frame.chart
    chart.has_legend = True
    chart.legend.position = XL_LEGEND_POSITION.BOTTOM
    chart.legend.include_in_layout = False
    chart.font.size, chart.font.name = Pt(14), "Arial"
    plot = chart.plots[0]
    plot.gap_width, plot.overlap = 80, -10
    for series, colour in zip(plot.series, (ORANGE, GREEN), strict=True):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = colour


def _table(show: Any) -> None:
    slide = _headed(show, "The new drum, week by week")
    box = map(Inches, (0.8, 1.7, 11.7, 4))
    table = slide.shapes.add_table(len(_WEEKS), 3, *box).table
    for n, width in enumerate((2.2, 6.5, 3.0)):
        table.columns[n].width = Inches(width)
    for n, row in enumerate(_WEEKS):
        for m, text in enumerate(row):
            cell = table.cell(n, m)
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            cell.fill.solid()
            cell.fill.fore_color.rgb = GREEN if n == 0 else (CREAM, WHITE)[n % 2]
            run = cell.text_frame.paragraphs[0].add_run()
            run.text = text
            run.font.size, run.font.bold, run.font.name = Pt(16), n == 0, "Arial"
            run.font.color.rgb = WHITE if n == 0 else INK


_LEARNED = (
    ("+42 %", "Espresso in kilograms, first quarter against the same quarter of 2025."),
    ("9 of 10", "Hotels that tried one coffee for a month have ordered the second."),
    ("4 days", "Bags that rest for four days come back half as often as fresh ones."),
)
_WEEKS = (
    ("Week", "What happens", "Who"),
    ("36", "The drum arrives at the quay, two floors by crane", "Maren, harbour crew"),
    ("37", "Gas, exhaust, acceptance by the district office", "Jonas"),
    ("38", "Sixteen test batches, all of them cupped blind", "Everybody"),
    ("39", "First delivery from the new drum: Hotel Fährhaus", "Maren, Aiko"),
    ("40", "Open day, with the old drum still warm", "Everybody"),
)
