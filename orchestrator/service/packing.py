"""Presents results as an API wants them: under one name, in one file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio import to_thread

from orchestrator.service.render.work import Made, Rendered
from orchestrator.service.storage import clean_name

NAME = "result_name"
"""In ``Order.extra``: what a single result is called."""
PACK = "result_pack"
"""In ``Order.extra``: the ZIP that several results are put into."""


async def pack(rendered: Rendered, folder: Path, extra: Mapping[str, Any]) -> Rendered:
    """What was made, renamed or packed where the order asks for it."""
    files = rendered.files
    if len(files) == 1 and extra.get(NAME):
        name = clean_name(str(extra[NAME]))
        return replace(rendered, files=[replace(files[0], name=name)])
    if len(files) < 2 or not extra.get(PACK):
        return rendered
    made = Made(folder / "packed.zip", clean_name(str(extra[PACK])))
    await to_thread.run_sync(_zip, files, made.path)
    return replace(rendered, files=[made])


def _zip(files: Sequence[Made], path: Path) -> None:
    """Pack without compressing: pictures and PDFs are compressed already."""
    with zipfile.ZipFile(
        path, "w", zipfile.ZIP_STORED, strict_timestamps=False
    ) as all_:
        for each in files:
            all_.write(each.path, each.name)
