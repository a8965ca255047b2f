"""The text of a manifest or of rows, checked while it is read: UTF-8, unless said."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Callable
from typing import Protocol

CHUNK = 1 << 16
UTF16 = "UTF-16"
UTF8 = "utf-8"
_FOREIGN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffd-\uffff]"
)


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size``; empty at the end."""
        ...


class Text:
    """Reads a file as text, for a parser that takes anything with ``read``.

    Bytes that its encoding does not have and characters that no text has are reported
    once, at the first of them, and replaced, so that the rest is still checked; UTF-16
    ends here.
    """

    def __init__(
        self,
        file: Readable,
        report: Callable[[int, int, str], None],
        encoding: str = UTF8,
    ) -> None:
        self._file = file
        self._report = report
        self._decoder = getincrementaldecoder(encoding)("replace")
        self._line = 0
        self._column = 0
        self._is_start = True
        self._is_flawed = False

    def read(self, size: int = -1) -> str:  # noqa: ARG002  # the parser takes any length
        """The next piece; empty at the end."""
        while chunk := self._file.read(CHUNK):
            if text := self._checked(self._decoder.decode(chunk), chunk):
                return text
            if self._is_flawed:
                return ""
        return self._checked(self._decoder.decode(b"", final=True), b"")

    def _checked(self, text: str, chunk: bytes) -> str:
        if self._is_start and text:
            self._is_start = False
            text = text.removeprefix("\ufeff")
            if chunk.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
                self._flaw(0, 0, UTF16)
                return ""
        if found := _FOREIGN.search(text):
            self._flaw(*self._after(text[: found.start()]), found[0])
            text = _FOREIGN.sub("?", text)
        self._line, self._column = self._after(text)
        return text

    def _after(self, text: str) -> tuple[int, int]:
        lines = text.count("\n")
        if lines:
            return self._line + lines, len(text) - text.rindex("\n") - 1
        return self._line, self._column + len(text)

    def _flaw(self, line: int, column: int, found: str) -> None:
        if not self._is_flawed:
            self._is_flawed = True
            self._report(line, column, found)


def foreign(found: str, encoding: str = UTF8) -> str:
    """What is wrong with a text, in words."""
    if found == UTF16:
        return "the file is UTF-16; allowed is UTF-8"
    if found == "\ufffd":
        name = encoding.upper() if encoding == UTF8 else encoding
        return f"the text is not {name} here, or was damaged before"
    return f"the character U+{ord(found):04X} cannot stand in a text"
