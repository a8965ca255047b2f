"""Takes the clock out of office files: equal content, equal bytes."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

_THEN = (2026, 3, 17, 9, 0, 0)
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?=</dcterms:)")


def settle(path: Path) -> None:
    """Pack a file again as if it had always been the same day."""
    path.write_bytes(_packed(path.read_bytes()))


def _packed(data: bytes) -> bytes:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(packed, "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".xlsx"):
                content = _packed(content)
            elif name == "docProps/core.xml":
                content = _STAMP.sub(b"2026-03-17T09:00:00Z", content)
            about = zipfile.ZipInfo(name, _THEN)
            new.writestr(about, content, zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()
