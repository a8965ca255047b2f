"""What a pass over a manifest has looked at, so that a later one can be spared.

A pass is a function of the files that it reads, of the names that its patterns match
and of how its inputs stand on the disk. All of that is noted here: files with the
digest of the very bytes that were read, inputs in a temporary file, since there may be
a million of them. What cannot be compared later (a database, a series of numbers)
spoils the notes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple

import msgspec

CHUNK = 1 << 20
PAGE = 1_000
"""Inputs of one line."""


class Stamp(NamedTuple):
    """What tells cheaply that a file is as it was; times in nanoseconds."""

    size: int
    mtime: int
    ctime: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """Out of what the system says."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file that was read to its end."""

    path: str
    size: int
    mtime: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> SeenFile:
        """A file as it is now.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(str(path.absolute()), found.st_size, found.st_mtime_ns, sha256)

    def is_unchanged(self) -> bool:
        """Whether it has the same size, time and bytes."""
        try:
            with Path(self.path).open("rb") as file:
                found = os.fstat(file.fileno())
                if (found.st_size, found.st_mtime_ns) != (self.size, self.mtime):
                    return False
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


class Hashed:
    """A binary file whose bytes are hashed while somebody reads it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        found = self._file.read(size)
        self._sha256.update(found)
        return found

    def digest(self) -> str:
        """Of all of it; what was left is read."""
        while self.read(CHUNK):
            pass
        return self._sha256.hexdigest()


def names_digest(names: Iterable[str]) -> str:
    """Of names in their order."""
    sha256 = hashlib.sha256()
    for name in names:
        sha256.update(name.encode(errors="surrogateescape") + b"\0")
    return sha256.hexdigest()


class Seen:
    """Notes of one pass; a new pass begins with :meth:`begin`.

    Attributes:
        files: Files that were read.
        globs: Digest of the names that each pattern matched.
        is_repeatable: Whether what was seen is all that counts, and can be compared.
    """

    def __init__(self) -> None:
        self._inputs = TemporaryFile()  # noqa: SIM115  # closed with this
        self.begin()

    def close(self) -> None:
        """Let the temporary file go."""
        self._inputs.close()

    def begin(self) -> None:
        """Forget what was seen."""
        self.files: dict[str, SeenFile] = {}
        self.globs: dict[str, str] = {}
        self.is_repeatable = True
        self._page: list[tuple[str, Stamp]] = []
        self._inputs.seek(0)
        self._inputs.truncate()

    def spoil(self) -> None:
        """Note that something counts which nobody can compare later."""
        self.is_repeatable = False

    @contextmanager
    def watched(self, file: BinaryIO, path: Path) -> Iterator[Hashed]:
        """Note a file that is read in here."""
        hashed, before = Hashed(file), Stamp.of(os.fstat(file.fileno()))
        is_read = False
        try:
            yield hashed
            is_read = True
        finally:
            if is_read:
                self._file(path, before, hashed.digest(), os.fstat(file.fileno()))
            else:
                self.spoil()

    @contextmanager
    def watching(self, path: Path) -> Iterator[None]:
        """Note a file that somebody else opens in here."""
        with path.open("rb") as file:
            before = Stamp.of(os.fstat(file.fileno()))
            sha256 = Hashed(file).digest()
        yield
        self._file(path, before, sha256, path.stat())

    def _file(
        self, path: Path, before: Stamp, sha256: str, after: os.stat_result
    ) -> None:
        name = str(path.absolute())
        found = SeenFile(name, before.size, before.mtime, sha256)
        if Stamp.of(after) != before or self.files.get(name, found) != found:
            self.spoil()
        self.files[name] = found

    def globbed(self, pattern: str, names: Iterable[str]) -> Iterator[str]:
        """Note what a pattern matches, name by name."""
        sha256 = hashlib.sha256()
        for name in names:
            sha256.update(name.encode(errors="surrogateescape") + b"\0")
            yield name
        self.globs[pattern] = sha256.hexdigest()

    def input(self, path: str, found: os.stat_result) -> None:
        """Note an input; the same one twice does no harm."""
        self._page.append((path, Stamp.of(found)))
        if len(self._page) >= PAGE:
            self._flush()

    def _flush(self) -> None:
        self._inputs.write(msgspec.json.encode(self._page) + b"\n")
        self._page.clear()

    def write_inputs(self, path: Path, token: str) -> None:
        """Write the inputs to a file of its own, under a token, and give it its name.

        Raises:
            OSError: it cannot be written.
        """
        if self._page:
            self._flush()
        self._inputs.seek(0)
        new = path.with_name(f"{path.name}.new")
        with new.open("wb") as file:
            file.write(token.encode() + b"\n")
            while chunk := self._inputs.read(CHUNK):
                file.write(chunk)
            file.write(token.encode() + b"\n")
        new.replace(path)


_page = msgspec.json.Decoder(list[tuple[str, Stamp]])


def are_inputs_unchanged(path: Path, token: str) -> bool:
    """Whether inputs stand as :meth:`Seen.write_inputs` has noted them.

    Anything that is odd about the notes says no.
    """
    sign = token.encode() + b"\n"
    try:
        with path.open("rb") as file:
            if file.readline() != sign:
                return False
            for line in file:
                if line == sign:
                    return not file.read(1)
                if not all(_is_unchanged(*each) for each in _page.decode(line)):
                    return False
    except (OSError, ValueError, msgspec.DecodeError):
        pass
    return False


def _is_unchanged(path: str, stamp: Stamp) -> bool:
    found = os.stat(path)  # noqa: PTH116  # a Path costs more than the call
    return (
        found.st_mtime_ns == stamp.mtime
        and found.st_size == stamp.size
        and found.st_ctime_ns == stamp.ctime
        and found.st_ino == stamp.inode
    )
