"""Small pictures of invoices that were looked at, and how far a page is from them.

``python -m tests.pictures`` draws them anew after a change that is meant: look at each
page in full size before (``--large FOLDER`` writes them), and at the difference after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pypdfium2
from PIL import Image, ImageChops, ImageFilter, ImageStat

from orchestrator import designs
from tests import bills
from tests.press import press

HERE = Path(__file__).parent
SMALL = 0.3

CASES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "en": bills.english,
    "de-long": lambda: bills.german(120),
    "fr": lambda: bills.english() | {"language": "fr"},
    "es": lambda: bills.english() | {"language": "es"},
    "ja": bills.japanese,
    "zh": bills.chinese,
    "zh-Hant": lambda: bills.chinese() | {"language": "zh-Hant", "currency": "TWD"},
    "de-CH": bills.swiss,
    "de-CH-long": lambda: bills.swiss(24),
    "en-IN": bills.indian,
    "gross": bills.gross,
    "credit": bills.credit_note,
}


def pages(name: str, scale: float = SMALL) -> Iterator[tuple[Path, Image.Image]]:
    """Give the first page of a case and its last, each with its file's name."""
    pdf, _ = press(designs.find("invoice@1"), CASES[name]())
    document = pypdfium2.PdfDocument(pdf)
    for n in sorted({0, len(document) - 1}):
        picture = document[n].render(scale=scale).to_pil().convert("L")
        yield HERE / f"{name}-{n + 1}.png", picture
    document.close()


def distance(one: Image.Image, other: Image.Image) -> float:
    """How much two pages differ at their worst spot: 0 for equal, 255 at most.

    Blurred first, so that another rasterizer's edges do not count.
    """
    soft = [each.filter(ImageFilter.GaussianBlur(1.5)) for each in (one, other)]
    low, high = ImageStat.Stat(ImageChops.difference(*soft)).extrema[0]
    assert low <= high
    return float(high)
