"""Typst in a worker: plain text, tables, drawings, and users' designs."""

from __future__ import annotations

import csv
import heapq
import io
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.service.render import text
from orchestrator.service.render.bench import Bench, output
from orchestrator.service.render.task import Answer, Sheet, Task
from orchestrator.service.render.typeset import made_by
from orchestrator.service.render.work import RenderError

SHEETS = Path(__file__).parent.parent / "sheets"
COLUMNS = 88
MAX_CELLS = 2_000_000
TAGGED = 3_000  # lines or cells
_LINES = 40
_MEASURED = 5
_LONGEST = 200
_PAPERS = {"a4": "a4", "letter": "us-letter"}
_NUMBER = re.compile(
    r"[-+(]?\s*[^\W\d_]{0,3}[$€£¥₩]?\s*-?\d[\d.,'\u202f\u00a0 ]*\s*[%$€£¥₩]?\s*\)?"
)


def convert(task: Task, bench: Bench) -> Answer:
    """Compile the sheet of a task, or the one that shows its input."""
    notes: tuple[str, ...] = ()
    if task.sheet is not None:
        refuse_links(Path(task.sheet.root))
        sheet = task.sheet
    else:
        sheet, notes = _SHOWN[task.source](task)
    made, warnings = bench.typesetter.compile(sheet)
    path = output(task)
    path.write_bytes(made)
    return Answer((str(path),), made_by(), (*notes, *warnings))


def refuse_links(root: Path) -> None:
    """Refuse a design with symbolic links, which Typst would follow anywhere."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            if (Path(folder) / name).is_symlink():
                raise RenderError(
                    "render_failed",
                    f"the design holds a symbolic link, {name}; put the file itself"
                    " in its place",
                )


def _sheet(kind: str, name: str, data: Any, *, tags: bool) -> Sheet:
    content = msgspec.json.encode(data).decode()
    return Sheet(str(SHEETS / kind), "main.typ", {name: content}, tags=tags)


def _text(task: Task) -> tuple[Sheet, tuple[str, ...]]:
    read, notes = text.decode(Path(task.inputs[0]).read_bytes())
    pages = [
        [page[n : n + _LINES] for n in range(0, len(page), _LINES)]
        for page in text.pages(text.clean(read), COLUMNS)
    ]
    data = {"paper": _PAPERS[task.options.paper], "pages": pages}
    tags = sum(map(len, pages)) * _LINES <= TAGGED
    return _sheet("text", "text.json", data, tags=tags), notes


def _drawing(task: Task) -> tuple[Sheet, tuple[str, ...]]:
    read, notes = text.decode(Path(task.inputs[0]).read_bytes())
    return Sheet(str(SHEETS / "picture"), "main.typ", {"picture.svg": read}), notes


def _table(task: Task) -> tuple[Sheet, tuple[str, ...]]:
    read, notes = text.decode(Path(task.inputs[0]).read_bytes())
    rows = _rows(text.clean(read))
    columns = max(map(len, rows), default=0)
    if not columns:
        raise RenderError("damaged_file", "the table is empty")
    if columns * len(rows) > MAX_CELLS:
        raise RenderError("memory_limit", f"more than {MAX_CELLS:,} cells")
    rows = [row + [""] * (columns - len(row)) for row in rows]
    header, body = rows[0], rows[1:]
    data = {
        "paper": _PAPERS[task.options.paper],
        "numeric": [_is_numeric(column) for column in zip(*body, strict=True)]
        or [False] * columns,
        "longest": [_longest(column) for column in zip(*body, strict=True)]
        or [[]] * columns,
        "header": header,
        "rows": body,
    }
    tags = columns * len(rows) <= TAGGED
    return _sheet("table", "table.json", data, tags=tags), notes


def _rows(content: str) -> list[list[str]]:
    """Read rows, whatever separates the columns."""
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(
            content[:20_000], ",;\t|"
        )
    except csv.Error:
        dialect = csv.excel
    try:
        rows = list(csv.reader(io.StringIO(content), dialect))
    except csv.Error as error:
        raise RenderError(
            "damaged_file", f"the table cannot be read: {error}"
        ) from None
    return [[cell.strip() for cell in row] for row in rows if any(row)]


def _longest(column: tuple[str, ...]) -> list[str]:
    """The cells to measure: few enough to be quick, one of which is the widest."""
    cells = heapq.nlargest(
        _MEASURED, set(column), key=lambda each: (text.width(each), each)
    )
    return [each[:_LONGEST] for each in cells]


def _is_numeric(column: tuple[str, ...]) -> bool:
    filled = [cell for cell in column if cell]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)


_SHOWN = {"txt": _text, "csv": _table, "svg": _drawing}
