"""The manifests that we ship run as they are, and do what they say."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

MANIFESTS = command.ROOT / "manifests"
QUICKSTART = "01-quickstart.yaml"
BULK = "02-bulk-invoices.yaml"
FROM_CSV = "04-invoices-from-csv.yaml"
BY_SIZE = "03-modes-by-size.yaml"
MB = 1_000_000


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A copy of the manifests and their inputs, as they are in the repository."""
    made = shutil.ignore_patterns("out", "large", "*.batch", "__pycache__")
    return shutil.copytree(MANIFESTS, tmp_path / "manifests", ignore=made)


@pytest.fixture
def albums(samples: Path) -> Path:
    """The same, with the large inputs made."""
    script(samples, "make_large.py")
    return samples


def script(samples: Path, name: str) -> None:
    """Run one of the scripts of the manifests."""
    subprocess.run(
        [sys.executable, str(samples / name)],
        env=command.environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )


def run(samples: Path, *arguments: str | Path) -> Any:
    """Run a command to its end, beside the manifests."""
    return command.run(*arguments, folder=samples, timeout=200)


def pages(path: Path) -> list[str]:
    """The text of each page of a PDF, which must open."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        return [page.get_textpage().get_text_range() for page in document]


@pytest.mark.parametrize("name", sorted(path.name for path in MANIFESTS.glob("*.yaml")))
def test_every_manifest_is_valid_and_planned(albums: Path, name: str) -> None:
    """Without a fault, and with nothing left behind."""
    assert run(albums, "validate", name).returncode == 0
    planned = run(albums, "plan", name, "--json")
    assert planned.returncode == 0, planned.stderr
    plan = command.objects(planned.stdout)[-1]
    assert plan["todo"] == plan["documents"] > 0
    assert not list(albums.glob("*.batch"))


def test_the_schema_that_manifests_name_is_there() -> None:
    """An editor finds what the first line of each manifest promises."""
    for path in MANIFESTS.glob("*.yaml"):
        first = path.read_text("utf-8").splitlines()[0]
        promised = first.removeprefix("# yaml-language-server: $schema=")
        assert promised != first, path
        assert json.loads((MANIFESTS / promised).read_text("utf-8"))["$defs"]


# The first manifest: every kind of document.

OUTPUTS = {
    "autumn.pdf": 4,
    "delivery-note.pdf": 2,
    "for-the-hotel.pdf": 7,
    "guide-text.txt": 0,
    "guide/page-1.png": 0,
    "guide/page-2.png": 0,
    "guide/page-3.png": 0,
    "guide/page-4.png": 0,
    "guide/part-1.pdf": 2,
    "guide/part-2.pdf": 2,
    "invoice-first.pdf": 1,
    "invoices/KK-2026-0118.pdf": 1,
    "invoices/KK-2026-0119.pdf": 1,
    "invoices/KK-2026-0120.pdf": 1,
    "market.pdf": 1,
    "note-README.pdf": 1,
    "note-发票说明.pdf": 1,
    "offer.pdf": 1,
    "photo-harbour.pdf": 1,
    "photo-logo.pdf": 1,
    "prices.pdf": 1,
    "roast-log.pdf": 1,
    "stock.pdf": 1,
    "見積書.pdf": 1,
}
"""Every file that the first manifest makes, with its number of pages."""

WORDS = {
    "autumn.pdf": "Kilograms sold, by quarter",
    "for-the-hotel.pdf": "Brew guide",
    "invoice-first.pdf": "€1,800.40",
    "invoices/KK-2026-0120.pdf": "喫茶 鴨川",
    "market.pdf": "See you on Saturday",
    "note-README.pdf": "Roastery handbook",
    "note-发票说明.pdf": "付款方式",
    "offer.pdf": "€3,718.20",
    "prices.pdf": "60,183.50",
    "roast-log.pdf": "20260317-A05",
    "stock.pdf": "Yirgacheffe Aricha",
    "見積書.pdf": "¥447,120",
}
"""What can be read in some of them."""


def test_the_quickstart_makes_all_that_it_names(samples: Path) -> None:
    """Twenty documents, all three modes; run again, nothing is sent."""
    ended = run(samples, "run", QUICKSTART)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    check_outputs(samples / "out" / "quickstart")
    exported = run(samples, "ledger", "export", QUICKSTART, "--format", "jsonl")
    rows = command.objects(exported.stdout)
    assert len(rows) == 20
    assert {row["mode"] for row in rows} == {"sync", "async", "presigned"}
    again = run(samples, "run", QUICKSTART, "--json")
    assert again.returncode == 0
    assert command.objects(again.stdout)[-1]["ended"] == {}


def check_outputs(folder: Path) -> None:
    """Every output is there, opens, and says what it should."""
    files = {path for path in folder.rglob("*") if path.is_file()}
    assert {str(path.relative_to(folder)) for path in files} == set(OUTPUTS)
    for name, count in OUTPUTS.items():
        path = folder / name
        if path.suffix == ".pdf":
            texts = pages(path)
            assert len(texts) == count, name
            assert WORDS.get(name, "") in " ".join(texts), name
    assert "Grind coarse" in (folder / "guide-text.txt").read_text("utf-8")
    for path in folder.glob("guide/*.png"):
        check_picture(path)


def check_picture(path: Path) -> None:
    """A page of A5 at 96 dots an inch, with something on it."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.size == pytest.approx((559, 794), abs=1)
        assert len(picture.convert("L").getcolors() or ()) > 20


