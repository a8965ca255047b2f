"""Zipped documents: refuse bombs before anything unpacks them, look for formulas."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from orchestrator.service.render.work import RenderError

MAX_UNPACKED = 1 << 30
MAX_PART = 512 << 20
MAX_PARTS = 50_000
MAX_RATIO = 250
SMALL = 64 << 20
MAX_SCANNED = 256 << 20

_ZIPPED = frozenset({"docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"})
_ENCRYPTED = bytes.fromhex("d0cf11e0a1b11ae1")
_MARKS = (
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"%pdf-", "a PDF"),
    (b"{\\rtf", "an RTF file"),
    (b"<?xml", "an XML file"),
)

_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
# Some programs write an empty value; an empty text is one all the same.
_VALUE = re.compile(rb"<(?:\w+:)?v(?: [^>]*)?>[^<]")
_TEXT = re.compile(rb"<(?:\w+:)?c [^>]*t=[\"']str[\"']")
_CELL_END = re.compile(rb"</(?:\w+:)?c>")


def check(path: Path, source: str) -> None:
    """Refuse a document that unpacks to more than any honest one does.

    Raises:
        RenderError: ``memory_limit`` for a bomb; ``damaged_file`` for a zip that
            cannot be read, and for something else under a zipped format's name: a
            converter that guesses would make a document of half of it.
    """
    if path.stat().st_size == 0:
        raise RenderError("damaged_file", "the file is empty")
    if not zipfile.is_zipfile(path):
        if source in _ZIPPED:
            _refuse_other(path, source)
        return
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RenderError("damaged_file", f"the file is damaged: {error}") from None
    total = sum(part.file_size for part in parts)
    largest = max((part.file_size for part in parts), default=0)
    swollen = total > SMALL and total > MAX_RATIO * path.stat().st_size
    if total > MAX_UNPACKED or largest > MAX_PART or len(parts) > MAX_PARTS or swollen:
        raise RenderError(
            "memory_limit",
            f"the document unpacks from {path.stat().st_size:,} to {total:,} bytes in"
            f" {len(parts):,} parts, more than is allowed",
        )


def _refuse_other(path: Path, source: str) -> None:
    """Say what it is instead; encrypted ones are no zip, and left to the converter."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(_ENCRYPTED):
        return
    looks = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    what = next((word for mark, word in _MARKS if looks.startswith(mark)), "")
    instead = f"it is {what}" if what else f"it is no {source} file, or cut"
    raise RenderError("damaged_file", f"named .{source}, but {instead}")


def _chunks(packed: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with packed.open(name) as part:
        read = 0
        while read < MAX_SCANNED and (chunk := part.read(1 << 20)):
            read += len(chunk)
            yield chunk


def _has_empty_formula(chunks: Iterator[bytes]) -> bool:
    """Whether a cell has a formula and no value; cells may span two chunks."""
    rest = b""
    for chunk in chunks:
        *cells, rest = _CELL_END.split(rest + chunk)
        for cell in cells:
            formula = _FORMULA.search(cell)
            if formula and not _VALUE.search(cell) and not _TEXT.search(cell):
                return True
    return False


def is_uncalculated(path: Path) -> bool:
    """Whether a workbook has formulas whose values were never stored."""
    try:
        with zipfile.ZipFile(path) as packed:
            sheets = [
                name
                for name in packed.namelist()
                if name.startswith("xl/worksheets/") and name.endswith(".xml")
            ]
            return any(_has_empty_formula(_chunks(packed, name)) for name in sheets)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError):
        return False
