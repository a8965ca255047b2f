"""What files of each format look like: how they begin, and how one shows it is cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.transfer.forms import office, pdf, pictures, written, zipped
from orchestrator.transfer.forms.window import Window

STRANGE = (b"%PDF-", b"PK\x03\x04", b"\x89PNG\r\n", b"\xff\xd8\xff", office.COMPOUND)
"""How no text begins."""

Begins = Callable[[bytes], bool]
Cut = Callable[[Window], str | None]


def _nothing(window: Window) -> str | None:  # noqa: ARG001  # fits the signature
    """Of these, nobody can tell whether they are whole."""
    return None


@dataclass(frozen=True, slots=True)
class Form:
    """A format: how its files begin, and how one shows that it is cut.

    ``begins`` is given the first bytes. ``cut`` says what is missing, or gives
    ``None``; it may raise ``struct.error``, ``IndexError`` or ``ValueError`` where the
    file ends in between.
    """

    begins: Begins
    cut: Cut = _nothing


def _with(*magic: bytes) -> Begins:
    return lambda head: head.startswith(magic)


def _as_text(*words: bytes) -> Begins:
    """Like no binary file, and with these words somewhere near the beginning."""

    def begins(head: bytes) -> bool:
        text = head.lower().replace(b"\0", b"")
        return not head.startswith(STRANGE) and all(word in text for word in words)

    return begins


def _as_boxes(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _as_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


_TEXT = Form(_as_text(), written.cut_text)
_HTML = Form(_as_text(b"<"), written.cut_html)
_MAIL = Form(_as_text(), written.cut_mail)
_JPG = Form(_with(b"\xff\xd8\xff"), pictures.cut_jpg)
_TIFF = Form(_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), pictures.cut_tiff)
_ZIP = Form(_with(*zipped.MAGIC), zipped.cut)
_COMPOUND = Form(_with(office.COMPOUND), office.cut_compound)

FORMS: Mapping[str, Form] = {
    **dict.fromkeys(("pdf", "pdfa"), Form(pdf.begins, pdf.cut)),
    "png": Form(_with(b"\x89PNG\r\n\x1a\n"), pictures.cut_png),
    **dict.fromkeys(("jpg", "jpeg"), _JPG),
    "gif": Form(_with(b"GIF87a", b"GIF89a"), pictures.cut_gif),
    **dict.fromkeys(("tif", "tiff"), _TIFF),
    "bmp": Form(_with(b"BM"), pictures.cut_bmp),
    "webp": Form(_as_webp, pictures.cut_webp),
    "heic": Form(_as_boxes, pictures.cut_boxes),
    "svg": Form(_as_text(b"<", b"svg"), written.cut_xml),
    "xml": Form(_as_text(b"<"), written.cut_xml),
    **dict.fromkeys(("html", "htm", "xhtml"), _HTML),
    **dict.fromkeys(("mhtml", "eml"), _MAIL),
    **dict.fromkeys(("txt", "csv", "tsv", "md", "log"), _TEXT),
    "json": Form(_as_text(), written.cut_json),
    "rtf": Form(_with(b"{\\rtf"), office.cut_rtf),
    "ps": Form(_with(b"%!PS"), written.cut_ps),
    "dxf": Form(_as_text(), written.cut_dxf),
    "dwg": Form(_with(b"AC10")),
    "wpd": Form(_with(b"\xffWPC")),
    **dict.fromkeys(("docx", "docm", "dotx", "xlsx", "xlsm", "xlsb"), _ZIP),
    **dict.fromkeys(("pptx", "pptm", "potx", "ppsx", "vsdx", "xps", "ofd"), _ZIP),
    **dict.fromkeys(("odt", "ods", "odp", "odg", "epub", "zip"), _ZIP),
    **dict.fromkeys(("key", "numbers", "pages"), _ZIP),
    **dict.fromkeys(("doc", "dot", "xls", "ppt", "pot", "pps"), _COMPOUND),
    **dict.fromkeys(("msg", "pub", "vsd", "wps"), _COMPOUND),
}
"""Target -> its form; a target that is not in here is only told from a web page."""
