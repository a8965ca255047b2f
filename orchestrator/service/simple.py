"""A renderer that can do one thing, plain text to PDF, and does it well."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typst
from noto_cjk_sans_jp_regular import (  # type: ignore[import-untyped]
    FONT_PATH,
)

from orchestrator.service.render.work import (
    Format,
    Made,
    Rendered,
    RenderError,
    Work,
)

PAGE = """
#set page(paper: "a4", margin: 2cm, numbering: "1 / 1")
#set text(font: "Noto Sans CJK JP", size: 10pt)
#show raw: set text(font: "Noto Sans CJK JP", size: 10pt)
#raw(read("data.txt"))
"""
CONVERTER = f"typst {version('typst')}"


class SimpleRenderer:
    """Typst in threads: one long-lived compiler each, constant names."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, "render")
        self._local = threading.local()

    async def start(self) -> None:
        """Nothing to make ready."""

    def objection(self, work: Work) -> RenderError | None:
        """Only text to PDF is done here."""
        if (work.operation, work.source, work.target) == ("convert", "txt", "pdf"):
            return None
        what = f"{work.operation} {work.source} to {work.target}"
        return RenderError("unsupported", f"this instance cannot {what}")

    async def make(self, work: Work) -> Rendered:
        """Set the text on pages."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._make, work)

    def formats(self) -> Sequence[Format]:
        """Text to PDF."""
        return [Format("convert", "txt", "pdf", (CONVERTER,))]

    async def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _make(self, work: Work) -> Rendered:
        try:
            text = work.inputs[0].read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RenderError("damaged_file", "the text is not UTF-8") from error
        path = work.folder / "result.pdf"
        path.write_bytes(self._compile(text))
        name = work.names[0].rpartition(".")[0] or work.names[0]
        return Rendered([Made(path, f"{name}.pdf")], CONVERTER)

    def _compile(self, text: str) -> bytes:
        files: Any = {"main.typ": PAGE.encode(), "data.txt": text.encode()}
        try:
            made = self._compiler().compile(input=files, format="pdf")
        except typst.TypstError as error:
            raise RenderError("render_failed", error.message) from error
        return made if isinstance(made, bytes) else b""

    def _compiler(self) -> typst.Compiler:
        compiler: typst.Compiler | None = getattr(self._local, "compiler", None)
        if compiler is None:
            compiler = typst.Compiler(
                font_paths=[str(Path(FONT_PATH).parent)], ignore_system_fonts=True
            )
            self._local.compiler = compiler
        return compiler
