"""Whether a PDF is whole, as far as its ends and its page objects tell."""

from __future__ import annotations

import re
import zlib

from orchestrator.transfer.forms.window import Window, tail_of

_NEAR = 2048
"""Bytes of the end in which the last mark stands."""
_SEARCHED = 4 << 20
"""Bytes up to which a page is looked for: what has none is small."""
_UNPACKED = 16 << 20
_START = re.compile(rb"startxref\s+([0-9]{1,20})\s+%%EOF")
_LINEAR = re.compile(rb"/Linearized\s+[0-9.]+.{0,400}?/L\s+([0-9]{1,20})", re.DOTALL)
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_PACKED = re.compile(rb"/ObjStm\b.{0,2000}?\bstream\r?\n", re.DOTALL)
_REVISION = re.compile(rb"[\s\0]*(?:[0-9%x]|startxref)")
"""How one more revision of a PDF begins after the end mark of the last one."""


def begins(head: bytes) -> bool:
    """Whether it begins as a PDF; some bytes before the header are allowed."""
    return b"%PDF-" in head[:1024]


def cut(window: Window) -> str | None:
    """Say what is missing, or ``None``.

    A file that was linearized tells its own length near its beginning. What follows
    the last end mark may be junk, but not the beginning of one more revision.
    """
    tail = tail_of(window, _NEAR)
    mark = tail.rfind(b"%%EOF")
    if mark < 0:
        return "the end of the pdf is missing"
    if _REVISION.match(tail, mark + 5):
        return "the end of the last revision of the pdf is missing"
    linear = _LINEAR.search(window.read(0, 2048))
    if linear and int(linear[1]) > window.size:
        return f"{window.size} bytes came, the pdf says that it has {int(linear[1])}"
    starts = _START.findall(tail)
    if starts and int(starts[-1]) >= window.size:
        return "the table of objects of the pdf is missing"
    return None


def lacks_pages(window: Window) -> bool:
    """Whether it certainly has no page."""
    if window.size > _SEARCHED:
        return False
    body = window.read(0, window.size)
    if _PAGE.search(body) or b"/Encrypt" in body:
        return False
    return not any(
        _PAGE.search(_unpacked(body[each.end() :])) for each in _PACKED.finditer(body)
    )


def _unpacked(stream: bytes) -> bytes:
    """Objects out of a compressed stream; of one that cannot be read, a page."""
    try:
        return zlib.decompressobj().decompress(stream, _UNPACKED)
    except zlib.error:
        return b"/Type/Page"
