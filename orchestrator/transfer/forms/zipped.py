"""Whether a ZIP and what is made of it (OOXML, ODF, EPUB, ...) is whole."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from orchestrator.transfer.forms.window import Window, tail_of

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LONGEST = 4 << 20
"""Bytes of a directory that is looked through."""

PARTS: dict[str, str] = {
    **dict.fromkeys(("docx", "docm", "dotx"), "word/"),
    **dict.fromkeys(("xlsx", "xlsm", "xlsb"), "xl/"),
    **dict.fromkeys(("pptx", "pptm", "potx", "ppsx"), "ppt/"),
    **dict.fromkeys(("odt", "ods", "odp", "odg"), "content.xml"),
    "vsdx": "visio/",
    "epub": "meta-inf/container.xml",
    "ofd": "ofd.xml",
}
"""Target -> what one of its members begins with, in lower case."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the directory of an archive lies, and how many members it has."""

    start: int
    size: int
    members: int


def directory_of(window: Window) -> Directory | None:
    """The directory that the end of an archive names, if it is there."""
    tail = tail_of(window, 66_000)
    base = window.size - len(tail)
    place = tail.rfind(b"PK\x05\x06")
    while place >= 0:
        found = _directory(window, tail[place:], base + place)
        if found is not None:
            return found
        place = tail.rfind(b"PK\x05\x06", 0, place)
    return None


def _directory(window: Window, end: bytes, place: int) -> Directory | None:
    if len(end) < _END.size:
        return None
    _, _, _, _, members, size, start, comment = _END.unpack_from(end)
    if len(end) < _END.size + comment or end[_END.size + comment :].strip(b"\0"):
        return None
    if 0xFFFFFFFF in (size, start) or members == 0xFFFF:
        wide = _wide(window, place)
        members, size, start = wide or (members, size, start)
    is_there = start + size <= place and (
        not members or window.read(start, 4) == b"PK\x01\x02"
    )
    return Directory(start, size, members) if is_there else None


def _wide(window: Window, place: int) -> tuple[int, int, int] | None:
    """Members, size and start as the end of a large archive (ZIP64) tells them."""
    locator = window.read(place - 20, 20)
    if len(locator) < 20 or locator[:4] != b"PK\x06\x07":
        return None
    (where,) = struct.unpack_from("<Q", locator, 8)
    record = window.read(where, _END64.size)
    if len(record) < _END64.size or record[:4] != b"PK\x06\x06":
        return None
    members, size, start = _END64.unpack(record)[-3:]
    return members, size, start


def cut(window: Window) -> str | None:
    """Say what is missing, or ``None``."""
    if directory_of(window) is None:
        return "the end of the archive is missing"
    return None


def is_empty(window: Window) -> bool:
    """Whether it is an archive of nothing."""
    found = directory_of(window)
    return found is not None and found.members == 0


def is_kind(window: Window, target: str) -> bool:
    """Whether its members are those of the target; one that is not known passes."""
    wanted, found = PARTS.get(target), directory_of(window)
    if wanted is None or found is None or found.size > _LONGEST:
        return True
    body = window.read(found.start, found.size)
    place = 0
    while place + _ENTRY.size <= len(body):
        entry = _ENTRY.unpack_from(body, place)
        name, extra, comment = entry[10:13]
        raw = body[place + _ENTRY.size : place + _ENTRY.size + name]
        if _plain(raw).startswith(wanted):
            return True
        place += _ENTRY.size + name + extra + comment
    return False


def _plain(name: bytes) -> str:
    text = name.decode("utf-8", "replace").replace("\\", "/")
    return text.lstrip("/").lower()
