"""Bytes are what was asked for, or it is said what they are."""

import io
import zipfile
from pathlib import Path

import pytest

from orchestrator.model import Blame, Failure, Remedy
from orchestrator.transfer.check import (
    check,
    check_file,
    check_hash,
    check_length,
    may_be_empty,
)
from orchestrator.transfer.forms.window import Held
from orchestrator.transfer.names import final_paths, job_of, part_name


def judge(target: str, content: bytes) -> Failure | None:
    """The check of a whole file."""
    return check(target, Held(content))


def code(target: str, content: bytes) -> str | None:
    """Only the code."""
    failure = judge(target, content)
    return failure.code if failure else None


def zipped(comment: bytes = b"", member: str = "word/document.xml") -> bytes:
    """A small archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(member), "b")
        archive.comment = comment
    return file.getvalue()


PDF = (
    b"%PDF-1.7\n1 0 obj <</Type /Page>>\n" + b"x" * 99_999 + b"\nstartxref\n1\n%%EOF\n"
)
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 999 + b"\0\0\0\0IEND\xaeB`\x82"
JPG = b"\xff\xd8\xff\xe0\0\4ab\xff\xda\0\2" + b"x" * 999 + b"\xff\xd9"
GIF = b"GIF89a\1\0\1\0\0\0\0\x2c" + b"\0" * 8 + b"\0\2\1x\0\x3b"
TIFF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
PAGE = b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>"


@pytest.mark.parametrize(
    ("target", "content"),
    [
        ("pdf", PDF),
        ("pdf", b"\r\njunk first" + PDF + b"\0" * 1000),
        ("png", PNG),
        ("jpg", JPG),
        ("jpeg", JPG + b"\0\0"),
        ("gif", GIF),
        ("tiff", TIFF),
        ("tif", b"MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        ("docx", zipped()),
        ("xlsx", zipped(b"x" * 60_000, "xl/a")),
        ("zip", zipped()),
        ("rtf", b"{\\rtf1 \\} }\n"),
        ("txt", b"{ looks like JSON"),
        ("txt", "漢字".encode()),
        ("csv", b"a;b\n"),
        ("html", PAGE),
        ("xml", b"<?xml?><a/>"),
        ("json", b"{}"),
        ("strange", b"\0"),
    ],
)
def test_what_is_right_passes(target: str, content: bytes) -> None:
    """No good file is refused: it was paid for."""
    assert judge(target, content) is None


@pytest.mark.parametrize(
    ("target", "content", "expected"),
    [
        ("pdf", b"", "empty"),
        ("txt", b"", "empty"),
        ("pdf", PAGE, "not_a_pdf"),
        ("pdf", b"\xef\xbb\xbf \n<HTML>", "not_a_pdf"),
        ("pdf", b"<!-- proxy --> <html>", "not_a_pdf"),
        ("pdf", b'{"error": 1}', "not_a_pdf"),
        ("pdf", b"x" * 2000 + PDF, "not_a_pdf"),
        ("pdf", PDF[:-20], "truncated"),
        ("pdf", PDF + b"z" * 5000, "truncated"),
        ("pdf", PDF + b"9 0 obj", "truncated"),
        ("pdf", PDF.replace(b"\n1\n%%", b"\n999999\n%%"), "truncated"),
        ("png", PNG[:-20], "truncated"),
        ("png", JPG, "not_a_png"),
        ("jpg", JPG[:-2], "truncated"),
        ("jpg", PNG, "not_a_jpg"),
        ("gif", GIF[:-1], "truncated"),
        ("gif", GIF[:13] + b"?" + GIF[14:], "truncated"),
        ("tiff", TIFF[:-1], "truncated"),
        ("rtf", b"{\\rtf1 {}", "truncated"),
        ("rtf", b"{\\rtf1 \\bin3 {{{", "truncated"),
        ("doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "truncated"),
        ("txt", "漢字".encode()[:-1], "truncated"),
        ("txt", PDF, "not_a_txt"),
        ("json", b'{"a": [1, 2]', "truncated"),
        ("json", b'["]', "truncated"),
        ("xml", b"<a><b></a", "truncated"),
        ("svg", b"<a/>", "not_a_svg"),
        ("html", b'{"error": 1}', "not_a_html"),
        ("webp", b"RIFF\0\0\0\0WAVE", "not_a_webp"),
        ("heic", b"\0\0\0\x10ftypheic", "truncated"),
        ("zip", b"PK\x05\x06" + b"\0" * 18, "empty"),
        ("tiff", PNG, "not_a_tiff"),
        ("docx", zipped()[:60], "truncated"),
        ("docx", PDF, "not_a_docx"),
        ("doc", zipped(), "not_a_doc"),
        ("txt", PAGE, "not_a_txt"),
        ("strange", PAGE, "not_a_strange"),
    ],
)
def test_what_is_wrong_is_named(target: str, content: bytes, expected: str) -> None:
    """The code says what came, and a fetch may be repeated."""
    failure = judge(target, content)
    assert failure is not None
    assert failure.code == expected
    assert failure.blame is Blame.SERVICE
    assert failure.remedy is Remedy.RETRY


def test_every_cut_of_a_pdf_is_seen() -> None:
    """Wherever it ends early."""
    assert all(code("pdf", PDF[:n]) for n in range(0, len(PDF) - 6, 997))


def test_length_and_hash_are_compared_where_declared() -> None:
    """And only there; hashes come in either case."""
    assert check_length(3, None) is None
    assert check_length(3, 3) is None
    assert check_length(3, 4) is not None
    assert check_length(0, 4) is not None
    assert check_hash("ab", None) is None
    assert check_hash("ab", "AB") is None
    assert check_hash("ab", "ac") is not None


def test_a_file_on_disk_is_checked_again(tmp_path: Path) -> None:
    """As it was when it came; an empty text was declared so then."""
    (tmp_path / "good.pdf").write_bytes(PDF)
    (tmp_path / "cut.pdf").write_bytes(PDF[:-20])
    (tmp_path / "empty").write_bytes(b"")
    assert check_file(tmp_path / "good.pdf", "pdf") is None
    failure = check_file(str(tmp_path / "cut.pdf"), "pdf")
    assert failure is not None
    assert failure.code == "truncated"
    assert check_file(tmp_path / "empty", "txt") is None
    assert check_file(tmp_path / "empty", "pdf") is not None
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path / "none.pdf", "pdf")


def test_only_a_text_may_be_empty() -> None:
    """A page without words has none; a PDF is never nothing."""
    assert may_be_empty("txt")
    assert not may_be_empty("pdf")


@pytest.mark.parametrize(
    ("output", "count", "paths"),
    [
        ("/o/a.pdf", 1, ["/o/a.pdf"]),
        ("/o/{n}.png", 2, ["/o/1.png", "/o/2.png"]),
        ("/o/{n:03}/{n}.png", 1, ["/o/001/1.png"]),
        ("/o.d/a.png", 2, ["/o.d/a-1.png", "/o.d/a-2.png"]),
        ("/o/{x}.pdf", 1, ["/o/{x}.pdf"]),
        ("/o/a{n}.pdf", 0, []),
    ],
)
def test_outputs_are_numbered_from_one(
    output: str, count: int, paths: list[str]
) -> None:
    """Where there is a place for it, or several files need it."""
    assert final_paths(output, count) == paths


def test_a_part_is_known_by_its_name() -> None:
    """It is hidden and leads back to its job."""
    name = part_name("0123456789abcdef0123456789abcdef", 12)
    assert name.startswith(".")
    assert job_of(name) == "0123456789abcdef0123456789abcdef"
    assert job_of("a.part") is None
