"""Where documents come from: files that match, rows of data; read as a stream."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import translate
from pathlib import Path
from typing import Any

from orchestrator.errors import Place
from orchestrator.manifest.compose import Marks, Spot, find, start_of
from orchestrator.manifest.faults import Faults, shown
from orchestrator.manifest.table import Table
from orchestrator.manifest.text import Text, foreign
from orchestrator.manifest.walk import Walk

_WILD = re.compile(r"[*?\[]")
LONGEST_LINE = 16 * 1024 * 1024
SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".ndjson", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of data, and where it stands.

    ``columns`` are the names that it could have, ``values`` what it has.
    """

    values: Mapping[str, Any]
    columns: Collection[str]
    place: Place
    spot: Spot | None = None

    def at(self, *path: str | int) -> Place:
        """The place of one of its values, as near as the file can tell."""
        if self.spot is None:
            return self.place
        mark = find(self.spot, path)
        return Place(self.place.file, mark.line + 1, mark.column + 1)


def matches(folder: str, pattern: str) -> Iterator[str]:
    """Files that a pattern matches, sorted folder by folder, relative to ``folder``.

    ``**`` goes into every folder, but not through links. Hidden names match only where
    the pattern has the dot.
    """
    root = "/" if pattern.startswith("/") else ""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if parts:
        yield from _matches(folder, root, parts)


def _matches(folder: str, base: str, parts: list[str]) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _matches(folder, base, rest or ["*"])
        for name, is_folder, is_link in _names(folder, base):
            if is_folder and not is_link and not name.startswith("."):
                yield from _matches(folder, f"{base}{name}/", parts)
        return
    for name, is_folder in _fitting(folder, base, part):
        if rest and is_folder:
            yield from _matches(folder, f"{base}{name}/", rest)
        elif not rest and not is_folder:
            yield base + name


def _fitting(folder: str, base: str, part: str) -> Iterator[tuple[str, bool]]:
    """Names in a folder that one part of a pattern matches."""
    if not _WILD.search(part):
        path = Path(folder, base, part)
        if path.exists():
            yield part, path.is_dir()
        return
    fits = re.compile(translate(part)).match
    for name, is_folder, _ in _names(folder, base):
        if fits(name) and (part[0] == "." or name[0] != "."):
            yield name, is_folder


def _names(folder: str, base: str) -> list[tuple[str, bool, bool]]:
    try:
        with os.scandir(Path(folder, base)) as found:
            return sorted((e.name, e.is_dir(), e.is_symlink()) for e in found)
    except OSError:
        return []


def rows(
    path: Path, name: str, faults: Faults, numbers: frozenset[str]
) -> Iterator[Row]:
    """Rows of a data file; what cannot be read is a fault at its place.

    Raises:
        OSError: the file cannot be opened or read.
    """
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        yield from _yaml_rows(path, name, faults)
    elif suffix in (".csv", ".tsv"):
        table = Table(name, faults, numbers, "\t" if suffix == ".tsv" else None)
        for line, values in table.rows(_lines(path, name, faults)):
            yield Row(values, table.header, Place(name, line, 1))
    else:
        yield from _json_rows(path, name, faults)


def _yaml_rows(path: Path, name: str, faults: Faults) -> Iterator[Row]:
    with path.open("rb") as file:
        for item in Walk(file, name, faults).rows():
            mark = start_of(item.spot)
            place = Place(name, mark.line + 1, mark.column + 1)
            if item.is_flawed:
                continue
            if isinstance(item.value, dict) and isinstance(item.spot, Marks):
                yield Row(item.value, item.value, place, item.spot)
            else:
                faults.add(place, f"a row is a mapping, found {shown(item.value)}")


def _lines(path: Path, name: str, faults: Faults) -> Iterator[tuple[int, str]]:
    """Lines with their numbers and their ends, the text checked."""

    def report(line: int, column: int, found: str) -> None:
        place = Place(name, line + 1, column + 1)
        faults.add(place, foreign(found), "save the file as UTF-8")

    with path.open("rb") as file:
        text, rest, number = Text(file, report), "", 1
        while piece := text.read():
            *whole, rest = (rest + piece).split("\n")
            for line in whole:
                yield number, line + "\n"
                number += 1
            if len(rest) > LONGEST_LINE:
                faults.add(Place(name, number, 1), "a line of more than 16 MiB")
                return
        if rest:
            yield number, rest


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


def _json_rows(path: Path, name: str, faults: Faults) -> Iterator[Row]:
    for number, line in _lines(path, name, faults):
        if not line.strip():
            continue
        place = Place(name, number, 1)
        try:
            value = _DECODE(line)
            if "\\u" in line:
                json.dumps(value, ensure_ascii=False, default=str).encode()
        except json.JSONDecodeError as error:
            place = Place(name, number, error.colno)
            message = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
            faults.add(place, message, "one object a line")
        except UnicodeEncodeError:
            faults.add(place, "half a surrogate pair (\\ud800 to \\udfff) is no text")
        except (ValueError, RecursionError) as error:
            deep = isinstance(error, RecursionError)
            faults.add(place, "nested too deeply" if deep else str(error))
        else:
            if isinstance(value, dict):
                yield Row(value, value, place)
            else:
                faults.add(place, f"a row is an object, found {shown(value)}")
