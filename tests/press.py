"""Compiles designs as the service does, for tests of the designs alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typst

from orchestrator.designs import Design

_FONTS = (
    "fontpkg_noto_sans",
    "fontpkg_arimo",
    "noto_cjk_sans_jp_regular",
    "noto_cjk_sans_jp_bold",
)


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[_folder(each) for each in _FONTS],
    )


@cache
def _compiler(root: Path) -> typst.Compiler:
    return typst.Compiler(root=root, font_paths=_fonts())


def press(design: Design, params: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """Give the PDF and the warnings of the compiler."""
    source: Any = {
        "main.typ": (design.root / design.main).read_bytes(),
        **design.prepare(params),
    }
    standards: Any = list(design.standards)
    pdf, warnings = _compiler(design.root).compile_with_warnings(
        input=source,
        format="pdf",
        pdf_standards=standards,
        timestamp=design.timestamp(params),
    )
    assert isinstance(pdf, bytes)
    return pdf, [str(each) for each in warnings]
