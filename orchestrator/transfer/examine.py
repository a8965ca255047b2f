"""Looks at a file under its final name: its size, its hash, and what it is."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

from orchestrator.model import Failure
from orchestrator.transfer.check import bad, check, may_be_empty
from orchestrator.transfer.forms.window import OnDisk

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file is; ``failure`` says why it is no document of its type."""

    size: int
    sha256: str
    failure: Failure | None = None


def examine(path: str, target: str | None, *, sync: bool = False) -> Examined:
    """Read a file in pieces: hash it, and check it as a document.

    Args:
        path: The file.
        target: The format that it should have; ``None`` takes any.
        sync: Whether it has to be on disk afterwards.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    # A pipe under the name would block for ever.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return Examined(0, "", bad("no_file", "it is no regular file"))
        size, digest = 0, hashlib.sha256()
        while piece := os.read(fd, CHUNK):
            digest.update(piece)
            size += len(piece)
        if sync:
            os.fsync(fd)
        return Examined(size, digest.hexdigest(), _judged(fd, size, target))
    finally:
        os.close(fd)


def _judged(fd: int, size: int, target: str | None) -> Failure | None:
    if target is None or (size == 0 and may_be_empty(target)):
        return None
    return check(target, OnDisk(fd, size))
