"""A file that is handed over, held against what the ledger says of it."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.model import Output

_SMALL = 16_000_000
"""Up to this size a file is read once, and kept while it is copied."""
_PIECE = 1 << 20


class Changed(Exception):
    """A file is not what the ledger says; the message says how."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file whose hash is that of the ledger; ``data`` is all of it, if small."""

    output: Output
    crc: int
    data: bytes | None

    def pieces(self) -> Iterator[bytes]:
        """The bytes, held against the hash once more where they are read again.

        Raises:
            Changed: they are others by now.
        """
        if self.data is not None:
            yield self.data
            return
        digest = hashlib.sha256()
        for each in _read(self.output.path):
            digest.update(each)
            yield each
        if digest.hexdigest() != self.output.sha256:
            raise Changed(f"{self.output.path}: it was changed while it was read")

    @property
    def source(self) -> Path | bytes:
        """What a reader of PDFs may open."""
        return Path(self.output.path) if self.data is None else self.data


def content_of(output: Output) -> Content:
    """Read a file and hold it against the ledger.

    Raises:
        Changed: it is gone, or not what it was.
    """
    digest, crc, size, pieces = hashlib.sha256(), 0, 0, []
    try:
        for each in _read(output.path):
            digest.update(each)
            crc = zlib.crc32(each, crc)
            size += len(each)
            if size <= _SMALL:
                pieces.append(each)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise Changed(f"{output.path}: {why}") from None
    if size != output.size:
        message = f"{size:,} bytes, and {output.size:,} on record"
        raise Changed(f"{output.path}: {message}")
    if digest.hexdigest() != output.sha256:
        raise Changed(f"{output.path}: other bytes than those on record")
    return Content(output, crc, b"".join(pieces) if size <= _SMALL else None)


def _read(path: str) -> Iterator[bytes]:
    # A pipe under the name would block for ever.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(0, "it is no regular file")
        while piece := os.read(fd, _PIECE):
            yield piece
    finally:
        os.close(fd)
