"""Formats as the manifest knows them: lower-case extensions; performs no I/O.

What a provider really converts is the provider's to say; this catches typing errors and
knows which operations may yield several files.
"""

from __future__ import annotations

from functools import lru_cache

from orchestrator.model import Operation

PICTURES = frozenset({"bmp", "gif", "jpg", "png", "svg", "webp"})
"""One file is one picture: a document of several pages becomes several of them."""
FORMATS = PICTURES | {
    *("csv", "doc", "docm", "docx", "dot", "dotx", "dwg", "dxf", "eml", "epub"),
    *("heic", "html", "json", "key", "log", "md", "mhtml", "msg", "numbers", "odg"),
    *("odp", "ods", "odt", "ofd", "pages", "pdf", "pdfa", "pot", "potx", "pps"),
    *("ppsx", "ppt", "pptm", "pptx", "ps", "pub", "rtf", "tiff", "tsv", "txt"),
    *("vsd", "vsdx", "wpd", "wps", "xls", "xlsb", "xlsm", "xlsx", "xml", "xps", "zip"),
}
_SAME = {
    "jpeg": "jpg",
    "jpe": "jpg",
    "tif": "tiff",
    "htm": "html",
    "markdown": "md",
    "text": "txt",
}


@lru_cache(maxsize=1024)
def canonical(extension: str) -> str:
    """The one name of a format: no dot, lower case, ``jpg`` for ``jpeg``."""
    name = extension.removeprefix(".").lower()
    return _SAME.get(name, name)


def yields_many(operation: Operation, source: str, target: str) -> bool:
    """Whether an operation may yield several files."""
    if operation is Operation.SPLIT:
        return True
    if operation is Operation.GENERATE:
        return target in PICTURES
    return target in PICTURES and source not in PICTURES
