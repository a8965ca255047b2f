"""Whether pictures are whole, each by the rules of its own format."""

from __future__ import annotations

import struct

from orchestrator.transfer.forms.window import Cursor, Window, tail_of

_NEAR = 2048
_LAST_CHUNK = b"\0\0\0\0IEND\xaeB`\x82"
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_WIDTHS |= {13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a TIFF value by its type."""
_STRIPS = {273: 279, 324: 325}
"""Where the data of a TIFF are -> how many bytes there are, as tags."""
_DIRECTORIES = 100_000


def cut_png(window: Window) -> str | None:
    """Say what is missing, or ``None``: the last chunk is always the same."""
    if _LAST_CHUNK in tail_of(window, _NEAR):
        return None
    return "the end of the png is missing"


def cut_jpg(window: Window) -> str | None:
    """Say what is missing, or ``None``: the end mark comes after the picture.

    A small picture inside of the head has an end mark of its own, so the head is
    walked through to where the data begin.
    """
    cursor = Cursor(window, 2)
    while True:
        mark, kind = cursor.byte(), cursor.byte()
        if mark != 0xFF:
            return "the head of the jpg is damaged"
        if kind == 0xFF:
            cursor.place -= 1
            continue
        if kind in (0x01, *range(0xD0, 0xD8)):
            continue
        (length,) = struct.unpack(">H", cursor.take(2))
        cursor.place += length - 2
        if kind == 0xDA:
            break
    start = max(cursor.place, window.size - _NEAR)
    if b"\xff\xd9" in window.read(start, _NEAR):
        return None
    return "the end of the jpg is missing"


def cut_gif(window: Window) -> str | None:
    """Say what is missing, or ``None``; IndexError where it ends in between."""
    cursor = Cursor(window, 10)
    flags = cursor.byte()
    cursor.place = 13 + _colours(flags)
    while (kind := cursor.byte()) != 0x3B:
        if kind == 0x2C:
            flags = cursor.take(9)[8]
            cursor.place += _colours(flags) + 1
        elif kind == 0x21:
            cursor.place += 1
        else:
            return "the gif is damaged"
        while count := cursor.byte():
            cursor.place += count
    return None


def _colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def cut_webp(window: Window) -> str | None:
    """Say what is missing, or ``None``: it tells its own length."""
    (size,) = struct.unpack("<L", window.read(4, 4))
    return _of_length(window, size + 8, "webp")


def cut_bmp(window: Window) -> str | None:
    """Say what is missing, or ``None``: it tells its own length."""
    (size,) = struct.unpack("<L", window.read(2, 4))
    return _of_length(window, size, "bmp")


def cut_boxes(window: Window) -> str | None:
    """Say what is missing of a file of boxes (HEIC), or ``None``."""
    place = 0
    while place < window.size:
        size, _ = struct.unpack(">L4s", window.read(place, 8))
        if size == 1:
            (size,) = struct.unpack(">Q", window.read(place + 8, 8))
        if size == 0:
            return None
        if size < 8:
            return "a box of the file is damaged"
        place += size
    return _of_length(window, place, "heic")


def _of_length(window: Window, size: int, name: str) -> str | None:
    if window.size >= size:
        return None
    return f"{window.size} bytes came, the {name} says that it has {size}"


class _Tiff:
    """A TIFF or BigTIFF, as far as its directories tell where everything is."""

    def __init__(self, window: Window) -> None:
        head = window.read(0, 16)
        self._window = window
        self._order = "<" if head[:2] == b"II" else ">"
        self._is_big = self._number(head[2:4]) == 43
        self._wide = 8 if self._is_big else 4
        self.reach = 0
        place = self._number(head[8:16] if self._is_big else head[4:8])
        for _ in range(_DIRECTORIES):
            if not place:
                break
            place = self._directory(place)

    def _number(self, raw: bytes) -> int:
        kind = {1: "B", 2: "H", 4: "L", 8: "Q"}.get(len(raw), "Q")
        (value,) = struct.unpack(self._order + kind, raw)
        return int(value)

    def _directory(self, place: int) -> int:
        """Go through a directory; gives the place of the next."""
        head = 8 if self._is_big else 2
        size = 4 + 2 * self._wide
        count = self._number(self._window.read(place, head))
        body = self._window.read(place + head, count * size)
        values = {}
        for start in range(0, count * size, size):
            entry = body[start : start + size]
            tag, values_of = self._entry(entry)
            values[tag] = values_of
        for where, lengths in _STRIPS.items():
            for start, length in zip(
                values.get(where, ()), values.get(lengths, ()), strict=False
            ):
                self.reach = max(self.reach, start + length)
        end = place + head + count * size
        self.reach = max(self.reach, end + self._wide)
        return self._number(self._window.read(end, self._wide))

    def _entry(self, entry: bytes) -> tuple[int, list[int]]:
        tag, kind = self._number(entry[:2]), self._number(entry[2:4])
        count = self._number(entry[4 : 4 + self._wide])
        field = entry[4 + self._wide :]
        width = _WIDTHS.get(kind, 1)
        raw = field[: width * count]
        if width * count > self._wide:
            start = self._number(field)
            self.reach = max(self.reach, start + width * count)
            is_wanted = tag in _STRIPS or tag in _STRIPS.values()
            raw = self._window.read(start, width * count) if is_wanted else b""
        if kind not in (3, 4, 16):
            return tag, []
        return tag, [
            self._number(raw[i : i + width]) for i in range(0, len(raw), width)
        ]


def cut_tiff(window: Window) -> str | None:
    """Say what is missing, or ``None``: everything that it names must be there."""
    return _of_length(window, _Tiff(window).reach, "tiff")
