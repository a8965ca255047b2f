"""Inputs as they are on the disk, or why they cannot be."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from os.path import normpath
from pathlib import Path

from orchestrator.errors import Place
from orchestrator.manifest.faults import Faults, near, shown
from orchestrator.manifest.seen import Seen
from orchestrator.model import Input

_KNOWN = 1_000
"""Inputs that are not looked at again, if another document takes them, too."""
_GUESSES = 20
"""Missing files for which the folder is searched for a name that is near."""


class Inputs:
    """Looks at inputs of one manifest; relative paths start at its folder."""

    def __init__(self, folder: str, faults: Faults, seen: Seen | None = None) -> None:
        self._folder = folder
        self._faults = faults
        self._guesses = _GUESSES
        self._seen = seen
        self._known: dict[str, Input] = {}

    def see(self, path: str, where: Callable[[], Place]) -> Input | None:
        """A regular file that can be read; else a fault, and ``None``."""
        if (known := self._known.get(path)) is not None:
            return known
        full = normpath(path if path[:1] == "/" else f"{self._folder}/{path}")
        try:
            found = os.stat(full)  # noqa: PTH116  # a Path costs more than the call
            is_allowed = os.access(full, os.R_OK)
        except (OSError, ValueError) as error:
            self._missing(path, full, error, where())
            return None
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            self._faults.add(where(), f"the input {shown(path)} is {what}")
            return None
        if not is_allowed:
            self._faults.add(where(), f"the input {shown(path)} may not be read")
            return None
        if self._seen is not None:
            self._seen.input(full, found)
        seen = Input(full, found.st_size, found.st_mtime_ns, found.st_ino)
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[path] = seen
        return seen

    def _missing(
        self, path: str, full: str, error: OSError | ValueError, place: Place
    ) -> None:
        if not isinstance(error, FileNotFoundError):
            reason = getattr(error, "strerror", None) or "it is not a path"
            message = f"the input {shown(path)} cannot be read: {reason}"
            self._faults.add(place, message)
            return
        self._guesses -= 1
        hint = nearby(Path(full)) if self._guesses >= 0 else ""
        self._faults.add(place, f"the input {shown(path)} is not there", hint)


def nearby(path: Path) -> str:
    """A hint for a file that is not there."""
    try:
        if not path.parent.is_dir():
            return f"the folder {path.parent} is not there"
        return near(path.name, (each.name for each in path.parent.iterdir()))
    except (OSError, ValueError):
        return ""
