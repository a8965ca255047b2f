"""Which converters serve which pair of formats, in order; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum

from orchestrator.service.render.work import Format, RenderError


class Converter(StrEnum):
    """What can turn one format into another; the value is what users read."""

    OFFICE = "office2pdf"
    PAGE = "ironpress"
    CONTENT = "anydoc"
    TYPST = "typst"
    PICTURE = "img2pdf"
    PDFIUM = "pypdfium2"
    PIKEPDF = "pikepdf"
    LIBREOFFICE = "libreoffice"
    ZIP = "zip"


Key = tuple[str, str, str]

_OFFICE = (Converter.OFFICE, Converter.LIBREOFFICE)
_OPEN = (Converter.LIBREOFFICE, Converter.CONTENT)
_PDF: Mapping[str, tuple[Converter, ...]] = {
    "docx": _OFFICE,
    "xlsx": _OFFICE,
    "pptx": _OFFICE,
    "html": (Converter.PAGE,),
    "htm": (Converter.PAGE,),
    "md": (Converter.PAGE,),
    "markdown": (Converter.PAGE,),
    "txt": (Converter.TYPST,),
    "csv": (Converter.TYPST,),
    "svg": (Converter.TYPST,),
    **dict.fromkeys(
        ("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"),
        (Converter.PICTURE,),
    ),
    "epub": (Converter.CONTENT,),
    **dict.fromkeys(("odt", "rtf", "doc", "xls", "ppt", "ods", "odp"), _OPEN),
}
_FROM_PDF = ("png", "jpg", "jpeg", "txt")

CONVERSIONS: Mapping[tuple[str, str], tuple[Converter, ...]] = {
    **{(source, "pdf"): order for source, order in _PDF.items()},
    **{("pdf", target): (Converter.PDFIUM,) for target in _FROM_PDF},
}

_PAPER = frozenset({"html", "htm", "md", "markdown", "txt", "csv"})


def order(source: str, target: str, present: Collection[str]) -> tuple[Converter, ...]:
    """The converters that serve a pair on this machine, the best first."""
    return tuple(
        each for each in CONVERSIONS.get((source, target), ()) if each in present
    )


def knobs(operation: str, source: str, target: str) -> frozenset[str]:
    """Names of the options that a conversion knows."""
    if operation == "split":
        return frozenset({"pages"})
    if operation == "merge":
        return frozenset({"paper", "ranges"})
    if operation == "archive":
        return frozenset()
    if source == "pdf":
        picture = {"txt": set(), "png": {"dpi"}}.get(target, {"dpi", "quality"})
        return frozenset({"pages", *picture})
    return frozenset({"pages", "paper"} if source in _PAPER else {"pages"})


def formats(present: Collection[str]) -> Iterator[Format]:
    """All that can be done with the converters that are present."""
    for source, target in CONVERSIONS:
        able = order(source, target, present)
        if able:
            many = source == "pdf" and target != "txt"
            yield Format("convert", source, target, able, many=many)
    for source in ("pdf", *_PDF):
        able = order(source, "pdf", present)
        if able or source == "pdf":
            yield Format("merge", source, "pdf", (*able, Converter.PIKEPDF))
    yield Format("split", "pdf", "pdf", (Converter.PIKEPDF,), many=True)
    yield Format("archive", "any", "zip", (Converter.ZIP,))


def unsupported(
    operation: str, source: str, target: str, present: Collection[str]
) -> RenderError:
    """Say what cannot be done, and what could be done instead."""
    asked = f"{operation} of {source or '(no format)'} to {target or '(no format)'}"
    if operation == "convert" and (source, target) in CONVERSIONS:
        return RenderError(
            "unsupported", f"{asked} needs LibreOffice, which was not found here"
        )
    known = sorted(
        each.target
        for each in formats(present)
        if (each.operation, each.source) == (operation, source)
    )
    instead = (
        f"; from {source} this instance makes: {', '.join(known)}" if known else ""
    )
    return RenderError("unsupported", f"no converter for {asked}{instead}")
