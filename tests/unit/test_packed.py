"""Zipped documents are judged before they are unpacked."""

import zipfile
from pathlib import Path

import pytest

from orchestrator.service.render import packed
from orchestrator.service.render.work import RenderError


def zipped(path: Path, **parts: bytes) -> Path:
    """A zip with these sheets."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(f"xl/worksheets/{name}.xml", data)
    return path


def test_an_honest_file_passes(tmp_path: Path) -> None:
    """Also one that is no zip: its converter will say what it is."""
    packed.check(zipped(tmp_path / "a", sheet=b"<x/>" * 1000), "ods")
    (tmp_path / "b").write_bytes(b"no zip")
    packed.check(tmp_path / "b", "doc")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"  <!DOCTYPE html><p>", "a web page"),
        (b"%PDF-1.7", "a PDF"),
        (b"{\\rtf1", "an RTF file"),
        (b"PK\x03\x04 cut", "no docx file, or cut"),
    ],
)
def test_another_format_under_a_zipped_name_is_refused(
    tmp_path: Path, head: bytes, said: str
) -> None:
    """A converter that guesses would make a document of half of it."""
    (tmp_path / "a").write_bytes(head)
    with pytest.raises(RenderError, match=f"named .docx, but it is {said}"):
        packed.check(tmp_path / "a", "docx")
    (tmp_path / "a").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99))
    packed.check(tmp_path / "a", "docx")


def test_a_bomb_does_not(tmp_path: Path) -> None:
    """It unpacks to hundreds of times its size."""
    with pytest.raises(RenderError, match="unpacks") as refused:
        packed.check(zipped(tmp_path / "a", sheet=bytes(80 << 20)), "ods")
    assert refused.value.code == "memory_limit"


@pytest.mark.parametrize(
    ("cell", "is_uncalculated"),
    [
        (b"<c r='A1'><v>1</v></c>", False),
        (b"<c r='A1'><f>B1*2</f><v>4</v></c>", False),
        (b"<c r='A1'><f>B1*2</f></c>", True),
        (b"<c r='A1'><f>B1*2</f><v></v></c>", True),
        (b"<c r='A1'><f>B1*2</f><v/></c>", True),
        (b"<c r='A1' t='str'><f>B1&amp;C1</f><v></v></c>", False),
        (b"<x:c r='A1'><x:f>B1*2</x:f></x:c>", True),
        (b"<c r='A1'/><c r='B1'><f>A1</f><v>0</v></c>", False),
    ],
)
def test_a_formula_without_a_value_is_found(
    cell: bytes,
    is_uncalculated: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """Wherever it stands: the sheet is read in pieces."""
    filler = b"<c r='Z1'><v>1</v></c>" * 60_000
    book = zipped(tmp_path / "a", one=b"<row>", two=filler + cell + filler)
    assert packed.is_uncalculated(book) is is_uncalculated


def test_no_workbook_has_no_formulas(tmp_path: Path) -> None:
    """What cannot be read is for the converter to judge."""
    (tmp_path / "a").write_bytes(b"no zip")
    assert not packed.is_uncalculated(tmp_path / "a")