def test_the_inputs_can_be_made_again(samples: Path) -> None:
    """The scripts make what is in the repository."""
    before = {path.name for path in (samples / "in").rglob("*")}
    rows = (samples / "data" / "invoices.jsonl").read_bytes()
    for path in (*samples.glob("in/*.docx"), samples / "data" / "invoices.jsonl"):
        path.unlink()
    script(samples, "make_inputs.py")
    script(samples, "make_invoices.py")
    assert {path.name for path in (samples / "in").rglob("*")} == before
    assert (samples / "data" / "invoices.jsonl").read_bytes() == rows


# The second: a thousand invoices.


def test_invoices_say_whom_what_and_how_much(samples: Path) -> None:
    """The first sixty, against their data; totals were added up by another program."""
    ended = run(samples, "run", BULK, "--limit", "60", "--json")
    assert command.objects(ended.stdout)[-1]["ended"] == {"done": 60}, ended.stderr
    made = sorted((samples / "out" / "invoices").glob("*.pdf"))
    assert len(made) == 60
    lines = (samples / "data" / "invoices.jsonl").read_text("utf-8").splitlines()
    rows = {row["number"]: row for row in map(json.loads, lines)}
    assert sum(check_invoice(path, rows[path.stem]) for path in made) == 20


def check_invoice(path: Path, row: dict[str, Any]) -> bool:
    """Number, buyer, total on the page; says whether the row brought its total."""
    text = "\n".join(pages(path))
    flat = re.sub(r"\s", "", text)
    assert row["number"] in text
    assert re.sub(r"\s", "", row["buyer"]["name"]) in flat, path
    if "totals" not in row:
        return False
    gross = row["totals"]["gross"].replace(".", "")
    amounts = {re.sub(r"[^0-9]", "", line) for line in re.split(r"[\r\n]", text)}
    assert any(each.endswith(gross) for each in amounts), (path, gross)
    return True


def test_a_wrong_total_is_refused_before_anything_is_sent(samples: Path) -> None:
    """One cent too much in one row of a thousand."""
    data = samples / "data" / "invoices.jsonl"
    lines = data.read_text("utf-8").splitlines()
    row = json.loads(lines[300])
    row["totals"]["gross"] = "0.01"
    lines[300] = json.dumps(row, ensure_ascii=False)
    data.write_text("\n".join(lines), "utf-8")
    ended = run(samples, "run", BULK)
    assert ended.returncode == 1
    assert "data/invoices.jsonl:301:" in ended.stderr
    assert "0.01" in ended.stderr
    assert not (samples / "out").exists()


@pytest.mark.timeout(400)
def test_a_thousand_invoices_are_paid_once_through_a_kill(
    samples: Path, tmp_path: Path
) -> None:
    """SIGKILL at about half; the service would bill a second submit, and has none."""
    with command.service(tmp_path / "data", "--no-deduplication") as apart:
        manifest = samples / BULK
        said = manifest.read_text("utf-8")
        at = f"type: local\n    url: {apart.url}\n    key: ${{env:TEST_KEY}}\n"
        manifest.write_text(said.replace("type: local\n", at, 1), "utf-8")
        made = samples / "out" / "invoices"
        first = command.start("run", manifest, folder=samples)
        command.wait_for(lambda: len(list(made.glob("*.pdf"))) >= 480, timeout=200)
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=10)
        assert len(list(made.glob("*.pdf"))) < 1000
        ended = run(samples, "run", manifest)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert command.valid_pdfs(made) == 1000
        assert apart.get("/v1/bill")["accepted"] == 1000


