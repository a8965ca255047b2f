"""Whether a file is the document that was asked for, or what came instead.

A file that passes begins and ends as its format demands; where the format tells how
long it is or what it consists of, that is there, too. Little of a file is read, and
none of it is kept, so that its size costs no memory.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

from orchestrator.model import Blame, Failure, Remedy
from orchestrator.transfer.forms import FORMS, pdf, zipped
from orchestrator.transfer.forms.window import OnDisk, Window

HEAD = 4096
"""Bytes of the start that are looked at."""
MOST = 1 << 36
"""Bytes beyond which no result is reasonable, whatever is declared: 64 GiB."""

_PDFS = frozenset({"pdf", "pdfa"})
_PAGES = frozenset({"html", "htm", "xhtml", "mhtml"})
"""Targets that may be web pages."""
_MAY_BE_EMPTY = frozenset({"txt", "csv", "tsv", "md"})
_PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)


def check(target: str, window: Window) -> Failure | None:
    """Say what is wrong with a file that should be a ``target``, or ``None``.

    A text that is empty has to be declared so by the service, which the caller knows.
    """
    if window.size == 0:
        return bad("empty", "the file is empty")
    head = _without_mark(window.read(0, HEAD))
    if target not in _PAGES and _PAGE.match(head):
        return bad(not_a(target), f"a web page instead of {target}")
    if not _begins(target, head):
        return bad(not_a(target), f"{_look(head)} instead of {target}")
    if why := _cut(target, window):
        return bad("truncated", why)
    return _check_inside(target, window)


def check_file(path: str | Path, target: str) -> Failure | None:
    """Say what is wrong with a file on disk that should be a ``target``, or ``None``.

    Reads little of the file, and looks at nothing but its bytes: an empty text passes,
    since it was declared so when it was saved.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        window = OnDisk(file.fileno(), os.fstat(file.fileno()).st_size)
        if window.size == 0 and may_be_empty(target):
            return None
        return check(target, window)


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
    return target in _MAY_BE_EMPTY


def bad(code: str, message: str) -> Failure:
    """A failure of the service's reply.

    The remedy is to fetch again, and never to do the paid work again: the file was
    found wanting on its way through FETCH, which is SAFE. (The result of a sync
    exchange has its handle by then, so there, too, it is the fetch that is repeated.)
    """
    return Failure(code, message, Blame.SERVICE, Remedy.RETRY)


def not_a(target: str) -> str:
    """The code for something else than a ``target``."""
    return f"not_a_{target}" if target.isalnum() else "wrong_type"


def _begins(target: str, head: bytes) -> bool:
    form = FORMS.get(target)
    return form is None or form.begins(head)


def _cut(target: str, window: Window) -> str | None:
    form = FORMS.get(target)
    try:
        return form.cut(window) if form else None
    except (struct.error, IndexError, ValueError):
        return f"the {target} ends where it should go on"


def _check_inside(target: str, window: Window) -> Failure | None:
    """What a whole file may still lack: its pages, its members."""
    if target in _PDFS and pdf.lacks_pages(window):
        return bad("no_pages", "the pdf has no page")
    if FORMS.get(target) is not FORMS["zip"]:
        return None
    if zipped.is_empty(window):
        return bad("empty", f"the {target} has nothing in it")
    if not zipped.is_kind(window, target):
        return bad(not_a(target), f"another archive instead of {target}")
    return None


def _without_mark(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf")


def _look(head: bytes) -> str:
    """What bytes look like, in words that are safe to show."""
    start = head.lstrip()[:1]
    if start in (b"{", b"["):
        return "JSON"
    if start == b"<":
        return "markup"
    if head.startswith(b"%PDF-"):
        return "a PDF"
    return "something else"
