"""Patterns of ids and paths: ``out/{id}-{n:03}.{ext}``; performs no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

_FIELD = re.compile(r"\{([^{}:!]+)(?::([^{}]*))?\}")
_NUMBER = re.compile(r"0?[1-9]")
_UNSAFE = re.compile(r"[/\\{}\x00-\x1f\x7f]")

Lookup = Callable[[str], str]


class PatternError(Exception):
    """A pattern cannot be read."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with fields; ``{n}`` stays, for it is known only when files arrive.

    ``pieces`` are literal texts and names of fields by turns, a literal first.
    """

    text: str
    pieces: tuple[str, ...]
    has_n: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, without ``n``."""
        return self.pieces[1::2]

    def fill(self, lookup: Lookup) -> str:
        """The text with its fields filled in."""
        pieces = list(self.pieces)
        pieces[1::2] = map(lookup, pieces[1::2])
        return "".join(pieces)


@lru_cache(maxsize=1024)
def parse(text: str) -> Pattern:
    """Read a pattern.

    Raises:
        PatternError: a brace without its partner, or a form that has no meaning.
    """
    pieces, at, has_n = [""], 0, False
    for match in _FIELD.finditer(text):
        name, form = match[1].strip(), match[2]
        literal = text[at : match.start()]
        at = match.end()
        pieces[-1] += _plain(literal)
        if name == "n":
            if form is not None and not _NUMBER.fullmatch(form):
                message = f"{match[0]} is not known; allowed are {{n}} and {{n:03}}"
                raise PatternError(message)
            has_n = True
            pieces[-1] += "{n}" if form is None else f"{{n:{form}}}"
        elif form is not None:
            message = f"{match[0]} has a form; only n takes one, as in {{n:03}}"
            raise PatternError(message)
        else:
            pieces += [name, ""]
    pieces[-1] += _plain(text[at:])
    return Pattern(text, tuple(pieces), has_n)


def _plain(literal: str) -> str:
    if "{" in literal or "}" in literal:
        message = "a brace without its partner; fields are written {name}"
        raise PatternError(message)
    return literal


def safe(value: str) -> str:
    """A value for the name of a file: it never adds a folder or a field."""
    return _UNSAFE.sub("-", value)
