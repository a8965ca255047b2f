"""From bytes to a work, and from a result to what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pypdfium2

from orchestrator.service.render.rendering import Rendering
from orchestrator.service.render.work import Rendered, Work

_COUNT = count()


@dataclass
class Bench:
    """A renderer and a folder to work in."""

    renderer: Rendering
    folder: Path

    def work(
        self,
        operation: str,
        inputs: Sequence[tuple[str, bytes]],
        target: str,
        **params: Any,
    ) -> Work:
        """A work on files with these names and contents."""
        home = self.folder / f"work-{next(_COUNT)}"
        (home / "out").mkdir(parents=True)
        paths = []
        for n, (_, data) in enumerate(inputs):
            # The service names files itself; endings are only in the names.
            paths.append(home / f"input-{n}")
            paths[-1].write_bytes(data)
        names = [name for name, _ in inputs]
        source = "any" if operation == "archive" else names[0].rpartition(".")[2]
        return Work(operation, paths, names, source, target, home / "out", params)

    async def convert(
        self, name: str, data: bytes, target: str = "pdf", **params: Any
    ) -> Rendered:
        """Convert one file."""
        return await self.renderer.make(
            self.work("convert", [(name, data)], target, **params)
        )


def pages(path: Path) -> int:
    """How many pages a PDF has."""
    with pypdfium2.PdfDocument(path) as document:
        return len(document)


def words(path: Path) -> str:
    """All text of a PDF, without any blanks: lines break where they like."""
    with pypdfium2.PdfDocument(path) as document:
        read = [page.get_textpage().get_text_range() for page in document]
    return "".join("".join(read).split())


def ink(path: Path) -> float:
    """Share of the first page that is not white."""
    with pypdfium2.PdfDocument(path) as document:
        picture = document[0].render(scale=0.5).to_pil().convert("L")
    dark = sum(picture.histogram()[:200])
    return float(dark / (picture.width * picture.height))
