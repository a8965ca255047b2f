"""Blocking work on files: whole or absent, durable, never over what is not ours."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import MachineError
from orchestrator.model import Output, Saved
from orchestrator.transfer.forms.window import OnDisk
from orchestrator.wire.outcome import OutputExists, PartMissing

_ADVICE = {
    errno.ENOSPC: "make room and run again",
    errno.EDQUOT: "make room in your quota and run again",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "allow writing there or choose another folder",
    errno.EPERM: "allow writing there or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name for the output",
}
_NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)


# A link that someone put under our name is not followed.
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_PIECE = 1 << 20
_MANY = 64
"""Pieces that are joined rather than written one by one."""


def machine_error(error: OSError, path: str) -> MachineError:
    """Say which path could not be written, why, and what to do."""
    advice = _ADVICE.get(error.errno or 0, "see to it and run again")
    return MachineError(f"{path}: {error.strerror or 'cannot be written'}; {advice}")


@dataclass(slots=True)
class PartFile:
    """A part file while it is written."""

    path: str
    size: int = 0
    _fd: int = -1
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def open(self) -> None:
        """Create it, and its folders; what a former run left is removed first.

        It is never cut: killed between its two names it is the output as well.
        """
        try:
            self._fd = os.open(self.path, _NEW, 0o666)
        except FileNotFoundError:
            make_folder(Path(self.path).parent)
            self._fd = os.open(self.path, _NEW, 0o666)
        except FileExistsError:
            _remove_regular(self.path)
            self._fd = os.open(self.path, _NEW, 0o666)

    def go_on(self) -> bool:
        """Open it again behind what was taken; false if that is not there as it was."""
        fd = _open_alone(self.path)
        if fd < 0:
            return False
        self._fd = fd
        if os.fstat(fd).st_size < self.size:
            return False
        os.ftruncate(fd, self.size)
        os.lseek(fd, self.size, os.SEEK_SET)
        return True

    def take(self, piece: bytes) -> None:
        """Hash a piece."""
        self._hash.update(piece)
        self.size += len(piece)

    def write(self, piece: bytes) -> None:
        """Write a piece that was taken."""
        view = memoryview(piece)
        while view:
            view = view[os.write(self._fd, view) :]

    def write_on(self, piece: bytes) -> None:
        """Take and write a piece, opening the file at the first."""
        if self._fd < 0:
            self.open()
        self.take(piece)
        self.write(piece)

    def write_all(self, pieces: Sequence[bytes]) -> None:
        """The same for several pieces."""
        for piece in pieces if len(pieces) <= _MANY else (b"".join(pieces),):
            self.write_on(piece)

    def complete(self) -> Saved:
        """Make it durable and close it."""
        os.fsync(self._fd)
        self.close()
        return Saved(self.path, self.size, self.sha256)

    def window(self) -> OnDisk:
        """What was written so far, to be looked at."""
        return OnDisk(self._fd, self.size)

    @property
    def is_open(self) -> bool:
        """Whether something was written, and more may be."""
        return self._fd >= 0

    @property
    def sha256(self) -> str:
        """Of all that was taken so far, in hex."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close it, if it is open."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def drop(self) -> None:
        """Close and remove it, as far as the system lets us."""
        self.close()
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108


def left_part(path: str, size: int | None) -> PartFile:
    """What a former run left of a part file, hashed again; nothing of what is no part.

    At least one byte of ``size`` is left to be fetched: the reply to that says whether
    the file is still the one that was begun.
    """
    part = PartFile(path)
    fd = _open_alone(path)
    if fd < 0:
        return part
    found = os.fstat(fd).st_size
    end = found if size is None else min(found, size - 1)
    try:
        while piece := os.pread(fd, min(_PIECE, end - part.size), part.size):
            part.take(piece)
    finally:
        os.close(fd)
    return part


