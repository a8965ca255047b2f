"""Typst in threads: long-lived compilers with constant names.

The binding keeps every file name for ever and gives each compile of bare bytes a new
one, until it panics for good; so the files of a document always have the same names,
and a compiler lives as long as its thread. A compiler belongs to one thread; fonts are
shared.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cache
from importlib.metadata import version
from pathlib import Path

import typst

from orchestrator.service.render import fonts
from orchestrator.service.render.task import Attached, Sheet
from orchestrator.service.render.work import RenderError

ROOTS_KEPT = 32


@cache
def made_by() -> str:
    """Name and version for results."""
    return f"typst {version('typst')}"


class Typesetter:
    """Compiles sheets; may be shared by threads.

    Args:
        packages: An empty folder: no Typst package is ever looked for elsewhere.
    """

    def __init__(self, packages: Path) -> None:
        self._packages = packages
        self._fonts: typst.Fonts | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    def warm(self) -> None:
        """Read the fonts before the first sheet comes."""
        self._shared_fonts()

    def compile(self, sheet: Sheet) -> tuple[bytes, tuple[str, ...]]:
        """Make the PDF of a sheet; returns it with warnings.

        Raises:
            RenderError: the template or its data cannot be compiled.
        """
        source = (Path(sheet.root) / sheet.main).read_bytes()
        files = {
            sheet.main: source,
            **{name: text.encode() for name, text in sheet.texts.items()},
        }
        try:
            made, warnings = self._compiler(sheet.root).compile_with_warnings(
                input=files,  # type: ignore[type-var]
                format="pdf",
                timestamp=sheet.timestamp,
                pdf_tags=sheet.tags,
                pdf_standards=list(sheet.standards),  # type: ignore[arg-type]
            )
        except typst.TypstError as error:
            raise RenderError("render_failed", _explained(error)) from None
        except Exception as error:
            raise RenderError("render_failed", f"typst: {error}") from error
        except BaseException as error:
            self._forget(sheet.root)
            if type(error).__name__ != "PanicException":
                raise
            # A panic of the binding is no Exception: it would end the thread.
            raise RenderError("converter_died", f"typst panicked: {error}") from None
        if not isinstance(made, bytes):
            raise RenderError("render_failed", "typst made no PDF")
        if sheet.attached is not None:
            made = _attached(made, sheet.attached)
        return made, tuple(dict.fromkeys(each.message for each in warnings))

    def _compiler(self, root: str) -> typst.Compiler:
        kept: OrderedDict[str, typst.Compiler] | None = getattr(
            self._local, "kept", None
        )
        if kept is None:
            kept = self._local.kept = OrderedDict()
        if root not in kept:
            kept[root] = typst.Compiler(
                root=root,
                font_paths=self._shared_fonts(),
                package_path=str(self._packages),
                package_cache_path=str(self._packages),
            )
        kept.move_to_end(root)
        while len(kept) > ROOTS_KEPT:
            kept.popitem(last=False)
        return kept[root]

    def _forget(self, root: str) -> None:
        getattr(self._local, "kept", {}).pop(root, None)

    def _shared_fonts(self) -> typst.Fonts:
        with self._lock:
            if self._fonts is None:
                self._fonts = typst.Fonts(
                    include_system_fonts=False,
                    include_embedded_fonts=True,
                    font_paths=[str(each) for each in fonts.folders()],
                )
            return self._fonts


def _attached(made: bytes, file: Attached) -> bytes:
    # Its library is loaded only where there are electronic invoices.
    from orchestrator.service.render.attach import attach  # noqa: PLC0415

    return attach(made, file)


def _explained(error: typst.TypstError) -> str:
    hints = "; ".join(error.hints)
    return f"template error: {error.message}" + (f" ({hints})" if hints else "")
