"""Opens ledger files: new ones are made, others checked.

A new one is made under another name, and gets its own when it is complete and on disk.
So a ledger that is empty or cut was damaged, and is never taken for a new one: all that
it knew would be sent, and paid for, again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger.migrate import is_older, migrate
from orchestrator.ledger.schema import TABLES, VERSION

_ADVICE = {
    sqlite3.SQLITE_FULL: "make room and run the same command again",
    # The shared memory of a write-ahead log finds no room in this way.
    sqlite3.SQLITE_IOERR: "look after the disk (is it full?) and run the same command "
    "again",
    sqlite3.SQLITE_READONLY: "allow writing there and run the same command again",
    sqlite3.SQLITE_CANTOPEN: "allow reading and writing there",
    sqlite3.SQLITE_BUSY: "another program holds it: end that, and run again",
    sqlite3.SQLITE_NOTADB: "it is no ledger: restore it from a copy",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a copy; without one, every "
    "document would be sent and billed again",
}


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open a ledger file; one of an older version is brought up to this one first.

    Raises:
        MachineError: it cannot be opened, or is not a ledger of this version.
    """
    connection: sqlite3.Connection | None = None
    try:
        if not readonly and not path.exists():
            _create(path)
        connection = _open(path, "ro" if readonly else "rw")
        if not readonly:
            _prepare(connection, path)
        elif is_older(_version(connection)):
            connect(path).close()
        _check_version(connection, path)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise broken(path, error) from error
        raise
    return connection


