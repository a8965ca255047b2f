"""Office documents to PDF with office2pdf."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import office2pdf

from orchestrator.service.render import faces, packed
from orchestrator.service.render.bench import Bench, output, versions
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

UNCALCULATED = (
    "the workbook has formulas without stored values: their cells are empty"
    " (LibreOffice, if installed, calculates them)"
)
_FONT = re.compile(r"fallback: (.+) rendered as (.+)$")
_ITS_OWN = "맑은 고딕"  # asked for by the converter itself
_FORMATS = {
    "docx": office2pdf.Format.DOCX,
    "xlsx": office2pdf.Format.XLSX,
    "pptx": office2pdf.Format.PPTX,
}


def convert(task: Task, bench: Bench) -> Answer:
    """Convert a Word, Excel or PowerPoint file."""
    path = Path(task.inputs[0])
    packed.check(path, task.source)
    options = office2pdf.ConvertOptions(
        font_paths=faces.office_folders(bench.scratch),
        last_resort_font_family=faces.LAST_RESORT,
    )
    try:
        made = office2pdf.convert_bytes(
            path.read_bytes(), _FORMATS[task.source], options
        )
    except office2pdf.UnsupportedEncryptionError:
        raise RenderError(
            "password_needed", "the document is protected by a password"
        ) from None
    except office2pdf.Office2PdfParseError as error:
        raise RenderError(
            "damaged_file", f"not a sound {task.source} file: {error}"
        ) from None
    except office2pdf.Office2PdfError as error:
        raise RenderError("render_failed", f"office2pdf: {error}") from None
    output(task).write_bytes(made.pdf)
    notes = [*_notes(map(str, made.warnings))]
    if task.source == "xlsx" and packed.is_uncalculated(path):
        notes.insert(0, UNCALCULATED)
    return Answer((str(output(task)),), versions("office2pdf-python"), _few(notes))


def _notes(warnings: Iterator[str]) -> Iterator[str]:
    """The converter's warnings, in plain words where they are about fonts."""
    for warning in warnings:
        font = _FONT.search(warning)
        if font is None:
            yield warning
        elif font[2] != ".notdef" and font[1] != _ITS_OWN:
            # It says .notdef of every missing font, also of one that has a double.
            real = faces.REAL_NAMES.get(font[2], font[2])
            yield f"the font {font[1]} is not here: {real} stands in for it"


def _few(notes: list[str], most: int = 20) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(notes))
    more = (f"and {len(kept) - most} more warnings",) if len(kept) > most else ()
    return kept[:most] + more
