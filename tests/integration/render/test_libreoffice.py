"""What a LibreOffice on the machine adds; skipped where there is none."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from orchestrator.service.render.rendering import (
    Rendering,
    RenderSettings,
    office_program,
)
from orchestrator.service.render.work import RenderError
from tests.integration.render import documents
from tests.integration.render.bench import Bench, pages, words

pytestmark = [
    pytest.mark.skipif(office_program() is None, reason="LibreOffice is not here"),
    pytest.mark.timeout(60),
]


@pytest.fixture
async def office(scratch: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """A renderer that insists on LibreOffice."""
    settings = RenderSettings(
        scratch=scratch, workers=1, time_limit=40, libreoffice=True
    )
    renderer = Rendering(settings)
    await renderer.start()
    yield Bench(renderer, tmp_path)
    await renderer.close()


async def test_formulas_are_calculated(office: Bench) -> None:
    """A workbook without values goes to who can calculate."""
    made = await office.convert("a.xlsx", documents.workbook(formula=True))
    assert "7080" in words(made.files[0].path)
    assert made.converter.startswith("libreoffice 7") or made.converter[-1].isdigit()
    assert not any("formulas" in note for note in made.warnings)
    plain = await office.convert("b.xlsx", documents.workbook())
    assert "office2pdf" in plain.converter


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.odt", documents.open_text()), ("a.rtf", documents.rich())],
    ids=["odt", "rtf"],
)
async def test_open_formats_keep_their_layout(
    name: str, data: bytes, office: Bench
) -> None:
    """LibreOffice is asked first, with our fonts for what the machine lacks."""
    made = await office.convert(name, data)
    assert made.converter.startswith("libreoffice")
    assert documents.CJK in words(made.files[0].path)


async def test_old_formats_are_read(office: Bench, tmp_path: Path) -> None:
    """A document of the nineties, made by LibreOffice itself."""
    (tmp_path / "a.docx").write_bytes(documents.letter())
    program = office_program()
    assert program is not None
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    old = ["--headless", "--convert-to", "doc", "--outdir", str(tmp_path)]
    for _ in range(2):
        # A new profile makes it ask for a second start.
        command = [program, profile, *old, str(tmp_path / "a.docx")]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await process.wait()
    made = await office.convert("a.doc", (tmp_path / "a.doc").read_bytes())
    assert made.converter.startswith("libreoffice")
    assert pages(made.files[0].path) == 1


async def test_what_it_cannot_open_is_said(office: Bench) -> None:
    """The first error is told, after all were asked."""
    with pytest.raises(RenderError) as failed:
        await office.convert("a.docx", b"PK\x03\x04 nothing")
    assert failed.value.code == "damaged_file"


async def test_it_ends_with_the_work(office: Bench) -> None:
    """A cancelled work leaves no LibreOffice behind."""

    def offices() -> list[psutil.Process]:
        return [
            each
            for each in psutil.Process().children(recursive=True)
            if "soffice" in each.name()
        ]

    await office.convert("a.odt", documents.open_text())
    assert offices() == []
    work = asyncio.create_task(office.convert("a.odt", documents.open_text()))
    async with asyncio.timeout(10):
        while not offices():
            await asyncio.sleep(0.01)
    (running,) = offices()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    async with asyncio.timeout(5):
        while running.is_running():
            await asyncio.sleep(0.02)