# The third: modes by size, and flat memory.


def test_each_size_takes_its_own_way(albums: Path) -> None:
    """One reason for each document; the text of all of them arrives."""
    planned = run(albums, "plan", BY_SIZE, "--documents", "--json")
    rows = [each for each in command.objects(planned.stdout) if "reason" in each]
    assert {row["id"]: row["mode"] for row in rows} == {
        "small": "sync",
        "medium": "async",
        "large": "presigned",
    }
    assert len({row["reason"] for row in rows}) == 3
    one = peaks(albums, "--only", "small")
    every = peaks(albums)
    for name, count in (("small", 1), ("medium", 20), ("large", 120)):
        text = (albums / "out" / "albums" / f"{name}.txt").read_text("utf-8")
        assert f"page {count} of {count}" in text
    for who, peak in every.items():
        assert peak < 200 * MB, (who, peak)
        assert peak < one[who] + 20 * MB, (who, peak, one[who])


def peaks(samples: Path, *options: str) -> dict[str, int]:
    """Largest resident memory of the engine and of its service, in bytes."""
    running = command.start("run", samples / BY_SIZE, *options, folder=samples)
    engine = psutil.Process(running.pid)
    peak = {"engine": 0, "service": 0}
    while running.poll() is None:
        for who, memory in sampled(engine):
            peak[who] = max(peak[who], memory)
        time.sleep(0.005)
    assert running.returncode == 0
    assert min(peak.values()) > 10 * MB
    return peak


def sampled(engine: psutil.Process) -> Iterator[tuple[str, int]]:
    """The run and the service that it started, not the service's workers."""
    with contextlib.suppress(psutil.NoSuchProcess):
        yield "engine", engine.memory_info().rss
        for child in engine.children():
            yield "service", child.memory_info().rss


# The fourth manifest: numbers from a series, data from a shop's CSV file.


def test_invoices_out_of_a_csv_file_get_their_numbers(samples: Path) -> None:
    """In the order of the file; what was delivered does not change unnoticed."""
    ended = run(samples, "run", FROM_CSV)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "numbers KK-2026-01001 to KK-2026-01004 (4 new)" in ended.stdout
    made = sorted((samples / "out" / "march").glob("*.pdf"))
    assert [each.stem for each in made] == [f"KK-2026-0100{n}" for n in range(1, 5)]
    (first,) = pages(made[0])
    for text in ("KK-2026-01001", "Café Immergrün", "442,99", "1,5 Std.", "1. April"):
        assert text in first
    listed = run(samples, "numbers", "list", "numbers.sqlite", "--json")
    states = {x["document"]: x["state"] for x in command.objects(listed.stdout)}
    assert states == {f"A-310{n}": "delivered" for n in range(1, 5)}

    sales = samples / "data" / "sales.csv"
    text = sales.read_text("utf-8")
    sales.write_text(text.replace("4.890,00", "4.990,00"), "utf-8")
    refused = run(samples, "run", FROM_CSV)
    assert refused.returncode == 1
    assert "data/sales.csv:5:1: KK-2026-01002 was delivered" in refused.stderr
    sales.write_text(text, "utf-8")
    assert "nothing to do" in run(samples, "run", FROM_CSV).stdout

    voided = ("numbers", "void", "numbers.sqlite", "KK-2026-01002", "--reason", "typo")
    assert run(samples, *voided).returncode == 1
    assert run(samples, *voided, "--delivered").returncode == 0
    assert run(samples, "run", FROM_CSV).returncode == 0
    assert (samples / "out" / "march" / "KK-2026-01005.pdf").exists()
    checked = run(samples, "numbers", "check", "numbers.sqlite")
    assert checked.returncode == 0
    assert "KK-2026-01002: void since" in checked.stdout
    assert "no gap without an explanation" in checked.stdout


def test_a_rehearsal_takes_no_number(samples: Path) -> None:
    """It shows the pages with the numbers that they would get."""
    ended = run(samples, "run", "--rehearse", FROM_CSV)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not (samples / "numbers.sqlite").exists()
    folder = samples / "04-invoices-from-csv.rehearsal"
    assert len(list(folder.rglob("KK-2026-0100*.pdf"))) == 4
