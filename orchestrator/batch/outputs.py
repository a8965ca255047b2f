"""Whether outputs can be written where the manifest wants them; asks, and no more."""

from __future__ import annotations

import errno
import os
import stat


def no_folder(folder: str) -> str | None:
    """Why files cannot be made in a folder, or ``None``; it need not exist yet.

    Args:
        folder: Absolute. The nearest folder above it that exists is looked at.
    """
    place = folder
    while True:
        try:
            found = os.stat(place)  # noqa: PTH116  # strings all the way
        except (FileNotFoundError, NotADirectoryError):
            above = os.path.dirname(place)  # noqa: PTH120
            if above == place:
                return None
            place = above
            continue
        except OSError as error:
            return _refused(folder, place, error)
        break
    if not stat.S_ISDIR(found.st_mode):
        kind = "a file" if stat.S_ISREG(found.st_mode) else "no folder"
        return f"the output folder {folder!r} cannot be made: {place!r} is {kind}"
    if not os.access(place, os.W_OK | os.X_OK):
        above = "" if place == folder else f" cannot be made: {place!r}"
        return f"the output folder {folder!r}{above} is read-only, or not yours"
    return None


def _refused(folder: str, place: str, error: OSError) -> str:
    if error.errno == errno.ENAMETOOLONG:
        return f"a part of the output folder {folder[:80]!r}… is over 255 bytes"
    why = error.strerror or "cannot be read"
    return f"the output folder {folder!r} cannot be: {place!r}: {why}"
