"""Columns into the data of a document: ``map`` and ``group``; performs no I/O.

A target is a path, as ``buyer.address.city`` or ``lines[].quantity``, where ``[]`` is
an item for each row of a group. What other targets say must be the same in all rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import Place
from orchestrator.manifest.convert import (
    Convert,
    FormError,
    Unfit,
    date_form,
    number_form,
    same,
    stripped,
    words_form,
)
from orchestrator.manifest.data_shape import Column
from orchestrator.manifest.draft import At, look
from orchestrator.manifest.faults import Faults, Flawed, listed, near, shown
from orchestrator.manifest.row import Row

MOST_ROWS = 10_000
"""Rows of one group: an invoice has no more lines."""

_STEP = re.compile(r"([^.\[\]]+)((?:\[[0-9]{0,3}\])?)(?:\.|$)")
EACH = -1
"""The step of ``[]``: an item for each row."""

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the value at a target comes from: a column, or a constant.

    ``beside`` are the columns of the same mapping: without any value in them, a
    constant would stand alone and is left out.
    """

    target: str
    steps: Steps
    column: str | None
    convert: Convert = same
    constant: Any = None
    default: Any = None
    beside: tuple[str, ...] = ()

    @property
    def is_item(self) -> bool:
        """Whether each row has its own."""
        return EACH in self.steps


def sources_of(said: Mapping[str, Column], at: At, faults: Faults) -> list[Source]:
    """Read a mapping.

    Raises:
        Flawed: it cannot be read; all faults are noted.
    """
    found, before = [], faults.found
    for target, spec in said.items():
        try:
            found.append(_source(target, spec))
        except FormError as error:
            faults.add(at("map", target), f"{shown(target)} {error}")
    for one, other in _overlaps(found):
        faults.add(at("map", one), f"{shown(one)} is a part of {shown(other)}")
    if faults.found > before:
        raise Flawed
    columns = {each.steps: each.column for each in found if each.column}
    return [_beside(each, columns) for each in found]


def dotted(columns: Iterable[str], at: At, faults: Faults) -> list[Source]:
    """Columns whose names are targets themselves.

    Raises:
        Flawed: a name is none.
    """
    named = {x: Column.model_validate({"column": x}) for x in columns}
    return sources_of(named, at, faults)


def _source(target: str, spec: Column) -> Source:
    steps = _steps(target)
    is_constant = "value" in spec.model_fields_set
    if is_constant == (spec.column is not None):
        raise FormError("needs either column or value")
    forms = [each for each in ("number", "date", "words") if getattr(spec, each)]
    if len(forms) > 1:
        raise FormError(f"has {' and '.join(forms)}; one of them is enough")
    if is_constant:
        return Source(target, steps, None, constant=spec.value)
    convert: Convert = same
    if spec.number:
        convert = number_form(spec.number)
    elif spec.date:
        convert = date_form(spec.date)
    elif spec.words:
        convert = words_form(spec.words)
    if spec.strip:
        convert = stripped(spec.strip, convert)
    return Source(target, steps, spec.column, convert, default=spec.default)


def _steps(target: str) -> Steps:
    steps: list[str | int] = []
    at = 0
    while at < len(target):
        match = _STEP.match(target, at)
        if match is None or (match[0][-1:] == "." and match.end() == len(target)):
            break
        steps.append(match[1])
        if match[2]:
            steps.append(int(match[2][1:-1] or EACH))
        at = match.end()
    if not steps or at < len(target) or target[-1] == ".":
        message = "is no target; they are written as in buyer.name, tax_ids[0].value"
        raise FormError(f"{message} and lines[].quantity")
    if steps.count(EACH) > 1:
        raise FormError("has [] twice; a row is one item of one list")
    return tuple(steps)


def _overlaps(found: Sequence[Source]) -> Iterator[tuple[str, str]]:
    targets = {each.steps: each.target for each in found}
    for each in found:
        for n in range(1, len(each.steps)):
            if each.steps[:n] in targets:
                yield each.target, targets[each.steps[:n]]


def _beside(source: Source, columns: Mapping[Steps, str]) -> Source:
    if source.column is not None:
        return source
    owner = source.steps[:-1]
    beside = [
        x for steps, x in columns.items() if owner and steps[: len(owner)] == owner
    ]
    return Source(
        source.target,
        source.steps,
        None,
        constant=source.constant,
        beside=tuple(beside),
    )