def check_sound(path: Path) -> None:
    """Look through a ledger before anything is done by it.

    That takes seconds for a million documents: not for one that is the very file, not
    written to since, that a run has left, or was writing when it was killed.

    Raises:
        MachineError: it is damaged, or cannot be opened.
    """
    if _is_as_left(path):
        return
    try:
        with closing(connect(path, readonly=True)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise _damaged(path, found)


@contextmanager
def leaving(path: Path) -> Iterator[None]:
    """Note how a ledger is left, unless something went wrong with it."""
    yield
    if (mark := _mark(path)) is not None:
        with suppress(OSError):
            _note(path).write_text(mark, encoding="ascii")


def _is_as_left(path: Path) -> bool:
    mark = _mark(path)
    with suppress(OSError, ValueError):
        return mark is not None and _note(path).read_text(encoding="ascii") == mark
    return False


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.left")


def _mark(path: Path) -> str | None:
    """What tells that a file is what it was, and its log the same one, if it has any.

    What the log holds is not part of it: SQLite proves each page of it by a checksum.
    """
    try:
        # Times of changes cannot be set back, other than those of modifications.
        found = path.stat()
    except OSError:
        return None
    return f"{found.st_ino} {found.st_size} {found.st_ctime_ns} {_log_of(path)}"


def _log_of(path: Path) -> int:
    try:
        log = Path(f"{path}-wal").stat()
    except OSError:
        return 0
    return log.st_ino if log.st_size else 0


class Vouched:
    """A ledger that was found sound, and that only this process writes to.

    Pages get into the file itself when SQLite moves its log into it, which happens
    within our commits. What is seen right after that is noted; so after a kill the file
    is known to be as we left it, but for a kill in the middle of such a move.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = self._look()
        self._is_noted = False

    def before(self) -> None:
        """Before a commit: what is another file than we left is vouched for no more."""
        if self._seen is not None and self._look() != self._seen:
            self._seen = None
            with suppress(OSError):
                _note(self._path).unlink()

    def after(self) -> None:
        """After a commit: note the file if it was written to, and its log is there."""
        if self._seen is None:
            return
        if (seen := self._look()) != self._seen or not self._is_noted:
            self._seen, self._is_noted = seen, True
            self._write()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116  # twice a commit
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_ctime_ns

    def _write(self) -> None:
        if (mark := _mark(self._path)) is not None:
            with suppress(OSError):
                _note(self._path).write_text(mark, encoding="ascii")


def _damaged(path: Path, why: str) -> MachineError:
    return MachineError(
        f"ledger {path}: it is damaged ({why}); put a copy of it back: without it, all "
        "that was paid for would be paid for again"
    )


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri(path, mode),
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=30,
    )


def _create(path: Path) -> None:
    """Make an empty ledger; its name is given once it is complete and on disk."""
    drop_new(path)
    with closing(_open(new_of(path), "rwc")) as connection:
        _use_wal(connection, path)
        connection.executescript(
            f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version={VERSION}; COMMIT;"
        )
    _rename(path)


def new_of(path: Path) -> Path:
    """What a ledger is called until it is complete."""
    return path.with_name(f"{path.name}.new")


def drop_new(path: Path) -> None:
    """Remove a ledger that never got its name.

    Raises:
        MachineError: one that had it is gone, and what was kept beside it is there.
    """
    check_not_gone(path)
    for end in ("", "-wal", "-shm"):
        Path(f"{new_of(path)}{end}").unlink(missing_ok=True)


def check_not_gone(path: Path) -> None:
    """See that where there is no ledger, there was none.

    Raises:
        MachineError: one is gone, and its log or the note on how it was left is there.
    """
    if path.exists():
        return
    if _log_of(path):
        raise _damaged(path, "it is gone, and its write-ahead log is there")
    if _note(path).exists():
        raise _damaged(path, f"it is gone, and {_note(path).name} tells of it")


def require(path: Path) -> None:
    """See that there is a ledger.

    Raises:
        UsageError: there never was one.
        MachineError: it is gone.
    """
    check_not_gone(path)
    if not path.exists():
        raise UsageError(f"no ledger at {path}: this manifest was never run")


def give_name(path: Path) -> None:
    """Give a new ledger, which nobody writes any more, its name; it is on disk then.

    Raises:
        MachineError: it cannot hold a write-ahead log.
        sqlite3.Error: it cannot be written.
    """
    new = new_of(path)
    with closing(_open(new, "rw")) as connection:
        _use_wal(connection, path)
    file = os.open(new, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        raise broken(path, error) from error
    finally:
        os.close(file)
    _rename(path)


def _rename(path: Path) -> None:
    new_of(path).rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_begun(path: Path) -> bool:
    """Whether a ledger is or was there; also where that cannot be known."""
    try:
        return any(map(_is_there, (path, _note(path), Path(f"{path}-wal"))))
    except OSError:
        return True


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def elsewhere(path: Path) -> str:
    """What to say of another place; that is no way out where a batch has begun."""
    if is_begun(path):
        return (
            "; do not begin anew in another place: what is paid for would be paid for "
            "again"
        )
    return ", or choose another place with --state DIR"


def to_local_disk(path: Path) -> str:
    """How to get off a file system that cannot hold a ledger."""
    if is_begun(path):
        return (
            "move the whole folder to a local disk, and say --state DIR with its new "
            "place: without it, what is paid for would be paid for again"
        )
    return "choose a folder on a local disk with --state DIR"


def identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another under the same name; ``None`` if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Say which ledger it is, whatever SQLite cannot do in here.

    Raises:
        MachineError: instead of SQLite's own errors.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise broken(path, error) from error


def broken(path: Path, error: Exception) -> MachineError:
    """Say which ledger could not be read or written, why, and what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    advice = _ADVICE.get(code, "see to it and run the same command again")
    if code == sqlite3.SQLITE_CANTOPEN:
        advice += elsewhere(path)
    return MachineError(f"ledger {path}: {error}; {advice}")


def uri(path: Path, mode: str) -> str:
    """A path as SQLite's URI: ``mode`` is ro, rw or rwc."""
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    still = "&immutable=1" if mode == "ro" and _is_still(path) else ""
    return f"file:{quoted}?mode={mode}{still}"


def _is_still(path: Path) -> bool:
    """Whether a ledger lies whole on a medium that takes no writing.

    There SQLite cannot make the shared memory that reading a log needs. Where a log is
    left it does need it, and says that it cannot open the file.
    """
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY) and not _log_of(path)
    except OSError:
        return False


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    _use_wal(connection, path)
    if is_older(_version(connection)):
        migrate(connection)


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise MachineError(
            f"ledger {path}: this file system cannot hold a write-ahead log "
            f"(journal mode {mode!r}); {to_local_disk(path)}"
        )
    connection.execute("PRAGMA synchronous=FULL")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    found = _version(connection)
    if found == 0:
        raise _damaged(path, "it is empty")
    if found != VERSION:
        raise MachineError(
            f"ledger {path}: version {found} found, this program writes {VERSION}; "
            "go on with the version of orchestrator that wrote it, or a newer one"
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
