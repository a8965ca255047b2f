"""Pages of a PDF as pictures or text, with PDFium: one document a process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pypdfium2

from orchestrator.service.render.bench import Bench, output, versions
from orchestrator.service.render.options import Options
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

MAX_SIDE = 20_000
_PASSWORD = "password"  # noqa: S105 -- the word in PDFium's message


def convert(task: Task, bench: Bench) -> Answer:
    """Draw pages, or take their text."""
    document = _opened(Path(task.inputs[0]))
    try:
        numbers = chosen(task.options, len(document))
        if task.target == "txt":
            files = [_text(task, document, numbers)]
            return Answer(tuple(files), versions("pypdfium2"))
        files = [_drawn(task, document, numbers, n) for n in range(len(numbers))]
        return Answer(tuple(files), versions("pypdfium2", "pillow"))
    finally:
        document.close()


def chosen(options: Options, count: int) -> list[int]:
    """Indexes of the pages that were asked for, in that order."""
    if not options.pages:
        return list(range(count))
    numbers: list[int] = []
    for first, last in options.pages:
        stop = count if last is None else last
        if first > count or stop > count:
            raise RenderError("bad_params", f"pages: the document has {count}")
        numbers.extend(range(first - 1, stop))
    return numbers


def _opened(path: Path) -> Any:
    try:
        document = pypdfium2.PdfDocument(path)
        document.init_forms()
    except pypdfium2.PdfiumError as error:
        if _PASSWORD in str(error).lower():
            raise RenderError(
                "password_needed", "the document is protected by a password"
            ) from None
        raise RenderError("damaged_file", f"not a sound PDF: {error}") from None
    return document


def _text(task: Task, document: Any, numbers: Sequence[int]) -> str:
    """All text, pages parted by form feeds, as pdftotext does."""
    path = output(task)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for n, number in enumerate(numbers):
            page = document[number]
            read = page.get_textpage().get_text_range()
            file.write(("\f" if n else "") + read.replace("\r\n", "\n") + "\n")
            page.close()
    return str(path)


def _drawn(task: Task, document: Any, numbers: Sequence[int], n: int) -> str:
    path = output(task, n + 1 if len(numbers) > 1 else None)
    page = document[numbers[n]]
    scale = task.options.dpi / 72
    if max(page.get_size()) * scale > MAX_SIDE:
        raise RenderError(
            "bad_params", f"page {numbers[n] + 1} would be over {MAX_SIDE:,} pixels"
        )
    bitmap = page.render(scale=scale)
    picture = bitmap.to_pil()
    dpi = (task.options.dpi, task.options.dpi)
    if task.target == "png":
        picture.save(path, "PNG", compress_level=3, dpi=dpi)
    else:
        picture.convert("RGB").save(path, "JPEG", quality=task.options.quality, dpi=dpi)
    bitmap.close()
    page.close()
    return str(path)
