"""Entries of the manifest into documents: paths filled, inputs seen, names claimed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os.path import normpath
from pathlib import Path
from typing import Any

from orchestrator.errors import Place
from orchestrator.manifest.faults import Faults, listed, near, shown
from orchestrator.manifest.formats import canonical
from orchestrator.manifest.pattern import Pattern, PatternError, parse, safe
from orchestrator.manifest.scalars import written
from orchestrator.manifest.unique import Names
from orchestrator.model import Document, Input, Mode, Operation

LONGEST_NAME = 255
LONGEST_ID = 200
_GUESSES = 20
"""Missing files for which the folder is searched for a name that is near."""

At = Callable[..., Place]


class Flawed(Exception):
    """A document cannot be built; its fault is noted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document, and where it stands: ``at("params", "seller")`` is more exact."""

    document: Document
    at: At

    @property
    def place(self) -> Place:
        """Where the document starts."""
        return self.at()


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an entry says about each of its documents, defaults included.

    ``output`` is ``None`` where nobody said it; ``wrote`` finds what was said in the
    manifest, in the entry or in the defaults.
    """

    operation: Operation
    target: str
    provider: str
    output: Pattern | None
    source: str | None
    params: Mapping[str, Any]
    asked: Mode | None
    priority: int
    design: str | None
    wrote: At


@dataclass(frozen=True, slots=True)
class Fields:
    """What patterns may name beside what every document has: a row's own columns.

    ``is_first`` says that a name which is missing here is wrong in the manifest, and
    not in the data.
    """

    values: Mapping[str, Any]
    columns: Collection[str]
    is_first: bool = True


NO_FIELDS = Fields({}, ())


@dataclass(slots=True)
class Seen:
    """What one pass has met so far."""

    faults: Faults
    names: Names
    count: int = 0
    guesses: int = _GUESSES


