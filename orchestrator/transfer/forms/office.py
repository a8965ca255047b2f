"""Whether files of old office programs (compound files, RTF) are whole."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from orchestrator.transfer.forms.window import THROUGHOUT, Window, pieces, tail_of

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FREE = 0xFFFFFFFF
_LAST = 0xFFFFFFFA
"""Numbers of sectors above this are marks."""
_BRACES = re.compile(rb"\\[\\{}]|[{}]")


def cut_compound(window: Window) -> str | None:
    """Say what is missing, or ``None``: each sector in use must be there.

    Memory stays at one sector of the table of sectors at a time.
    """
    head = window.read(0, 512)
    (power,) = struct.unpack_from("<H", head, 30)
    if not 9 <= power <= 12:
        return "the head of the file is damaged"
    sector = 1 << power
    last = -1
    for place, table in enumerate(_tables(window, head, sector)):
        entries = struct.unpack(f"<{sector // 4}L", _sector(window, table, sector))
        used = [i for i, each in enumerate(entries) if each != _FREE]
        if used:
            last = place * (sector // 4) + used[-1]
    needed = (last + 2) * sector
    if window.size >= needed:
        return None
    return f"{window.size} bytes came, the file says that it has {needed}"


def _sector(window: Window, number: int, sector: int) -> bytes:
    return window.read((number + 1) * sector, sector)


def _tables(window: Window, head: bytes, sector: int) -> Iterator[int]:
    """The sectors that hold the table of sectors, in order."""
    yield from _numbers(struct.unpack_from("<109L", head, 76))
    following, count = struct.unpack_from("<2L", head, 68)
    for _ in range(min(count, 1 << 20)):
        if following >= _LAST:
            return
        *found, following = struct.unpack(
            f"<{sector // 4}L", _sector(window, following, sector)
        )
        yield from _numbers(found)


def _numbers(found: tuple[int, ...] | list[int]) -> Iterator[int]:
    return (each for each in found if each < _LAST)


def cut_rtf(window: Window) -> str | None:
    r"""Say what is missing, or ``None``: every brace that opens must close.

    One with raw bytes in it (``\bin``), or a large one, is only looked at from behind.
    """
    depth, held = 0, b""
    if window.size > THROUGHOUT:
        return _cut_brace(window)
    for piece in pieces(window):
        text = held + piece
        if b"\\bin" in text:
            return _cut_brace(window)
        # An escape that is cut in two waits for its second half.
        held = b"\\" if _is_open(text) else b""
        for mark in _BRACES.findall(text[: len(text) - len(held)]):
            depth += (mark == b"{") - (mark == b"}")
    return None if depth <= 0 else "the end of the rtf is missing"


def _cut_brace(window: Window) -> str | None:
    is_closed = tail_of(window, 64).rstrip(b"\0\r\n\t ").endswith(b"}")
    return None if is_closed else "the end of the rtf is missing"


def _is_open(text: bytes) -> bool:
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1
