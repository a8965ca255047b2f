"""How a result is named and typed for those who fetch it; performs no I/O."""

from __future__ import annotations

from urllib.parse import quote

TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


def kind(name: str) -> str:
    """The media type of a result."""
    suffix = name.rpartition(".")[2].lower()
    return TYPES.get(suffix, "application/octet-stream")


def disposition(name: str) -> str:
    """A name for every client: plain for the old ones, exact for the others."""
    plain = name.encode("ascii", "replace").decode()
    plain = plain.replace("\\", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
