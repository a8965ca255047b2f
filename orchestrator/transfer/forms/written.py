"""Whether texts are whole, as far as their own marks tell."""

from __future__ import annotations

import codecs
import re
from xml.parsers import expat  # only told whether it is well formed

from orchestrator.transfer.forms.window import THROUGHOUT, Window, pieces, tail_of

_NEAR = 2048
_TOKENS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)
_BOUNDARY = re.compile(rb'boundary="?([^"\s;]{1,70})', re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_HEADERS = 65_536
_OPENS = re.compile(rb"<(?:!doctype\s+html|html)\b", re.IGNORECASE)


def cut_html(window: Window) -> str | None:
    """Say what is missing, or ``None``; a fragment has no end of its own."""
    is_page = _OPENS.search(window.read(0, 4096)) is not None
    tail = tail_of(window, _NEAR).lower()
    if (is_page and b"</html>" not in tail) or tail.rfind(b"<") > tail.rfind(b">"):
        return "the end of the page is missing"
    return cut_text(window)


def cut_xml(window: Window) -> str | None:
    """Say what is missing, or ``None``: every element that opens must close.

    What breaks a rule of XML before its end is not cut, and passes if it ends in a tag.
    """
    if window.size > THROUGHOUT:
        return _cut_tag(window)
    parser = expat.ParserCreate()
    try:
        for piece in pieces(window):
            parser.Parse(piece, False)  # noqa: FBT003  # it takes no names
    except expat.ExpatError:
        return _cut_tag(window)
    try:
        parser.Parse(b"", True)  # noqa: FBT003
    except expat.ExpatError:
        return "the end of the xml is missing"
    return None


def _cut_tag(window: Window) -> str | None:
    is_closed = tail_of(window, 64).rstrip(b"\0\r\n\t ").endswith(b">")
    return None if is_closed else "the end of the xml is missing"


def cut_json(window: Window) -> str | None:
    """Say what is missing, or ``None``: every bracket and string must close."""
    if window.size > THROUGHOUT:
        is_closed = tail_of(window, 64).rstrip().endswith((b"}", b"]"))
        return None if is_closed else "the end of the json is missing"
    depth, quoted, held = 0, False, b""
    for piece in pieces(window):
        text = held + piece
        is_open = (len(text) - len(text.rstrip(b"\\"))) % 2 == 1
        held = b"\\" if is_open else b""
        for token in _TOKENS.findall(text[: len(text) - len(held)]):
            if token == b'"':
                quoted = not quoted
            elif not quoted:
                depth += (token in b"[{") - (token in b"]}")
    return "the end of the json is missing" if depth > 0 or quoted else None


def cut_mail(window: Window) -> str | None:
    """Say what is missing of a message in parts (EML, MHTML), or ``None``."""
    head = window.read(0, _HEADERS)
    if len(head) < _HEADERS and not _BLANK.search(head):
        return "the headers of the message are cut"
    found = _BOUNDARY.search(head)
    if found and b"--" + found[1] + b"--" not in tail_of(window, _NEAR):
        return "the last part of the message is missing"
    return None


def cut_ps(window: Window) -> str | None:
    """Say what is missing, or ``None``; only structured files have an end mark."""
    is_structured = window.read(0, 5) == b"%!PS-" or window.size < 16
    if is_structured and b"%%EOF" not in tail_of(window, _NEAR):
        return "the end of the file is missing"
    return None


def cut_dxf(window: Window) -> str | None:
    """Say what is missing, or ``None``."""
    is_binary = window.read(0, 22).startswith(b"AutoCAD Binary DXF")
    if not is_binary and b"EOF" not in tail_of(window, 64):
        return "the end of the dxf is missing"
    return None


def cut_text(window: Window) -> str | None:
    """Say that a text ends within a character, or ``None``; more cannot be known."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    tail = tail_of(window, 256)
    # The stretch may itself begin within a character.
    start = next((i for i in range(min(4, len(tail))) if tail[i] & 0xC0 != 0x80), 0)
    try:
        decoder.decode(tail[start:])
    except UnicodeDecodeError:
        return None  # another encoding
    return "the last character is cut" if decoder.getstate()[0] else None
