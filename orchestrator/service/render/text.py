"""Text from bytes of unknown encoding, and lines that fit a page; performs no I/O."""

from __future__ import annotations

import codecs
import re
from unicodedata import east_asian_width

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_BREAKS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_BLANK = re.compile(r"[ \t]+")


def decode(data: bytes, named: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Text of a file, with a warning where its encoding had to be guessed."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ()
    for encoding in filter(None, (named, "utf-8")):
        try:
            return data.decode(encoding), ()
        except (UnicodeDecodeError, LookupError):
            continue
    guess = "the encoding is not UTF-8: read as Windows-1252"
    return data.decode("cp1252", "replace"), (guess,)


def clean(text: str) -> str:
    """The same text with one kind of line break and nothing that has no shape."""
    return _CONTROL.sub("", _BREAKS.sub("\n", text))


def width(text: str) -> int:
    """Columns that a text takes where each letter takes one, or two if wide."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def _cut(text: str, columns: int) -> int:
    """How many characters fit in so many columns; at least one."""
    if text.isascii():
        return columns
    taken = 0
    for n, each in enumerate(text):
        taken += 2 if east_asian_width(each) in "WF" else 1
        if taken > columns:
            return max(n, 1)
    return len(text)


def wrap(line: str, columns: int) -> list[str]:
    """Break a line at blanks where it can be, else within a word."""
    line = line.expandtabs(8).rstrip()
    lines = []
    while width(line[: columns + 1]) > columns:
        fits = _cut(line, columns)
        blank = line.rfind(" ", 1, fits + 1)
        # A blank far to the left is an indent or a lone word: cut the word instead.
        at = blank if blank > fits // 3 else fits
        lines.append(line[:at].rstrip())
        line = line[at:].lstrip() if at == blank else line[at:]
    return [*lines, line]


def pages(text: str, columns: int) -> list[list[str]]:
    """Wrapped lines of a text, for each of its parts between form feeds."""
    return [
        [line for whole in part.split("\n") for line in wrap(whole, columns)]
        for part in text.rstrip().split("\f")
    ]
