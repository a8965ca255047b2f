"""Pages of invoices as a reader gets them: codes, carried sums, looks, bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from orchestrator import designs
from orchestrator.invoices import compute
from orchestrator.invoices.paycode import code_for
from tests import bills, pictures
from tests.bills import read
from tests.press import press

MM = 72 / 25.4


def _pdf(params: dict[str, Any]) -> bytes:
    pdf, warnings = press(designs.find("invoice@1"), params)
    assert not warnings
    return pdf


def _rendered(params: dict[str, Any], scale: float = 3) -> Iterator[Image.Image]:
    document = pypdfium2.PdfDocument(_pdf(params))
    for page in document:
        yield page.render(scale=scale).to_pil().convert("L")
    document.close()


def _texts(params: dict[str, Any]) -> list[str]:
    document = pypdfium2.PdfDocument(_pdf(params))
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


def _no_payer() -> dict[str, Any]:
    params = bills.swiss()
    params["buyer"]["address"] = {"city": "Bern", "country": "CH"}
    return params


@pytest.mark.parametrize(
    "params",
    [
        bills.english(),
        bills.german(60),
        bills.swiss(),
        bills.swiss(24),
        bills.swiss(60),
        _no_payer(),
    ],
)
def test_the_code_on_the_page_says_what_is_due(params: dict[str, Any]) -> None:
    """Read from the last page by a reader that knows nothing of us."""
    invoice = read(params)
    code = code_for(invoice, compute(invoice))
    assert code is not None
    *others, last = _rendered(params)
    (found,) = zxingcpp.read_barcodes(last)
    assert found.bytes.decode() == code.payload
    assert found.ec_level == "M"
    assert not any(map(zxingcpp.read_barcodes, others))


def test_a_swiss_slip_stands_where_the_standard_has_it() -> None:
    """The code is 46 mm wide, 67 mm from the left and 42 mm above the foot; a cross."""
    scale = 300 / 72
    (page,) = _rendered(bills.swiss(), scale)
    (found,) = zxingcpp.read_barcodes(page)
    corner, opposite = found.position.top_left, found.position.bottom_right
    mm = scale * MM
    assert corner.x / mm == pytest.approx(67, abs=0.5)
    assert (page.height - opposite.y) / mm == pytest.approx(42, abs=0.5)
    assert (opposite.x - corner.x) / mm == pytest.approx(46, abs=0.5)

    def look(x: float, y: float) -> object:
        place = ((67 + 23 + x) * mm, (297 - 42 - 23 + y) * mm)
        return page.getpixel((round(place[0]), round(place[1])))

    assert [look(0, 0), look(1.5, 0), look(0, 1.5), look(3.25, 0)] == [255] * 4
    assert [look(1.5, 1.5), look(-1.5, 1.5), look(2.5, 0)] == [0] * 3
    words = _texts(bills.swiss())[0]
    for each in ("Empfangsschein", "Zahlteil", "Annahmestelle", "14 774.25"):
        assert each in words


@pytest.mark.parametrize("count", [40, 61, 120])
def test_sums_go_from_page_to_page(count: int) -> None:
    """What a page carries over is what the next one starts with, and adds up."""
    params = bills.german(count)
    amounts = [each.amount for each in compute(read(params)).lines]
    pages = [_carried(each) for each in _texts(params)]
    assert len(pages) > 1
    for (_, after), (before, _) in pairwise(pages):
        assert after == before
        assert after in {sum(amounts[:n], Decimal(0)) for n in range(1, count)}
    assert pages[0][0] is None
    assert pages[-1][1] is None


def _carried(text: str) -> tuple[Decimal | None, Decimal | None]:
    """The sum that a page brings along, and the one that it passes on."""
    lines = [each.strip() for each in text.splitlines()]
    found = [n for n, each in enumerate(lines) if each.startswith("Übertrag")]
    first_row = next(n for n, each in enumerate(lines) if each.startswith("#")) + 8
    sums = {n < first_row: _amount(lines[n], lines[n + 1]) for n in found}
    return sums.get(True), sums.get(False)


def _amount(line: str, after: str) -> Decimal:
    text = line.removeprefix("Übertrag").strip() or after
    return Decimal(text.split()[0].replace(".", "").replace(",", "."))


def test_sums_are_carried_only_where_that_is_wanted() -> None:
    """Neither on a single page, nor against the sender's will."""
    assert "Übertrag" not in "".join(_texts(bills.german(6)))
    params = bills.german(60)
    params["style"] |= {"carry": False}
    assert "Übertrag" not in "".join(_texts(params))


def test_no_row_is_split() -> None:
    """A row with much to say goes to the next page as a whole."""
    params = bills.german(40)
    for n, each in enumerate(params["lines"]):
        each["description"] = f"Anfang{n}x " + "viel Text " * 60 + f"Ende{n}x"
    pages = _texts(params)
    for n in range(40):
        (place,) = [k for k, each in enumerate(pages) if f"Anfang{n}x" in each]
        assert f"Ende{n}x" in pages[place]


@pytest.mark.parametrize("wide", ["W", "請"])
@pytest.mark.parametrize("count", [4, 9, 14, 19])
def test_a_page_that_is_guessed_to_fit_fits(count: int, wide: str) -> None:
    """The widest letters, as many as may just fit: pages are as many as they say."""
    name = " ".join([wide * 7] * 4)
    lines = [bills.line(name=name, description=name) for _ in range(count // 2)]
    params = bills.bill(*lines, notes=[" ".join([wide * 9] * count)])
    params["seller"]["name"] = params["buyer"]["name"] = name
    pages = _texts(params)
    assert f"of {len(pages)}" in pages[-1]
    assert "Page 1 of" in pages[0]


@pytest.mark.parametrize("name", pictures.CASES)
def test_pages_look_as_they_did(name: str) -> None:
    """Against small pictures; tests/pictures says how to renew them."""
    for path, picture in pictures.pages(name):
        with Image.open(path) as seen:
            assert seen.size == picture.size
            assert pictures.distance(seen, picture) < 24


PRINT = """
import hashlib, json, sys
from orchestrator import designs
from tests.press import press
for params in json.load(sys.stdin):
    pdf, _ = press(designs.find("invoice@1"), params)
    print(hashlib.sha256(pdf).hexdigest())
"""


def test_the_same_input_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    """In another process, folder, time zone and language, with another hash seed."""
    data = [bills.german(40), bills.japanese(), bills.swiss(), bills.chinese()]
    here = [hashlib.sha256(_pdf(each)).hexdigest() for each in data]
    root = str(Path(__file__).parents[2])
    elsewhere = {
        "PATH": os.defpath,
        "PYTHONPATH": root,
        "PYTHONHASHSEED": "77",
        "TZ": "Pacific/Auckland",
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "1",
    }
    made = subprocess.run(
        [sys.executable, "-c", PRINT],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=elsewhere,
    )
    assert made.stdout.split() == here
