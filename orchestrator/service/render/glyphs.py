"""A small TrueType font from an OpenType one, for a document's own characters.

The web page converter embeds TrueType outlines only, and the CJK fonts that pip can
install have cubic ones. HarfBuzz cuts the font down to the characters in use; here the
cubic curves that remain become quadratic ones, and the tables that differ are written
anew (OpenType specification, tables ``glyf``, ``loca``, ``maxp``, ``head``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import uharfbuzz as hb

Point = tuple[float, float]
Dot = tuple[int, int, bool]

_DROPPED = {"CFF ", "VORG", "DSIG", "BASE", "GSUB", "GPOS", "GDEF", "vhea", "vmtx"}
_KEPT_FACES = 4


class _Pen:
    """Collects the contours of one glyph as TrueType points."""

    def __init__(self) -> None:
        self.contours: list[list[Dot]] = []
        self._at: Point = (0, 0)

    def _add(self, x: float, y: float, *, on: bool) -> None:
        self.contours[-1].append((round(x), round(y), on))

    def move(self, x: float, y: float) -> None:
        self.contours.append([])
        self.line(x, y)

    def line(self, x: float, y: float) -> None:
        self._add(x, y, on=True)
        self._at = (x, y)

    def quadratic(self, cx: float, cy: float, x: float, y: float) -> None:
        self._add(cx, cy, on=False)
        self.line(x, y)

    def cubic(self, *numbers: float) -> None:
        """Two quadratic curves that meet in the middle of the cubic one.

        At 1,000 units per em their distance from it is well under one unit for curves
        as short as those of letters.
        """
        (x0, y0), (x1, y1, x2, y2, x3, y3) = self._at, numbers
        middle = ((x0 + 3 * (x1 + x2) + x3) / 8, (y0 + 3 * (y1 + y2) + y3) / 8)
        self._add((3 * x1 + x0) / 4, (3 * y1 + y0) / 4, on=False)
        self._add(*middle, on=True)
        self._add((3 * x2 + x3) / 4, (3 * y2 + y3) / 4, on=False)
        self.line(x3, y3)


def _draw_funcs() -> Any:
    funcs = hb.DrawFuncs()
    funcs.set_move_to_func(lambda x, y, pen: pen.move(x, y))
    funcs.set_line_to_func(lambda x, y, pen: pen.line(x, y))
    funcs.set_quadratic_to_func(lambda a, b, x, y, pen: pen.quadratic(a, b, x, y))
    funcs.set_cubic_to_func(lambda a, b, c, d, x, y, pen: pen.cubic(a, b, c, d, x, y))
    funcs.set_close_path_func(lambda _pen: None)
    return funcs


def _tidy(contour: list[Dot]) -> list[Dot]:
    """Closed by itself, and the other way round: TrueType fills clockwise."""
    if len(contour) > 1 and contour[0] == contour[-1]:
        contour = contour[:-1]
    return contour[::-1] if len(contour) > 1 else []


def _glyph(contours: Iterable[list[Dot]]) -> bytes:
    """One entry of ``glyf``: plain 16-bit steps, no instructions."""
    tidied = [each for each in map(_tidy, contours) if each]
    if not tidied:
        return b""
    dots = [dot for contour in tidied for dot in contour]
    xs, ys = [dot[0] for dot in dots], [dot[1] for dot in dots]
    ends, last = [], -1
    for contour in tidied:
        last += len(contour)
        ends.append(last)
    steps = [struct.pack(f">{len(line)}h", *_steps(line)) for line in (xs, ys)]
    entry = (
        struct.pack(">5h", len(tidied), min(xs), min(ys), max(xs), max(ys))
        + struct.pack(f">{len(ends)}H", *ends)
        + struct.pack(">H", 0)
        + bytes(dot[2] for dot in dots)
        + b"".join(steps)
    )
    return entry + bytes(-len(entry) % 4)


def _steps(line: list[int]) -> list[int]:
    return [now - before for before, now in zip([0, *line], line, strict=False)]


def _outlines(face: Any) -> tuple[bytes, bytes, bytes]:
    """Tables ``glyf``, ``loca`` and ``maxp`` of a face."""
    font, funcs = hb.Font(face), _draw_funcs()
    entries, most_dots, most_contours = [], 0, 0
    for glyph in range(face.glyph_count):
        pen = _Pen()
        font.draw_glyph(glyph, funcs, pen)
        most_contours = max(most_contours, len(pen.contours))
        most_dots = max(most_dots, sum(map(len, pen.contours)))
        entries.append(_glyph(pen.contours))
    offsets = [0]
    for entry in entries:
        offsets.append(offsets[-1] + len(entry))
    maxp = struct.pack(
        ">I14H", 0x10000, len(entries), most_dots, most_contours, 0, 0, 1, *[0] * 8
    )
    return b"".join(entries), struct.pack(f">{len(offsets)}I", *offsets), maxp


def _sum(data: bytes) -> int:
    padded = data + bytes(-len(data) % 4)
    return int(sum(struct.unpack(f">{len(padded) // 4}I", padded))) & 0xFFFFFFFF


def assemble(tables: dict[str, bytes]) -> bytes:
    """A font file with TrueType outlines from its tables."""
    head = bytearray(tables["head"])
    head[8:12] = bytes(4)
    tables = {**tables, "head": bytes(head)}
    count = len(tables)
    power = count.bit_length() - 1
    start = struct.pack(
        ">IHHHH", 0x10000, count, 16 << power, power, 16 * count - (16 << power)
    )
    directory, body = b"", b""
    for tag in sorted(tables):
        data = tables[tag]
        at = 12 + 16 * count + len(body)
        directory += struct.pack(">4sIII", tag.encode(), _sum(data), at, len(data))
        body += data + bytes(-len(data) % 4)
    file = bytearray(start + directory + body)
    adjustment = (0xB1B0AFBA - _sum(bytes(file))) & 0xFFFFFFFF
    # The tables are sorted by tag, and the sum stands at byte 8 of ``head``.
    at = _offset(file, "head") + 8
    file[at : at + 4] = struct.pack(">I", adjustment)
    return bytes(file)


def _offset(file: bytearray, tag: str) -> int:
    at = 12
    while file[at : at + 4] != tag.encode():
        at += 16
    return int.from_bytes(file[at + 8 : at + 12], "big")


@lru_cache(maxsize=_KEPT_FACES)
def _face(path: Path) -> Any:
    return hb.Face(hb.Blob.from_file_path(str(path)))


@lru_cache(maxsize=_KEPT_FACES)
def covered(path: Path) -> frozenset[int]:
    """The characters that a font has."""
    return frozenset(_face(path).unicodes)


@lru_cache(maxsize=16)
def truetype(path: Path, characters: str) -> bytes:
    """A TrueType font with these characters of an OpenType font."""
    wanted = hb.SubsetInput()
    wanted.sets(hb.SubsetInputSets.UNICODE).update(map(ord, characters))
    small = hb.subset(_face(path), wanted)
    glyf, loca, maxp = _outlines(small)
    tables = {
        tag: bytes(small.reference_table(tag).data)
        for tag in small.table_tags
        if tag not in _DROPPED
    }
    head = bytearray(tables["head"])
    head[50:52] = struct.pack(">h", 1)
    post = struct.pack(">I", 0x30000) + tables["post"][4:32]
    return assemble(
        {
            **tables,
            "head": bytes(head),
            "glyf": glyf,
            "loca": loca,
            "maxp": maxp,
            "post": post,
        }
    )
