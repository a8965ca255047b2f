"""Names of outputs and of their parts; performs no I/O."""

from __future__ import annotations

import os.path
import re

_NUMBER = re.compile(r"\{n(?::(\d{1,3}))?\}")
_PART = re.compile(r"\.orchestrator-([0-9A-Za-z_-]+)-\d+\.part")


def part_name(job: str, index: int) -> str:
    """The name of a part file: hidden, short, and known again after a restart.

    It does not hold the final name, which may fill the limit of 255 bytes by itself.
    """
    return f".orchestrator-{job}-{index}.part"


def job_of(name: str) -> str | None:
    """The id of the job that a part file belongs to, if it is one."""
    found = _PART.fullmatch(name)
    return found[1] if found else None


def final_paths(output: str, count: int) -> list[str]:
    """Paths of the outputs of a document, numbered from 1 where ``{n}`` stands.

    Several files without a place for the number get it before the extension: what
    was made and paid is not lost for a missing ``{n}``.
    """
    if _NUMBER.search(output):
        return [_numbered(output, n) for n in range(1, count + 1)]
    if count == 1:
        return [output]
    stem, extension = os.path.splitext(output)  # noqa: PTH122  # a path as it is spelt
    return [f"{stem}-{n}{extension}" for n in range(1, count + 1)]


def _numbered(output: str, n: int) -> str:
    return _NUMBER.sub(lambda found: format(n, found[1] or ""), output)
