"""What the stand-in design is given for one that is not here; performs no I/O.

It prints all parameters in their order: plain values as pairs, lists of rows as tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from orchestrator.service.params import encode

DESIGN = "stand-in@1"
MOST_COLUMNS = 8
LONGEST = 2000
Block = dict[str, Any]


def shown(*, design: str, version: int, name: str, params: Mapping[str, Any]) -> Block:
    """The data of the stand-in for these params."""
    return {
        "designId": design,
        "version": version,
        "fileName": name,
        "blocks": [*_blocks("", params)],
    }


def _blocks(title: str, values: Mapping[str, Any]) -> Iterator[Block]:
    """Neighbouring plain values share a block; what is nested has one of its own."""
    pairs: list[dict[str, str]] = []
    for key, value in values.items():
        if not _is_nested(value):
            pairs.append({"name": key, "value": _text(value)})
            continue
        if pairs:
            yield _pairs(title, pairs)
            pairs = []
        joined = f"{title}{key}" if key.startswith("[") else f"{title}.{key}"
        yield from _nested(joined.removeprefix("."), value)
    if pairs:
        yield _pairs(title, pairs)


def _nested(title: str, value: Any) -> Iterator[Block]:
    if isinstance(value, Mapping):
        yield from _blocks(title, value)
    elif _is_table(value):
        yield _table(title, value)
    else:
        yield from _blocks(title, {f"[{n}]": each for n, each in enumerate(value)})


def _is_nested(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(each, Mapping | list) for each in value)
    return isinstance(value, Mapping) and bool(value)


def _is_table(rows: list[Any]) -> bool:
    """Whether rows are flat and few enough columns wide to stand beside each other."""
    if not all(isinstance(each, Mapping) for each in rows):
        return False
    flat = not any(_is_nested(cell) for each in rows for cell in each.values())
    return flat and 0 < len(_columns(rows)) <= MOST_COLUMNS


def _columns(rows: list[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for each in rows for key in each))


def _table(title: str, rows: list[Mapping[str, Any]]) -> Block:
    names = _columns(rows)
    columns = [
        {"name": name, "number": all(_is_number(each.get(name)) for each in rows)}
        for name in names
    ]
    cells = [[_text(each.get(name, "")) for name in names] for each in rows]
    return {"kind": "table", "title": title, "columns": columns, "rows": cells}


def _pairs(title: str, pairs: list[dict[str, str]]) -> Block:
    return {"kind": "pairs", "title": title, "pairs": pairs}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, list):
        text = ", ".join(_text(each) for each in value)
    else:
        text = encode(value).decode()
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text):,} characters)"