class Builder:
    """Builds documents of one manifest in one pass."""

    def __init__(
        self,
        folder: str,
        seen: Seen,
        formats: Collection[str],
        many: Callable[[Operation, str, str], bool],
    ) -> None:
        self._folder = folder
        self._seen = seen
        self._formats = formats
        self._many = many

    def build(
        self,
        recipe: Recipe,
        name: str,
        paths: Sequence[str],
        fields: Fields,
        at: At,
    ) -> Entry:
        """One document.

        Raises:
            Flawed: it has a fault, which is noted.
        """
        self._check_id(name, at)
        source = self._source(recipe, paths, at)
        output = self._output(recipe, source, name, paths, fields, at)
        inputs = [self._input(path, i, len(paths), at) for i, path in enumerate(paths)]
        if source is None or output is None or None in inputs:
            raise Flawed
        self._seen.count += 1
        document = Document(
            id=name,
            operation=recipe.operation,
            source=source,
            target=recipe.target,
            output=output,
            provider=recipe.provider,
            inputs=tuple(each for each in inputs if each is not None),
            params=recipe.params,
            design=recipe.design,
            asked=recipe.asked,
            priority=recipe.priority,
            n=self._seen.count - 1,
        )
        return Entry(document, at)

    def pattern(self, text: str, where: Callable[[], Place]) -> Pattern:
        """Read a pattern.

        Raises:
            Flawed: it cannot be read; noted.
        """
        try:
            return parse(text)
        except PatternError as error:
            raise self.flaw(where(), f"{shown(text)}: {error}") from None

    def flaw(self, place: Place, message: str, hint: str = "") -> Flawed:
        """Note a fault, to be raised where the document cannot go on."""
        self._seen.faults.add(place, message, hint)
        return Flawed(message)

    def _check_id(self, name: str, at: At) -> None:
        if not name.strip():
            raise self.flaw(at("id"), "the id is empty")
        if len(name) > LONGEST_ID:
            message = f"the id has {len(name)} characters; allowed are {LONGEST_ID}"
            raise self.flaw(at("id"), message)
        if not name.isprintable() or name != name.strip():
            message = (
                f"the id {shown(name)} holds control characters or ends in a space"
            )
            raise self.flaw(at("id"), message)
        self._seen.names.claim("id", name, at("id"))

    def _source(self, recipe: Recipe, paths: Sequence[str], at: At) -> str | None:
        if recipe.operation is Operation.GENERATE:
            return ""
        if recipe.source:
            return recipe.source
        _, dot, extension = paths[0].rpartition("/")[2].rpartition(".")
        if dot and extension:
            return canonical(extension)
        message = f"{shown(paths[0])} has no extension, so its format is not known"
        self.flaw(at("input"), message, "say source: FORMAT")
        return None

    def _output(
        self,
        recipe: Recipe,
        source: str | None,
        name: str,
        paths: Sequence[str],
        fields: Fields,
        at: At,
    ) -> str | None:
        is_many = source is not None and self._many(
            recipe.operation, source, recipe.target
        )
        pattern = _completed(recipe.output, is_many=is_many)
        if is_many and not pattern.has_n:
            self.flaw(
                at("output"),
                f"{source or recipe.operation} to {recipe.target} may yield several "
                f"files, and the output {shown(pattern.text)} has no {{n}}",
                "as in out/{id}-{n:03}.{ext}",
            )
        lookup = partial(self._part, recipe, name, paths, fields, at)
        try:
            filled = pattern.fill(lookup)
        except Flawed:
            return None
        path = normpath(filled if filled[:1] == "/" else f"{self._folder}/{filled}")
        if self._is_refused(path, filled, pattern, at):
            return None
        self._seen.names.claim("output", path, at("output"))
        return path

    def _is_refused(self, path: str, filled: str, pattern: Pattern, at: At) -> bool:
        last = path.rpartition("/")[2]
        if len(last) * 4 > LONGEST_NAME and len(last.encode()) > LONGEST_NAME:
            message = f"the output's name {shown(last)} is over {LONGEST_NAME} bytes"
            self.flaw(at("output"), message)
            return True
        climbs = filled.split("/").count("..") > pattern.text.split("/").count("..")
        if (
            climbs
            or filled[-1:] == "/"
            or (filled[:1] == "/") != (pattern.text[:1] == "/")
        ):
            message = (
                f"the output {shown(filled)} leaves the place that its pattern names"
            )
            self.flaw(at("output"), message)
            return True
        return False

    def _part(
        self,
        recipe: Recipe,
        name: str,
        paths: Sequence[str],
        fields: Fields,
        at: At,
        field: str,
    ) -> str:
        """The value of one field of an output pattern."""
        if field == "id":
            return safe(name)
        if field == "ext":
            return recipe.target
        found = self.field(field, "output", recipe, paths, fields, at)
        is_folder = field == "folder" and field not in fields.columns
        return "/".join(map(safe, found.split("/"))) if is_folder else safe(found)

    def field(
        self,
        field: str,
        within: str,
        recipe: Recipe,
        paths: Sequence[str],
        fields: Fields,
        at: At,
    ) -> str:
        """The value of a field of the pattern ``within``: a column, or of the input.

        Raises:
            Flawed: there is none.
        """
        if field.partition(".")[0] in fields.columns or field in fields.columns:
            return self._column(field, fields, at)
        if paths and field in ("stem", "name", "folder"):
            folder, _, last = paths[0].rpartition("/")
            if field == "folder":
                return folder.strip("/")
            return last.rpartition(".")[0] or last if field == "stem" else last
        known = _known(within, paths, fields)
        place = recipe.wrote(within) if fields.is_first else at()
        message = f"{within} names {{{field}}}; there are {listed(known)}"
        raise self.flaw(place, message, near(field, known))

    def _column(self, field: str, fields: Fields, at: At) -> str:
        found = look(fields.values, field)
        text = written(found)
        if text is None or not text.strip():
            message = f"{field} must be text or a number here, found {shown(found)}"
            raise self.flaw(at("params", *field.split(".")), message)
        return text

    def _input(self, path: str, i: int, of: int, at: At) -> Input | None:
        full = normpath(path if path[:1] == "/" else f"{self._folder}/{path}")
        where = partial(at, "inputs", i) if of > 1 else partial(at, "input")
        try:
            found = os.stat(full)  # noqa: PTH116  # a Path costs more than the call
        except (OSError, ValueError) as error:
            self._missing(path, full, error, where())
            return None
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            self.flaw(where(), f"the input {shown(path)} is {what}")
            return None
        if not os.access(full, os.R_OK):
            self.flaw(where(), f"the input {shown(path)} may not be read")
            return None
        self._seen.names.claim("input", full, where())
        return Input(full, found.st_size, found.st_mtime_ns, found.st_ino)

    def _missing(
        self, path: str, full: str, error: OSError | ValueError, place: Place
    ) -> None:
        if not isinstance(error, FileNotFoundError):
            reason = getattr(error, "strerror", None) or "not a path"
            self.flaw(place, f"the input {shown(path)} cannot be read: {reason}")
            return
        self._seen.guesses -= 1
        hint = nearby(Path(full)) if self._seen.guesses >= 0 else ""
        self.flaw(place, f"the input {shown(path)} is not there", hint)

    def check_target(self, target: str, where: Callable[[], Place]) -> None:
        """Note a fault where a format is none that we know."""
        if target not in self._formats:
            message = f"unknown format {shown(target)}"
            hint = near(target, sorted(self._formats))
            self._seen.faults.add(where(), message, hint)


_ONE = parse("out/{id}.{ext}")
_MANY = parse("out/{id}-{n:03}.{ext}")


def _completed(pattern: Pattern | None, *, is_many: bool) -> Pattern:
    """The pattern with a file name, where it is a folder or was left out."""
    if pattern is None:
        return _MANY if is_many else _ONE
    if pattern.text.endswith("/"):
        return parse(pattern.text + ("{id}-{n:03}.{ext}" if is_many else "{id}.{ext}"))
    return pattern


def nearby(path: Path) -> str:
    """A hint for a file that is not there."""
    if not path.parent.is_dir():
        return f"the folder {path.parent} is not there"
    try:
        return near(path.name, (each.name for each in path.parent.iterdir()))
    except OSError:
        return ""


def look(row: Mapping[str, Any], field: str) -> Any:
    """A field of a row; dots go into mappings."""
    if field in row:
        return row[field]
    found: Any = row
    for step in field.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _known(within: str, paths: Sequence[str], fields: Fields) -> list[str]:
    known = list(fields.columns)
    if within == "output":
        known += ["id", "ext", "n"]
    return known + (["stem", "name", "folder"] if paths else [])


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both mappings as one; ``above`` wins, mappings within are merged the same way."""
    if not below or not above:
        return above or below
    made = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            made[key] = merged(below[key], above[key])
    return made
