"""The limits of an account, shared by all batches of a user on this machine.

One small file for each account holds the cells of ``engine/found/slate.py`` as numbers
in shared memory. It is locked for microseconds at a time. Each process has a seat, and
holds a lock on a file of its own for as long as it lives: the kernel lets go of it,
however the process ends. The file's name tells the account by a hash, and no key is
written anywhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ctypes import sizeof
from pathlib import Path

from orchestrator.clock import Clock
from orchestrator.engine.found.cells import clear
from orchestrator.engine.found.slate import SEATS, Cells

CENSUS = 1.0
"""Seconds between two looks at who is still there."""
PLACES = (Path("/dev/shm"), Path("/tmp"))  # noqa: S108  # see ``folder_of``
JOINING = 0.5
"""Seconds for which one who joins waits for the lock."""


def folder_of(user: int, places: Sequence[Path] = PLACES) -> Path | None:
    """The folder where a user's limits are shared; ``None`` where there is none.

    It does not depend on the environment, so that a shell and a timer of one user meet
    there; memory is enough, since what was found is stale after a restart. A folder
    that anybody else could write to is not used.
    """
    for place in places:
        folder = place / f"orchestrator-{user}"
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == user
            if is_ours and not found.st_mode & 0o077:
                return folder
    return None


def name_of(provider: str, url: str, key: str, secret: str) -> str:
    """A name for an account that tells neither its key nor its address."""
    told = "\0".join((provider, url.rstrip("/"), key, secret)).encode()
    return hashlib.blake2s(told, person=b"limits", digest_size=16).hexdigest()


def layout_of(kind: type) -> str:
    """What tells one arrangement of cells from another, in a few letters."""
    told = repr(_named(kind)).encode()
    return hashlib.blake2s(told, person=b"layout", digest_size=4).hexdigest()


def _named(kind: type) -> object:
    inner, count = getattr(kind, "_type_", kind), getattr(kind, "_length_", 1)
    fields = getattr(inner, "_fields_", ())
    return count, [(name, _named(each)) for name, each in fields]


LAYOUT = layout_of(Cells)
"""A part of the file's name: programs that disagree about the cells share nothing."""


class SharedSlate:
    """Cells in memory that processes share, and a seat at them.

    Raises:
        OSError: the files cannot be made, or every seat is taken.
    """

    def __init__(self, folder: Path, name: str, now: float) -> None:
        self._stem = folder / f"{name}.{LAYOUT}"
        self._leases: dict[int, int] = {}
        self._fd = _open(self._stem)
        self._is_open = True
        try:
            self._join(now)
        except BaseException:
            self.close()
            raise

    def _join(self, now: float) -> None:
        is_locked = self._locked_soon()
        try:
            size = sizeof(Cells)
            if os.fstat(self._fd).st_size < size:
                os.ftruncate(self._fd, size)
            self.cells = Cells.from_buffer(mmap.mmap(self._fd, size))
            self.mine = self._sit()
            self._others = tuple(n for n in range(SEATS) if self._is_taken(n))
            if not self._others:
                # What was found by those who are gone is stale.
                self.cells.begin(now)
            self._head = self.cells.head
            self._head.census += 1
            self._seen, self._next = self._head.census, now + CENSUS
        finally:
            if is_locked:
                self.unlock()

    def lock(self) -> bool:
        """Keep others out for some microseconds; says whether that was possible."""
        if not self._is_open:
            return True
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def unlock(self) -> None:
        """Let others in."""
        if self._is_open:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def taken(self, now: float) -> Sequence[int]:
        """The seats that are taken, ours first; looked up once a second."""
        if now >= self._next or self._head.census != self._seen:
            self._seen, self._next = self._head.census, now + CENSUS
            self._others = tuple(n for n in range(SEATS) if self._is_taken(n))
        return (self.mine, *self._others)

    def close(self) -> None:
        """Give the seat back."""
        if not self._is_open:
            return
        self._is_open = False
        if hasattr(self, "_head"):
            self._head.census += 1
        for fd in (*self._leases.values(), self._fd):
            os.close(fd)

    def _locked_soon(self) -> bool:
        until = time.monotonic() + JOINING
        while not self.lock():
            if time.monotonic() > until:
                return False  # its holder is frozen, within some microseconds of work
            time.sleep(0.001)
        return True

    def _place(self, number: int) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{number}")

    def _lease(self, number: int) -> int:
        if number not in self._leases:
            self._leases[number] = _open(self._place(number))
        return self._leases[number]

    def _sit(self) -> int:
        for number in range(SEATS):
            with suppress(BlockingIOError):
                fcntl.flock(self._lease(number), fcntl.LOCK_EX | fcntl.LOCK_NB)
                return number
        raise OSError(f"{self._stem}: {SEATS} processes share this account already")

    def _is_taken(self, number: int) -> bool:
        """Whether somebody else has this seat; one that is free is cleared."""
        if number == self.mine:
            return False
        if number not in self._leases and not self._place(number).exists():
            return False
        fd = self._lease(number)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        clear(self.cells.seats[number])
        fcntl.flock(fd, fcntl.LOCK_UN)
        return False


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, 0o600)


@contextmanager
def shared(name: str, clock: Clock) -> Iterator[SharedSlate | None]:
    """The slate of an account; ``None`` where this machine has no place for one."""
    slate, folder = None, folder_of(os.getuid())
    if folder is not None:
        with suppress(OSError):
            slate = SharedSlate(folder, name, clock.monotonic())
    try:
        yield slate
    finally:
        if slate is not None:
            slate.close()
