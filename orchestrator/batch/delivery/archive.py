"""A ZIP archive whose bytes depend on names and contents alone; streams.

Entries are stored as they are: PDFs are compressed within, and what a deflater makes
differs from one version of zlib to the next. The standard library's writer keeps an
object for each entry; here the directory waits in a temporary file, so that memory
does not grow with the number of entries. ZIP64 where sizes or counts ask for it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from struct import pack

FULL = 0xFFFFFFFF
"""What 32 bits hold; a field with it points to its ZIP64 twin."""
_MANY = 0xFFFF
_UTF8 = 0x0800
_PLAIN, _LARGE = 20, 45
_UNIX = 3 << 8
_DAY_ONE = (0, 0x21)
"""1980-01-01, the first day that the format knows."""
_MODE = 0o100644 << 16
_SPOOLED = 1 << 20


class Archive:
    """An archive that is written from its beginning to its end.

    Args:
        write: Takes the next bytes of the file.
        full: From which size on a field is written as ZIP64.
    """

    def __init__(self, write: Callable[[bytes], None], *, full: int = FULL) -> None:
        self._write = write
        self._full = full
        self._at = 0
        self._count = 0
        self._directory = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115  # closed below

    def close(self) -> None:
        """Forget the directory."""
        self._directory.close()

    def add(self, name: str, pieces: Iterable[bytes], *, size: int, crc: int) -> None:
        """Add a file whose size and CRC-32 are known."""
        text, at, is_large = name.encode(), self._at, size >= self._full
        known = pack("<HHHHI", _UTF8, 0, *_DAY_ONE, crc)
        said = FULL if is_large else size
        extra = pack("<HHQQ", 1, 16, size, size) if is_large else b""
        head = pack("<IH", 0x04034B50, _LARGE if is_large else _PLAIN) + known
        self._put(head + pack("<IIHH", said, said, len(text), len(extra)))
        self._put(text + extra)
        before = self._at
        for each in pieces:
            self._put(each)
        if self._at - before != size:
            raise ValueError(f"{name}: {self._at - before} bytes, and not {size}")
        self._count += 1
        self._directory.write(self._entry(text, known, size, at))

    def _entry(self, text: bytes, known: bytes, size: int, at: int) -> bytes:
        """The directory's record of a file."""
        is_large, is_far = size >= self._full, at >= self._full
        wide = pack("<QQ", size, size) if is_large else b""
        wide += pack("<Q", at) if is_far else b""
        extra = pack("<HH", 1, len(wide)) + wide if wide else b""
        needs = _LARGE if wide else _PLAIN
        said = FULL if is_large else size
        head = pack("<IHH", 0x02014B50, _UNIX | _LARGE, needs) + known
        head += pack("<IIHHHHHI", said, said, len(text), len(extra), 0, 0, 0, _MODE)
        return head + pack("<I", FULL if is_far else at) + text + extra

    def end(self) -> None:
        """Write the directory; nothing may be added after it."""
        start = self._at
        self._directory.seek(0)
        shutil.copyfileobj(self._directory, _Writer(self._put))
        size, count = self._at - start, self._count
        if count >= _MANY or start >= self._full or size >= self._full:
            wide = pack(
                "<QHHIIQQQQ",
                44,
                _UNIX | _LARGE,
                _LARGE,
                0,
                0,
                count,
                count,
                size,
                start,
            )
            place = self._at
            self._put(pack("<I", 0x06064B50) + wide)
            self._put(pack("<IIQI", 0x07064B50, 0, place, 1))
            count, size, start = _MANY, FULL, FULL
        self._put(pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, start, 0))

    def _put(self, piece: bytes) -> None:
        self._write(piece)
        self._at += len(piece)


class _Writer:
    """Something to write to, for those who copy files."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write
