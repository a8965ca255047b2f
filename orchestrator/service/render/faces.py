"""Static faces that stand in for the usual office fonts.

The office converter knows no variable fonts and looks for faces as wide as Calibri,
Cambria, Times New Roman and Arial under the names of their free doubles. None of the
first three is to be had from the registry with pip, so each is cut from Noto at the
width where English text is as long as in the double, with that double's line height:
lines and pages break nearly where they should. They are made once, in about a second.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uharfbuzz as hb

from orchestrator.service.render import fonts
from orchestrator.service.render.glyphs import assemble

LAST_RESORT = "Arimo"
_FOLDER = "faces-1"
_STYLES = ("Regular", "Bold", "Italic", "Bold Italic")


@dataclass(frozen=True, slots=True)
class StandIn:
    """A family to make.

    Attributes:
        family: The name that the converter looks for.
        package: Where the variable fonts are.
        widths: Place on the width axis for regular, bold, italic and bold italic.
        heights: Ascent, descent and gap between lines, in thousandths of an em.
    """

    family: str
    package: str
    widths: tuple[float, float, float, float] | None = None
    heights: tuple[int, int, int] | None = None


STAND_INS = (
    StandIn("Arimo", "fontpkg_arimo"),
    StandIn("Noto Sans", "fontpkg_noto_sans", (94.0, 90.0, 100.0, 96.0)),
    StandIn("Carlito", "fontpkg_noto_sans", (82.6, 75.0, 90.0, 83.0), (750, -250, 221)),
    StandIn("Caladea", "fontpkg_noto_serif", (73.2, 77.2, 71.4, 71.4), (900, -250, 0)),
    StandIn(
        "Liberation Serif",
        "fontpkg_noto_serif",
        (73.0, 70.0, 74.8, 62.5),
        (891, -216, 42),
    ),
)

REAL_NAMES = {
    "Carlito": "narrowed Noto Sans",
    "Caladea": "narrowed Noto Serif",
    "Liberation Serif": "narrowed Noto Serif",
}


def office_folders(scratch: Path) -> list[Path]:
    """Folders with faces for office documents; those to be made are in ``scratch``."""
    return [made(scratch), *fonts.folders(fonts.CJK)]


def made(scratch: Path) -> Path:
    """The folder of the stand-ins, made whole or not at all."""
    folder = scratch / _FOLDER
    if folder.is_dir():
        return folder
    fresh = Path(tempfile.mkdtemp(dir=scratch, prefix=f"{_FOLDER}-"))
    for stand_in in STAND_INS:
        for name, data in _faces(stand_in):
            (fresh / name).write_bytes(data)
    # Another worker may have been faster: its faces are the same.
    with suppress(OSError):
        fresh.rename(folder)
    if fresh.exists():
        shutil.rmtree(fresh)
    return folder


def _faces(stand_in: StandIn) -> Iterator[tuple[str, bytes]]:
    home = fonts.folder(stand_in.package)
    if home is None:
        return
    for n, style in enumerate(_STYLES):
        slanted = "Italic" in style
        variable = next(
            each for each in home.glob("*.ttf") if ("-Italic" in each.name) is slanted
        )
        width = stand_in.widths and stand_in.widths[n]
        tables = _pinned(variable, 700.0 if "Bold" in style else 400.0, width)
        tables["name"] = _names(stand_in.family, style)
        if stand_in.heights:
            _heighten(tables, stand_in.heights)
        yield f"{stand_in.family}-{style}.ttf".replace(" ", ""), assemble(tables)


def _pinned(path: Path, weight: float, width: float | None) -> dict[str, bytes]:
    """Tables of a variable font at one place of its axes."""
    face = hb.Face(hb.Blob.from_file_path(str(path)))
    wanted = hb.SubsetInput()
    wanted.keep_everything()
    wanted.pin_axis_location(face, "wght", weight)
    if width is not None:
        wanted.pin_axis_location(face, "wdth", width)
    static: Any = hb.subset(face, wanted)
    tables = {tag: bytes(static.reference_table(tag).data) for tag in static.table_tags}
    os2 = bytearray(tables["OS/2"])
    os2[6:8] = struct.pack(">H", 5)  # of normal width, or it would not be looked at
    tables["OS/2"] = bytes(os2)
    tables.pop("STAT", None)
    return tables


def _names(family: str, style: str) -> bytes:
    """A ``name`` table; the PostScript name says what the face really is."""
    inner = f"StandIn{family}-{style}".replace(" ", "")
    texts = {1: family, 2: style, 4: f"{family} {style}", 6: inner}
    entries, strings = b"", b""
    for number, text in texts.items():
        encoded = text.encode("utf-16-be")
        entries += struct.pack(">6H", 3, 1, 0x409, number, len(encoded), len(strings))
        strings += encoded
    return struct.pack(">3H", 0, len(texts), 6 + len(entries)) + entries + strings


def _heighten(tables: dict[str, bytes], heights: tuple[int, int, int]) -> None:
    """Set ascent, descent and line gap in the two tables that have them."""
    (upem,) = struct.unpack(">H", tables["head"][18:20])
    ascent, descent, gap = (each * upem // 1000 for each in heights)
    lines = struct.pack(">3h", ascent, descent, gap)
    hhea, os2 = bytearray(tables["hhea"]), bytearray(tables["OS/2"])
    hhea[4:10] = lines
    os2[68:74] = lines
    os2[74:78] = struct.pack(">2H", ascent, -descent)
    tables.update({"hhea": bytes(hhea), "OS/2": bytes(os2)})
