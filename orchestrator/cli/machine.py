"""What this machine refused, where nobody nearer could say so."""

from __future__ import annotations

import errno
import sqlite3

_ERRORS = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room in your quota",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "allow reading and writing there",
    errno.EPERM: "allow reading and writing there",
    errno.EIO: "look after the disk",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "end other programs",
    errno.ENOMEM: "end other programs",
    errno.ESTALE: "look after the file system",
    errno.ENAMETOOLONG: "choose a shorter name",
}
_SQLITE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
    }
)


def of_machine(error: BaseException) -> str | None:
    """The message for an error of this machine; ``None`` for one that is a bug."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in _SQLITE:
            return None
        return f"ledger or temporary file: {error}; see to it and run again"
    if isinstance(error, OSError) and error.errno in _ERRORS:
        name = error.filename2 or error.filename or "standard output or a pipe"
        return f"{name}: {error.strerror}; {_ERRORS[error.errno]} and run again"
    return None
