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

_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
# Some programs write an empty value; an empty text is one all the same.
_VALUE = re.compile(rb"<(?:\w+:)?v(?: [^>]*)?>[^<]")
_TEXT = re.compile(rb"<(?:\w+:)?c [^>]*t=[\"']str[\"']")
_CELL_END = re.compile(rb"</(?:\w+:)?c>")


def check(path: Path) -> None:
    """Refuse a document that unpacks to more than any honest one does.

    Raises:
        RenderError: ``memory_limit`` for a bomb; ``damaged_file`` for a zip that
            cannot be read. What is no zip at all is left to the converter.
    """
    if path.stat().st_size == 0:
        raise RenderError("damaged_file", "the file is empty")
    if not zipfile.is_zipfile(path):
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
