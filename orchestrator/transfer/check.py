"""Whether bytes are what was asked for, by head, tail and size."""

from __future__ import annotations

import os
import re
from pathlib import Path

from orchestrator.model import Blame, Failure, Remedy

HEAD = 4096
"""Bytes of the start that are looked at."""
TAIL = 66_000
"""Bytes of the end that are looked at: a ZIP's directory end and its comment."""

_ZIPPED = frozenset(
    {"docx", "docm", "xlsx", "xlsm", "pptx", "pptm", "odt", "ods", "odp", "odg"}
    | {"epub", "zip"}
)
_OLD_OFFICE = frozenset({"doc", "xls", "ppt", "msg"})
_TEXT = frozenset({"txt", "csv", "tsv", "md"})
_MARKUP = frozenset({"html", "htm", "xhtml", "svg", "xml", "mhtml"})

_MAGIC: dict[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "tif": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "bmp": (b"BM",),
    "webp": (b"RIFF",),
    "rtf": (b"{\\rtf",),
    **dict.fromkeys(_ZIPPED, (b"PK\x03\x04", b"PK\x05\x06")),
    **dict.fromkeys(_OLD_OFFICE, (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",)),
}
"""Target -> how its files begin."""

_ENDS: dict[str, bytes] = {
    "pdf": b"%%EOF",
    "png": b"IEND",
    "jpg": b"\xff\xd9",
    "jpeg": b"\xff\xd9",
    "gif": b"\x3b",
    **dict.fromkeys(_ZIPPED, b"PK\x05\x06"),
}
"""Target -> what is near the end of its complete files."""

_NEAR = 2048
"""Bytes of the end in which a mark may stand, where junk may follow."""
_PAGE = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)


def check(target: str, *, head: bytes, tail: bytes, size: int) -> Failure | None:
    """Say what is wrong with a file that should be a ``target``, or ``None``.

    ``head`` and ``tail`` are the first and last bytes of the file, up to ``HEAD`` and
    ``TAIL`` of them; ``size`` is the whole. A text that is empty has to be declared
    so by the service, which the caller knows.
    """
    if size == 0:
        return bad("empty", "the file is empty")
    if target not in _MARKUP and _PAGE.match(_without_mark(head)):
        return bad(_not_a(target), f"a web page instead of {target}")
    if target == "pdf":
        begins = b"%PDF-" in head[:1024]
    else:
        begins = head.startswith(_MAGIC.get(target, b""))
    if not begins:
        return bad(_not_a(target), f"{_look(head)} instead of {target}")
    return _check_end(target, tail)


def check_file(path: str | Path, target: str) -> Failure | None:
    """Say what is wrong with a file on disk that should be a ``target``, or ``None``.

    Reads little of the file, and looks at nothing but its bytes: an empty text passes,
    since it was declared so when it was saved.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0 and may_be_empty(target):
            return None
        head = os.pread(file.fileno(), HEAD, 0)
        tail = os.pread(file.fileno(), TAIL, max(0, size - TAIL))
    return check(target, head=head, tail=tail, size=size)


def check_length(size: int, expected: int | None) -> Failure | None:
    """Say that a file is not as long as the service said, or ``None``."""
    if expected in (None, size):
        return None
    return bad("wrong_length", f"{size} bytes came, {expected} were declared")


def check_hash(sha256: str, expected: str | None) -> Failure | None:
    """Say that a file is not the one that the service declared, or ``None``."""
    if expected is None or expected.lower() == sha256:
        return None
    return bad("wrong_hash", "the SHA-256 is not the declared one")


def may_be_empty(target: str) -> bool:
    """Whether a service may declare an empty result: a page without any text."""
    return target in _TEXT


def bad(code: str, message: str) -> Failure:
    """A failure of the service's reply.

    The remedy is to fetch again, and never to do the paid work again: the file was
    found wanting on its way through FETCH, which is SAFE. (The result of a sync
    exchange has its handle by then, so there, too, it is the fetch that is repeated.)
    """
    return Failure(code, message, Blame.SERVICE, Remedy.RETRY)


def _check_end(target: str, tail: bytes) -> Failure | None:
    mark = _ENDS.get(target)
    near = tail if target in _ZIPPED else tail[-_NEAR:]
    if mark is None or mark in near:
        return None
    return bad("truncated", f"the end of the {target} is missing")


def _without_mark(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf")


def _look(head: bytes) -> str:
    """What bytes look like, in words that are safe to show."""
    start = _without_mark(head).lstrip()[:1]
    if start in (b"{", b"["):
        return "JSON"
    if start == b"<":
        return "markup"
    if head.startswith(b"%PDF-"):
        return "a PDF"
    return "something else"


def _not_a(target: str) -> str:
    return f"not_a_{target}" if target.isalnum() else "wrong_type"