def _open_alone(path: str) -> int:
    """Open a part that has no other name; -1 if there is none.

    Killed between its two names it is the output as well, and must not change.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)
    except OSError:
        return -1
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return fd
    os.close(fd)
    return -1


def _remove_regular(path: str) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            os.unlink(path)  # noqa: PTH108


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(str(folder.parent))


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network file systems have no such thing as a folder to sync.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def keep_parts(
    parts: Sequence[Saved], finals: Sequence[str], *, overwrite: bool
) -> list[Output]:
    """Give parts their final names; finishes what an earlier call began.

    Everything is looked at before the first name is given.

    Raises:
        OutputExists: a file that is not ours has one of the names.
        PartMissing: a part is gone, and its final name holds nothing of it.
        OSError: as the system says.
    """
    pending = [
        (part, final)
        for part, final in zip(parts, finals, strict=True)
        if not _is_kept(part, final)
    ]
    for part, final in pending:
        _require_part(part)
        if not overwrite and os.path.lexists(final) and not _is_same(part, final):
            raise OutputExists(f"{final}: there is a file that this batch did not make")
    for part, final in pending:
        make_folder(Path(final).parent)
        _give_name(part, final, overwrite=overwrite)
    for folder in sorted({os.path.dirname(final) for final in finals}):  # noqa: PTH120  # a path object could spell it anew
        sync_folder(folder)
    return [
        Output(final, part.size, part.sha256)
        for part, final in zip(parts, finals, strict=True)
    ]


def _is_kept(part: Saved, final: str) -> bool:
    """Whether a former call has named this part, and dropped its first name."""
    return not os.path.lexists(part.part) and _is_same(part, final)


def _require_part(part: Saved) -> None:
    try:
        found = os.lstat(part.part)
    except FileNotFoundError:
        raise PartMissing(f"{part.part}: the part file is gone") from None
    if not stat.S_ISREG(found.st_mode) or found.st_size != part.size:
        raise PartMissing(f"{part.part}: the part file is not what was saved")


def _is_same(part: Saved, final: str) -> bool:
    """Whether a file has the bytes that the part had when it was saved."""
    try:
        found = os.lstat(final)
        if not stat.S_ISREG(found.st_mode) or found.st_size != part.size:
            return False
        with Path(final).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256
    except FileNotFoundError:
        return False


def keep_new(part: Saved, final: str, *, overwrite: bool) -> list[Output]:
    """Give a part that was completed a moment ago its final name.

    The same as ``keep_parts``, which also looks for what an earlier call did.

    Raises:
        OutputExists: a file that is not ours has the name.
        OSError: as the system says.
    """
    folder = os.path.dirname(final)  # noqa: PTH120  # as it is spelt
    if folder != os.path.dirname(part.part):  # noqa: PTH120
        make_folder(Path(folder))
    _give_name(part, final, overwrite=overwrite)
    sync_folder(folder)
    return [Output(final, part.size, part.sha256)]


def _give_name(part: Saved, final: str, *, overwrite: bool) -> None:
    if overwrite:
        os.replace(part.part, final)  # noqa: PTH105  # strings all the way
        return
    try:
        # A link fails where the name exists; a rename would replace.
        os.link(part.part, final)
    except FileExistsError:
        _adopt(part, final)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename(part, final)
    else:
        os.unlink(part.part)  # noqa: PTH108


def _adopt(part: Saved, final: str) -> None:
    if not _is_same(part, final):
        raise OutputExists(f"{final}: there is a file that this batch did not make")
    os.unlink(part.part)  # noqa: PTH108


def _rename(part: Saved, final: str) -> None:
    """Where there are no links: look, then rename.

    Another program could take the name between the two, within microseconds. Taking
    the name first with an empty file would be safe from that, but a kill would leave
    an empty file under a final name.
    """
    if os.path.lexists(final):
        _adopt(part, final)
    else:
        os.rename(part.part, final)  # noqa: PTH104
