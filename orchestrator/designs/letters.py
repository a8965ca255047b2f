"""Whether the fonts of a design have every letter of its data.

A letter that no font has would stop the page when it is made; told here, it stops the
batch before anything is sent. Fonts come with the converters: an installation that only
sends documents knows none, and leaves the check to the renderer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from orchestrator.invoices.problem import Problem, path_of

# The faces of a family; each must have a letter, or its bold would miss it.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "Arimo": ("fontpkg_arimo",),
    "Noto Sans": ("fontpkg_noto_sans",),
    "Noto Sans CJK JP": ("noto_cjk_sans_jp_regular", "noto_cjk_sans_jp_bold"),
    "Noto Serif": ("fontpkg_noto_serif",),
}
# Marks without a shape, which a shaper leaves out where the font has none.
_SHAPELESS = frozenset("\t\n\r\u00ad\u200b\u200c\u200d\u2060\ufe0f\ufeff")


def letter_problems(data: Any, families: Sequence[str]) -> Iterator[Problem]:
    """Give each field with letters that none of the families has, once."""
    for steps, text in _texts(data, ()):
        # Asked only now: reading the fonts takes a third of a second.
        known = letters_of(tuple(families))
        missing = [each for each in dict.fromkeys(text) if known and each not in known]
        if missing:
            yield Problem(path_of(steps), "E_GLYPH", _told(missing), found=missing[0])


def _told(missing: Sequence[str]) -> str:
    names = [_named(each) for each in missing[:3]]
    rest = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    what = "a letter" if len(missing) == 1 else "letters"
    told = f"has {what} that no font of the design has: {', '.join(names)}{rest}"
    return f"{told}; spell it in Latin letters, or use a design with another font"


def _named(letter: str) -> str:
    name = unicodedata.name(letter, "unnamed")
    shown = f"{letter} " if letter.isprintable() else ""
    return f"{shown}U+{ord(letter):04X} {name}"


def _texts(
    value: Any, steps: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Give all texts that are not plain ASCII, which every font has."""
    if isinstance(value, str):
        if not value.isascii():
            yield steps, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            # A logo is no text, though it may be written as one.
            if steps != ("style",) or key != "logo":
                yield from _texts(each, (*steps, str(key)))
    elif isinstance(value, list | tuple):
        for n, each in enumerate(value):
            yield from _texts(each, (*steps, n))


@cache
def letters_of(families: tuple[str, ...]) -> frozenset[str]:
    """Give the letters that one family or another has; none if fonts are missing."""
    try:
        import uharfbuzz as hb  # noqa: PLC0415  # comes with the fonts, or not at all
    except ImportError:
        return frozenset()
    letters: set[int] = set()
    for family in families:
        faces = [
            set(hb.Face(hb.Blob.from_file_path(str(path))).unicodes)
            for package in FAMILIES.get(family, ())
            for path in _files(package)
        ]
        if not faces:
            return frozenset()
        letters |= set.intersection(*faces)
    return frozenset(map(chr, letters)) | _SHAPELESS


def _files(package: str) -> list[Path]:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return []
    home = Path(spec.origin).parent
    faces = [*home.rglob("*.ttf"), *home.rglob("*.otf")]
    return sorted(each for each in faces if "-Italic" not in each.name)
