"""ZIP files: the same documents give the same bytes."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

# The first moment that the format knows: a date would be no one's but the clock's.
NO_TIME = (1980, 1, 1, 0, 0, 0)


def pack(members: Sequence[tuple[str, Path]], folder: Path) -> tuple[IO[bytes], int]:
    """Write files under their names; give the open ZIP, at its start, and its size.

    It has no name on disk, so that nothing is left of it however we end. PDF files are
    compressed already, and are stored as they are.
    """
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # the caller closes it
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
            for name, path in members:
                _add(packed, name, path)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, size


def _add(packed: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = zipfile.ZipInfo(name, NO_TIME)
    entry.create_system = 3  # Unix, wherever we run
    entry.external_attr = 0o644 << 16
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, packed.open(entry, "w") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
