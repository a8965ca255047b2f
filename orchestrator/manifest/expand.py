"""What an entry stands for: one document, one for each file, one for each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os.path import normpath
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.errors import Place
from orchestrator.manifest import schema
from orchestrator.manifest.compose import Marks, Spot, find
from orchestrator.manifest.entries import (
    NO_FIELDS,
    At,
    Builder,
    Entry,
    Fields,
    Flawed,
    Recipe,
    merged,
    nearby,
)
from orchestrator.manifest.explain import explain
from orchestrator.manifest.faults import Faults, listed, near, shown
from orchestrator.manifest.pattern import Pattern
from orchestrator.manifest.sources import SUFFIXES, Row, matches, rows
from orchestrator.manifest.walk import Spotted
from orchestrator.model import Operation

_KINDS: dict[str, type[schema.Single | schema.Glob | schema.Rows]] = {
    "glob": schema.Glob,
    "rows": schema.Rows,
}
_SINGLE = schema.Single
Kind = schema.Single | schema.Glob | schema.Rows


@dataclass(frozen=True, slots=True)
class Common:
    """What holds for all entries of a manifest."""

    file: str
    folder: Path
    defaults: schema.Defaults
    accounts: Mapping[str, object]
    default_spot: Spot | None


class Expander:
    """Turns entries into documents; faults are noted, and the entry is passed over."""

    def __init__(self, common: Common, builder: Builder, faults: Faults) -> None:
        self._common = common
        self._builder = builder
        self._faults = faults

    def expand(self, item: Spotted) -> Iterator[Entry]:
        """The documents of one entry that have no fault."""
        if item.is_flawed:
            return
        at = partial(_place, self._common.file, item.spot)
        if not isinstance(item.value, dict):
            message = f"an entry is a mapping, found {shown(item.value)}"
            self._faults.add(at(), message, "as in - {id: letter, input: letter.docx}")
            return
        model = _kind(item.value)
        try:
            said = model.__pydantic_validator__.validate_python(item.value)
        except ValidationError as error:
            self._explain(error, model, item.spot)
            return
        try:
            yield from self._documents(said, at)
        except Flawed:
            return

    def _documents(self, said: Kind, at: At) -> Iterator[Entry]:
        recipe = self._recipe(said, at)
        if isinstance(said, schema.Single):
            paths = said.inputs if said.inputs is not None else [said.input or ""]
            paths = [] if recipe.design else paths
            yield self._builder.build(recipe, said.id, paths, NO_FIELDS, at)
        elif isinstance(said, schema.Glob):
            yield from self._globbed(said, recipe, at)
        else:
            yield from self._rows(said, recipe, at)

    def _explain(self, error: ValidationError, model: type[Kind], spot: Spot) -> None:
        for mark, message, hint in explain(error, model, spot):
            place = Place(self._common.file, mark.line + 1, mark.column + 1)
            self._faults.add(place, message, hint)

    # What an entry says about each of its documents

    def _recipe(self, said: Kind, at: At) -> Recipe:
        defaults = self._common.defaults
        wrote = partial(self._wrote, at)
        operation = self._operation(said, at)
        target = said.to or defaults.to or "pdf"
        provider = said.provider or defaults.provider or "local"
        self._builder.check_target(target, partial(wrote, "to"))
        self._check_provider(provider, wrote)
        output = said.output or defaults.output
        asked = said.mode or defaults.mode
        priority = said.priority if said.priority is not None else defaults.priority
        return Recipe(
            operation=operation,
            target=target,
            provider=provider,
            output=self._builder.pattern(output, partial(wrote, "output"))
            if output
            else None,
            source=said.source,
            params=merged(defaults.params or {}, said.params or {}),
            asked=schema.ASKED[asked],
            priority=priority or 0,
            design=None if isinstance(said, schema.Glob) else said.design,
            wrote=wrote,
        )

    def _wrote(self, at: At, key: str) -> Place:
        """Where something was said: in the entry, or in the defaults."""
        place = at(key)
        spot = self._common.default_spot
        if place == at() and isinstance(spot, Marks) and key in spot.keys:
            return _place(self._common.file, spot, key)
        return place

    def _check_provider(self, provider: str, wrote: At) -> None:
        known = self._common.accounts
        if provider not in known:
            message = f"unknown provider {shown(provider)}; there are {listed(known)}"
            self._faults.add(wrote("provider"), message, near(provider, known))

    def _operation(self, said: Kind, at: At) -> Operation:
        """What is to be done.

        Raises:
            Flawed: the entry says too little, or things that exclude each other.
        """
        if isinstance(said, schema.Glob):
            given, count = ["glob"], 1
        else:
            named = ("design", "input", "inputs")
            given = [name for name in named if getattr(said, name) is not None]
            count = len(said.inputs or [0])
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            message = f"an entry has design, input or inputs; found {found}"
            raise self._builder.flaw(at(*given[1:2]), message)
        if isinstance(said, schema.Rows) and (said.id is None) == (said.key is None):
            found = "neither" if said.id is None else "both"
            message = f"rows need key (a column) or id (a pattern); found {found}"
            raise self._builder.flaw(at(), message)
        natural = _natural(given[0], count)
        if said.operation is None:
            return natural
        if (said.operation is Operation.GENERATE) != (given == ["design"]):
            message = f"{said.operation} does not go with {given[0]}"
            raise self._builder.flaw(at("operation"), message)
        if count > 1 and said.operation is not Operation.MERGE:
            message = f"{said.operation} takes one input, found {count}"
            raise self._builder.flaw(at("operation"), message, "merge takes several")
        return said.operation

    # One document for each file

    def _globbed(self, said: schema.Glob, recipe: Recipe, at: At) -> Iterator[Entry]:
        pattern = self._builder.pattern(said.id or "{stem}", partial(at, "id"))
        found = False
        place = partial(_of_glob, at)
        for path in matches(str(self._common.folder), said.glob):
            found = True
            if not path.isprintable():
                message = f"the file name {shown(path)} is not printable UTF-8"
                self._faults.add(place(), message, "rename the file")
                continue
            try:
                name = self._name(pattern, "id", recipe, [path], NO_FIELDS, place)
                yield self._builder.build(recipe, name, [path], NO_FIELDS, place)
            except Flawed:
                continue
        if not found:
            self._faults.add(at("glob"), f"no file matches {shown(said.glob)}")

    def _name(
        self,
        pattern: Pattern,
        within: str,
        recipe: Recipe,
        paths: Sequence[str],
        fields: Fields,
        at: At,
    ) -> str:
        if pattern.has_n:
            message = f"{{n}} has no meaning in {within}"
            raise self._builder.flaw(recipe.wrote(within), message)
        return pattern.fill(
            lambda field: self._builder.field(field, within, recipe, paths, fields, at)
        )

    # One document for each row

    def _rows(self, said: schema.Rows, recipe: Recipe, at: At) -> Iterator[Entry]:
        ids = self._builder.pattern(
            said.id or f"{{{said.key}}}", partial(at, "id" if said.id else "key")
        )
        paths = said.inputs if said.inputs is not None else [said.input or ""]
        inputs = [
            self._builder.pattern(path, partial(at, "input"))
            for path in ([] if recipe.design else paths)
        ]
        is_first = True
        for row in self._read(said, at):
            fields = Fields(row.values, row.columns, is_first)
            try:
                yield self._row(said, recipe, ids, inputs, fields, row)
            except Flawed:
                if is_first and not self._fits(ids, inputs, recipe, fields):
                    return
            is_first = False
        if is_first and not self._faults:
            self._faults.add(at("rows"), f"{shown(said.rows)} holds no rows")

    def _row(
        self,
        said: schema.Rows,
        recipe: Recipe,
        ids: Pattern,
        inputs: Sequence[Pattern],
        fields: Fields,
        row: Row,
    ) -> Entry:
        at = partial(_of_row, row, said.key)
        paths: list[str] = []
        for pattern in inputs:
            path = self._name(pattern, "input", recipe, (), fields, at)
            if (path[:1] == "/") != (pattern.text[:1] == "/") or _climbs(path, pattern):
                message = f"the input {shown(path)} leaves the folder it is meant for"
                raise self._builder.flaw(at(), message)
            paths.append(path)
        within = "id" if said.id else "key"
        name = self._name(ids, within, recipe, paths, fields, at)
        if recipe.design:
            recipe = replace(recipe, params=merged(recipe.params, fields.values))
        return self._builder.build(recipe, name, paths, fields, at)

    def _fits(
        self,
        ids: Pattern,
        inputs: Sequence[Pattern],
        recipe: Recipe,
        fields: Fields,
    ) -> bool:
        """Whether the patterns name only what the rows have."""
        usual = {"id", "ext", "stem", "name", "folder"}
        named = {*ids.fields, *(field for each in inputs for field in each.fields)}
        named |= set(recipe.output.fields if recipe.output else ()) - usual
        return all(
            field in fields.columns or field.partition(".")[0] in fields.columns
            for field in named
        )

    def _read(self, said: schema.Rows, at: At) -> Iterator[Row]:
        common = self._common
        path = Path(normpath(common.folder / said.rows))
        place = at("rows")
        if path.suffix.lower() not in SUFFIXES:
            message = f"rows in {shown(said.rows)} cannot be read"
            raise self._builder.flaw(place, message, f"allowed are {listed(SUFFIXES)}")
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is not there"
            raise self._builder.flaw(place, f"{shown(said.rows)} {what}", nearby(path))
        name = normpath(Path(common.file).parent / said.rows)
        numbers = frozenset(said.numbers or ())
        try:
            yield from rows(path, name, self._faults, numbers)
        except OSError as error:
            message = f"{shown(said.rows)} cannot be read: {error.strerror}"
            raise self._builder.flaw(place, message) from None


def _kind(value: dict[str, Any]) -> type[Kind]:
    for key, model in _KINDS.items():
        if key in value:
            return model
    return _SINGLE


def _natural(given: str, count: int) -> Operation:
    if given == "design":
        return Operation.GENERATE
    return Operation.MERGE if count > 1 else Operation.CONVERT


def _climbs(path: str, pattern: Pattern) -> bool:
    return path.split("/").count("..") > pattern.text.split("/").count("..")


def _place(file: str, spot: Spot, *path: str | int) -> Place:
    """A place in an entry of the manifest."""
    if path == ("input",) and isinstance(spot, Marks) and "input" not in spot.keys:
        path = ("inputs", 0)
    mark = find(spot, path)
    return Place(file, mark.line + 1, mark.column + 1)


def _of_glob(at: At, *path: str | int) -> Place:
    return at(*path) if path and path[0] in ("output", "params") else at("glob")


def _of_row(row: Row, key: str | None, *path: str | int) -> Place:
    """A place in a row: its data are the params."""
    if path[:1] == ("params",):
        return row.at(*path[1:])
    if path == ("id",) and key is not None:
        return row.at(*key.split("."))
    return row.at()