@dataclass(slots=True)
class Mapper:
    """Makes one row, with the data of a document, out of the rows of a group."""

    sources: Sequence[Source]
    faults: Faults
    at: At
    group: str | None = None
    _is_checked: bool = field(default=False, init=False)

    def rows(self, found: Iterable[Row]) -> Iterator[Row]:
        """Rows with their data; those with faults are noted and left out."""
        for rows in self._groups(found):
            if not self._is_checked:
                self._check(rows[0])
            try:
                yield self._made(rows)
            except Flawed:
                continue

    def _check(self, row: Row) -> None:
        """See that the columns are there, where all rows have the same.

        Raises:
            Flawed: they are not.
        """
        self._is_checked = True
        if row.columns is row.values:
            return
        named: dict[str, tuple[str, ...]]
        named = {x.column: ("map", x.target) for x in self.sources if x.column}
        if self.group is not None:
            named.setdefault(self.group, ("group",))
        missing = [each for each in named if each not in row.columns]
        for column in missing:
            message = f"there is no column {shown(column)}; there are "
            message += listed(row.columns)
            self.faults.add(self.at(*named[column]), message, near(column, row.columns))
        if missing:
            raise Flawed

    def _groups(self, found: Iterable[Row]) -> Iterator[list[Row]]:
        """Rows that follow each other with one value in the column of the group."""
        if self.group is None:
            for row in found:
                yield [row]
            return
        rows: list[Row] = []
        key: Any = None
        for row in found:
            mine = look(row.values, self.group)
            if rows and mine is not None and mine != key:
                yield from self._closed(rows)
                rows = []
            if mine is None and self.group in row.columns:
                self.faults.add(row.place, f"{self.group} is empty", "it tells groups")
            key = mine if mine is not None else key
            if len(rows) <= MOST_ROWS:
                rows.append(row)
        if rows:
            yield from self._closed(rows)

    def _closed(self, rows: list[Row]) -> Iterator[list[Row]]:
        if len(rows) <= MOST_ROWS:
            yield rows
            return
        key = shown(look(rows[0].values, self.group or ""))
        message = f"the group {key} has more than {MOST_ROWS:,} rows"
        self.faults.add(rows[0].place, message)

    def _made(self, rows: list[Row]) -> Row:
        before = self.faults.found
        data: dict[str, Any] = {}
        places: dict[Steps, list[Place]] = {}
        for each in self.sources:
            if not each.is_item:
                value = self._head(each, rows)
                if value is not None:
                    _put(data, each.steps, value)
        for row in rows:
            self._add_items(row, data, places)
        if self.faults.found > before:
            raise Flawed
        first = rows[0]
        names = {each.steps: each.column for each in self.sources if each.column}
        return Row(
            {**first.values, **data},
            {*first.columns, *data},
            first.place,
            data=_compact(data),
            origin=Origin(first.place, places, names),
        )

    def _head(self, source: Source, rows: Sequence[Row]) -> Any:
        """What all rows say, as far as they say it."""
        value: Any = None
        for row in rows:
            found = self._value(source, row)
            if found is None or found == value:
                continue
            if value is None:
                value = found
                continue
            message = f"{source.column} is {shown(found)} here, and {shown(value)} in "
            message += f"the row at {rows[0].place} of the same group"
            self.faults.add(row.place, message, "rows of a group agree on it")
        return source.default if value is None else value

    def _add_items(
        self, row: Row, data: dict[str, Any], places: dict[Steps, list[Place]]
    ) -> None:
        counts: dict[Steps, int] = {}
        for source in self.sources:
            if not source.is_item:
                continue
            value = self._value(source, row)
            value = source.default if value is None else value
            if value is None:
                continue
            owner = source.steps[: source.steps.index(EACH)]
            if owner not in counts:
                counts[owner] = len(places.setdefault(owner, []))
                places[owner].append(row.place)
            rest = source.steps[len(owner) + 1 :]
            _put(data, (*owner, counts[owner], *rest), value)

    def _value(self, source: Source, row: Row) -> Any:
        if source.column is None:
            is_alone = source.beside and all(
                look(row.values, each) in (None, "") for each in source.beside
            )
            return None if is_alone else source.constant
        found = look(row.values, source.column)
        if found is None or found == "":
            return None
        try:
            return source.convert(found)
        except Unfit as error:
            self.faults.add(row.place, f"{source.column} {error}")
            return None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where mapped data come from: fits ``Row.origin``."""

    place: Place
    places: Mapping[Steps, Sequence[Place]]
    names: Mapping[Steps, str]

    def at(self, path: Steps) -> Place:
        """The row of an item, or the first one."""
        for n, step in enumerate(path):
            if isinstance(step, int):
                places = self.places.get(path[:n], ())
                return places[step] if step < len(places) else self.place
        return self.place

    def column(self, path: Steps) -> str:
        """The column of a value, or nothing."""
        each = tuple(
            EACH if isinstance(step, int) and path[:n] in self.places else step
            for n, step in enumerate(path)
        )
        return self.names.get(each, "")


def _put(owner: Any, steps: Steps, value: Any) -> None:
    """Set a value in mappings and lists, which are made on the way.

    Items of lists are kept by number until all are known.
    """
    for step in steps[:-1]:
        owner = owner.setdefault(step, {})
    owner[steps[-1]] = value


def _compact(value: Any) -> Any:
    """Mappings with numbers for keys as lists, in their order."""
    if not isinstance(value, dict):
        return value
    made = {key: _compact(each) for key, each in value.items()}
    if made and all(isinstance(key, int) for key in made):
        return [made[key] for key in sorted(made)]
    return made
