"""What a plain YAML word means: a small part of YAML 1.2, and nothing that surprises.

``no``, ``on``, ``12:30``, ``2024-01-31``, ``007``, ``0x1F``, ``1_000`` and ``1e3`` are
text. A number is a number only where writing it out again gives the same text, so that
a field which wants text loses nothing. Performs no I/O.
"""

from __future__ import annotations

import re
from decimal import Decimal

Scalar = str | int | bool | Decimal | None

_WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})(\.[0-9]{1,100})?")
_STARTS = frozenset("-0123456789")


def resolve(text: str) -> Scalar:
    """The value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _STARTS:
        return number(text)
    return text


def number(text: str) -> str | int | Decimal:
    """An exact number where the text is one, else the text."""
    match = _NUMBER.fullmatch(text)
    if match is None or text == "-0":
        return text
    return Decimal(text) if match[1] else int(text)


def written(value: object) -> str | None:
    """A value as it would be written in a name; ``None`` for what has no such form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    return None
