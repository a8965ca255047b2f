"""Outputs of documents that differ in nothing but their ids; performs no I/O.

A pattern is filled, made a path and judged once, with an id that nobody has. Another id
of nothing but letters, digits and a few signs then stands there just as well: it adds
no folder, leads nowhere else, and is not too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from orchestrator.manifest.pattern import Pattern

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}").fullmatch
_PROBE = "q7Zx3Jw9Kd5v"
_LONGEST = 100
"""Bytes of a file's name beside an id: with a plain one it fits on every disk."""


def is_plain(name: str) -> bool:
    """Whether an id is a part of a path as it is, and never another path."""
    return _PLAIN(name) is not None


def around_id(
    pattern: Pattern, target: str, placed: Callable[[str], str | None]
) -> Sequence[str] | None:
    """What stands around a plain id in the path of an output, if that can be told.

    Args:
        pattern: Of the output.
        target: What stands for ``{ext}``.
        placed: The path of a filled pattern, or ``None`` where it is refused.
    """
    if not {"id", "ext"}.issuperset(pattern.fields):
        return None
    values = {"id": _PROBE, "ext": target}
    path = placed(pattern.fill(values.__getitem__)) or ""
    last = path.rpartition("/")[2]
    is_sure = (
        path.count(_PROBE) == pattern.fields.count("id")
        and last.count(_PROBE) <= 1
        and len(last.encode()) <= _LONGEST
    )
    return path.split(_PROBE) if path and is_sure else None
