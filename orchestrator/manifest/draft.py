"""A document while it is made: its recipe, its data, and the fields of its patterns.

Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from orchestrator.errors import Place
from orchestrator.manifest.faults import Faults, listed, near, shown
from orchestrator.manifest.pattern import Pattern, safe
from orchestrator.manifest.scalars import written
from orchestrator.manifest.series import Series
from orchestrator.model import Mode, Operation

At = Callable[..., Place]
"""Where the value at a path stands, or the deepest part of the path that is there."""
_ONE_FIELD = 3
"""Pieces of a pattern: what stands before the field, the field, and what follows."""
_OF_INPUT = ("stem", "name", "folder")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an entry says about each of its documents, defaults included.

    ``output`` is ``None`` where nobody said it, and ``output_at`` its place where the
    defaults did. A flawed recipe has a fault of its own: its documents are checked for
    more, but not built.
    """

    operation: Operation
    target: str
    provider: str
    source: str | None
    output: Pattern | None
    output_at: Place | None
    asked: Mode | None
    priority: int
    overwrite: bool
    design: str | None
    series: Series | None = None
    is_flawed: bool = False


class Fields(NamedTuple):
    """What patterns may name beside what every document has: a row's own columns.

    ``is_first`` says that a name which is missing here is wrong in the manifest, and
    not in the data.
    """

    values: Mapping[str, Any]
    columns: Collection[str]
    is_first: bool = True


NO_FIELDS = Fields({}, ())


def no_column(*path: str | int) -> str:  # noqa: ARG001  # as Row.column
    """Nothing: the data has the names that the document has."""
    return ""


@dataclass(slots=True)
class Draft:
    """A document while it is made.

    ``at`` finds places in the data, which may be the manifest; ``wrote`` finds them in
    the entry.
    """

    recipe: Recipe
    paths: Sequence[str]
    params: Mapping[str, Any]
    at: At
    wrote: At
    faults: Faults
    fields: Fields = NO_FIELDS
    name: str = ""
    column: Callable[..., str] = no_column

    def fill(self, pattern: Pattern, within: str) -> str:
        """A pattern of an id or an input with its fields filled in.

        Raises:
            Flawed: a field has no value.
        """
        if pattern.has_n:
            message = f"{{n}} has no meaning in {within}"
            raise self.faults.flaw(self.wrote(within), message)
        if len(pattern.pieces) == _ONE_FIELD:
            before, field, after = pattern.pieces
            found = self.fields.values.get(field)
            # Most ids and inputs of rows are a column, as it is.
            if type(found) is str and found and not found.isspace():
                return before + found + after
        return pattern.fill(lambda field: self._value(field, within))

    def output(self, pattern: Pattern) -> str:
        """The output's pattern filled in; ``{n}`` stays.

        Raises:
            Flawed: a field has no value.
        """
        return pattern.fill(self._part)

    def _part(self, field: str) -> str:
        if field == "id":
            return safe(self.name)
        if field == "ext":
            return self.recipe.target
        found = self._value(field, "output")
        if field == "folder" and field not in self.fields.columns:
            return "/".join(map(safe, found.split("/")))
        return safe(found)

    def _value(self, field: str, within: str) -> str:
        """The value of a field: a column's, or what the first input gives."""
        if is_column(field, self.fields.columns):
            return self._column(field)
        if self.paths and field in _OF_INPUT:
            folder, _, last = self.paths[0].rpartition("/")
            if field == "folder":
                return folder.strip("/")
            return last.rpartition(".")[0] or last if field == "stem" else last
        raise self._unknown(field, within)

    def _unknown(self, field: str, within: str) -> Exception:
        known = list(self.fields.columns)
        known += ("id", "ext", "n") if within == "output" else ()
        known += _OF_INPUT if self.paths else ()
        place = self.at()
        if self.fields.is_first:
            said = self.recipe.output_at if within == "output" else None
            place = said or self.wrote(within)
        there = listed(known) or "no fields here"
        message = f"{within} names {{{field}}}; there are {there}"
        return self.faults.flaw(place, message, near(field, known))

    def _column(self, field: str) -> str:
        found = look(self.fields.values, field)
        text = written(found)
        if text is None or not text.strip():
            message = f"{field} must be text or a number here, found {shown(found)}"
            place = self.at("params", *field.split("."))
            raise self.faults.flaw(place, message)
        return text


def is_column(field: str, columns: Collection[str]) -> bool:
    """Whether rows have a field; dots go into mappings."""
    return field in columns or field.partition(".")[0] in columns


def look(row: Mapping[str, Any], field: str) -> Any:
    """A field of a row; dots go into mappings."""
    if field in row:
        return row[field]
    found: Any = row
    for step in field.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both mappings as one; ``above`` wins, mappings within are merged the same way."""
    if not below or not above:
        return above or below
    made = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            made[key] = merged(below[key], above[key])
    return made
