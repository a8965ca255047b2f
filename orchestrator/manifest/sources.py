"""Where documents come from: files that match, rows of data; read as a stream."""

from __future__ import annotations

import os
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from fnmatch import translate
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import Place
from orchestrator.manifest.compose import Marks, start_of
from orchestrator.manifest.faults import Faults, shown
from orchestrator.manifest.json_rows import json_rows, line_rows
from orchestrator.manifest.row import Row
from orchestrator.manifest.seen import Seen
from orchestrator.manifest.table import Table
from orchestrator.manifest.text import CHUNK, UTF8, Readable, Text, foreign
from orchestrator.manifest.walk import Walk

_WILD = re.compile(r"[*?\[]")
LONGEST_LINE = 16 * 1024 * 1024
TABLES = (".csv", ".tsv")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".ndjson", ".yaml", ".yml")


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
    path: Path,
    name: str,
    faults: Faults,
    numbers: frozenset[str],
    encoding: str = UTF8,
    *,
    seen: Seen | None = None,
) -> Iterator[Row]:
    """Rows of a data file; what cannot be read is a fault at its place.

    ``encoding`` is that of a table; all others are UTF-8.

    Raises:
        OSError: the file cannot be opened or read.
        Flawed: the names of the columns cannot be read; noted.
    """
    suffix, is_table = path.suffix.lower(), path.suffix.lower() in TABLES
    if is_table and encoding != UTF8 and _is_utf8(path):
        # Read as anything else, it would print other letters than it has.
        message = f"the file is UTF-8, and not {encoding}"
        raise faults.flaw(Place(name, 1, 1), message, "leave encoding out")
    with path.open("rb") as plain, _watched(plain, path, seen) as file:
        if suffix in (".yaml", ".yml"):
            yield from _yaml_rows(file, name, faults)
        elif is_table:
            table = Table(name, faults, numbers, "\t" if suffix == ".tsv" else None)
            lines = _lines(file, name, faults, encoding, header=1)
            for line, values in table.rows(lines):
                yield Row(values, table.header, Place(name, line, 1))
        else:
            read = json_rows if suffix == ".json" else line_rows
            yield from read(_lines(file, name, faults), name, faults)


def _watched(
    file: BinaryIO, path: Path, seen: Seen | None
) -> AbstractContextManager[Readable]:
    return nullcontext(file) if seen is None else seen.watched(file, path)


def _yaml_rows(file: Readable, name: str, faults: Faults) -> Iterator[Row]:
    for item in Walk(file, name, faults).rows():
        mark = start_of(item.spot)
        place = Place(name, mark.line + 1, mark.column + 1)
        if item.is_flawed:
            continue
        if isinstance(item.value, dict) and isinstance(item.spot, Marks):
            yield Row(item.value, item.value, place, item.spot)
        else:
            faults.add(place, f"a row is a mapping, found {shown(item.value)}")


def _lines(
    file: Readable, name: str, faults: Faults, encoding: str = UTF8, header: int = 0
) -> Iterator[tuple[int, str]]:
    """Lines with their numbers and their ends, the text checked.

    The first ``header`` lines must be sound, for all others depend on them.
    """

    def report(line: int, column: int, found: str) -> None:
        place = Place(name, line + 1, column + 1)
        hint = "save the file as UTF-8"
        if header and encoding == UTF8:
            hint += ", or say how it is written, as in encoding: windows-1252"
        flaw = faults.flaw(place, foreign(found, encoding), hint)
        if line < header:
            raise flaw

    text, rest, number = Text(file, report, encoding), "", 1
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


def _is_utf8(path: Path) -> bool:
    """Whether a file has letters beyond ASCII, and all of them as UTF-8 has them."""
    decoder, is_ascii = getincrementaldecoder(UTF8)(), True
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
                is_ascii = is_ascii and chunk.isascii()
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return not is_ascii
