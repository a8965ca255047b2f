"""Packing of files as they are into a ZIP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from orchestrator.service.render.bench import Bench, output
from orchestrator.service.render.task import Answer, Task

_PIECE = 1024 * 1024


def convert(task: Task, bench: Bench) -> Answer:
    """Pack all inputs, each under a name of its own; equal inputs, equal bytes."""
    path = output(task)
    with ZipFile(path, "w", ZIP_DEFLATED) as whole:
        for name, each in zip(_apart(task.names), task.inputs, strict=True):
            info = ZipInfo(name)
            info.compress_type = ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            info.file_size = Path(each).stat().st_size
            with Path(each).open("rb") as file, whole.open(info, "w") as entry:
                shutil.copyfileobj(file, entry, _PIECE)
    return Answer((str(path),), "zipfile")


def _apart(names: Sequence[str]) -> Iterator[str]:
    """The names, told apart by numbers where they are equal but for case."""
    taken: set[str] = set()
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        shown, n = name, 2
        while shown.casefold() in taken:
            shown = f"{stem}-{n}.{suffix}" if dot else f"{name}-{n}"
            n += 1
        taken.add(shown.casefold())
        yield shown
