"""The system calls by which outputs become files: heard, cut, and lost with the power.

``FileOutputs`` does what it always does, on a real disk; only the calls of
``orchestrator.transfer.disk`` pass through here. When the power goes, what was not
synced is gone as well: the bytes of a file, and names that were given or taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.crashing.knife import Knife
from orchestrator.transfer import disk

_NAMES = count()


class Disk:
    """Stands in the place of ``os`` for one module."""

    def __init__(self, knife: Knife, attic: Path) -> None:
        self._knife = knife
        self._attic = attic
        self._paths: dict[int, str] = {}
        self._unsynced: dict[int, set[str]] = {}
        self._undo: list[tuple[str, Callable[[], None]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        """Open a file or a folder; one that is made is a name that may be lost."""
        self._knife.check()
        is_new = bool(flags & os.O_CREAT) and not os.path.lexists(path)
        number = os.open(path, flags, mode)
        self._paths[number] = path
        if flags & os.O_CREAT:
            self._unsynced.setdefault(os.fstat(number).st_ino, set()).add(path)
        if is_new:
            self._may_be_lost(path, lambda: Path(path).unlink(missing_ok=True))
            self._knife(f"open {_kind(path)}")
        return number

    def close(self, number: int) -> None:
        """Close, also after the cut: the system does that for a dead process."""
        self._paths.pop(number, None)
        os.close(number)

    def write(self, number: int, piece: bytes) -> int:
        """Write some bytes."""
        self._knife.check()
        written = os.write(number, piece)
        self._knife(f"write {_kind(self._paths[number])}")
        return written

    def fsync(self, number: int) -> None:
        """Make bytes, or the names in a folder, durable."""
        self._knife.check()
        os.fsync(number)
        path = self._paths[number]
        self._unsynced.pop(os.fstat(number).st_ino, None)
        self._undo = [each for each in self._undo if each[0] != path]
        self._knife(f"fsync {'folder' if Path(path).is_dir() else _kind(path)}")

    def link(self, source: str, target: str) -> None:
        """Give a file one more name."""
        self._knife.check()
        os.link(source, target)
        self._unsynced.get(os.lstat(target).st_ino, set()).add(target)
        self._may_be_lost(target, lambda: Path(target).unlink(missing_ok=True))
        self._knife("link")

    def unlink(self, path: str) -> None:
        """Take a name away."""
        self._knife.check()
        kept = self._keep(path)
        os.unlink(path)  # noqa: PTH108  # as it is called there

        def undo() -> None:
            Path(kept).replace(path)

        self._may_be_lost(path, undo)
        self._knife(f"unlink {_kind(path)}")

    def replace(self, source: str, target: str) -> None:
        """Give a file another name, whoever has it."""
        self._knife.check()
        before = self._keep(target) if os.path.lexists(target) else None
        kept = self._keep(source)
        os.replace(source, target)  # noqa: PTH105  # as it is called there
        self._unsynced.get(os.lstat(target).st_ino, set()).add(target)

        def undo() -> None:
            Path(kept).replace(source)
            if before is None:
                Path(target).unlink(missing_ok=True)
            else:
                Path(before).replace(target)

        self._may_be_lost(target, undo)
        self._knife("replace")

    def lose(self) -> None:
        """The power goes: what was not synced never was."""
        for path in set().union(*self._unsynced.values()):
            if os.path.lexists(path):
                os.truncate(path, 0)
        for _, undo in reversed(self._undo):
            undo()

    def _may_be_lost(self, path: str, undo: Callable[[], None]) -> None:
        self._undo.append((str(Path(path).parent), undo))

    def _keep(self, path: str) -> str:
        kept = str(self._attic / str(next(_NAMES)))
        os.link(path, kept)
        return kept


def _kind(path: str) -> str:
    return "part" if path.endswith(".part") else "output"


@contextmanager
def heard(knife: Knife, attic: Path) -> Iterator[Disk]:
    """Have the calls of ``orchestrator.transfer.disk`` pass through here."""
    attic.mkdir(exist_ok=True)
    stand_in = Disk(knife, attic)
    vars(disk)["os"] = stand_in
    try:
        yield stand_in
    finally:
        vars(disk)["os"] = os
