"""Rows of JSON: one object a line, or an array of objects; numbers stay exact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any

from orchestrator.errors import Place
from orchestrator.manifest.arrays import Elements
from orchestrator.manifest.faults import Faults, shown
from orchestrator.manifest.row import Row

Numbered = Iterator[tuple[int, str]]


def line_rows(lines: Numbered, name: str, faults: Faults) -> Iterator[Row]:
    """Rows of a file with one object a line."""
    for number, text in lines:
        if text.strip() and (row := _row(number, text, name, faults)) is not None:
            yield row


def json_rows(lines: Numbered, name: str, faults: Faults) -> Iterator[Row]:
    """Rows of a file whose first character tells which of the two it is."""
    head = []
    for number, line in lines:
        head.append((number, line))
        if line.strip():
            break
    every: Numbered = chain(head, lines)
    if head and head[-1][1].lstrip().startswith("["):
        every = Elements(name, faults).of(every)
    yield from line_rows(every, name, faults)


def _row(number: int, text: str, name: str, faults: Faults) -> Row | None:
    place = Place(name, number, 1)
    try:
        value = _DECODE(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except json.JSONDecodeError as error:
        place = Place(name, number + error.lineno - 1, error.colno)
        message = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        faults.add(place, message, "one object a line, or an array in .json")
    except UnicodeEncodeError:
        faults.add(place, "half a surrogate pair (\\ud800 to \\udfff) is no text")
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        faults.add(place, "nested too deeply" if deep else str(error))
    else:
        if isinstance(value, dict):
            return Row(value, value, place)
        faults.add(place, f"a row is an object, found {shown(value)}")
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        message = f"the key {shown(twice)} is here twice in one object"
        raise ValueError(message)
    return made


def _no_constant(word: str) -> Any:
    message = f"{word} is no number of JSON"
    raise ValueError(message)


_DECODE: Callable[[str], Any] = json.JSONDecoder(
    parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once
).decode
