"""One thing that is wrong in the data of a document; performs no I/O."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, and where.

    Attributes:
        path: Where in the data, as in ``lines[2].net``; empty for the whole.
        code: A stable name of the rule, ``E_…``.
        message: What is wrong and how to mend it, for the user.
        expected: What the rule allows or what was computed, where that can be said.
        found: What the data has.
    """

    path: str
    code: str
    message: str
    expected: str | None = None
    found: str | None = None

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message} [{self.code}]"


def path_of(steps: Iterable[str | int]) -> str:
    """Write ``("lines", 2, "net")`` as ``lines[2].net``."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def excerpt(value: object, limit: int = 60) -> str:
    """Show a value of the data in a message, on one short line."""
    try:
        is_container = isinstance(value, Mapping | list | tuple)
        shown = reprlib.repr(value) if is_container else str(value)
        text = " ".join(shown[: 4 * limit].split())
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def near_miss(word: str, allowed: Iterable[str]) -> str:
    """Give the allowed word that was probably meant, as a question, or nothing."""
    near = get_close_matches(word, list(allowed), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
