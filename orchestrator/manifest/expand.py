"""What an entry stands for: one document, one for each file, one for each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError

from orchestrator.errors import Place
from orchestrator.manifest import schema
from orchestrator.manifest.compose import Marks, Spot, find
from orchestrator.manifest.draft import At, Draft, Fields, Recipe, is_column, merged
from orchestrator.manifest.entries import Builder, Entry, climbs
from orchestrator.manifest.explain import explain
from orchestrator.manifest.faults import Faults, Flawed, shown
from orchestrator.manifest.pattern import Pattern
from orchestrator.manifest.reading import Read, reading
from orchestrator.manifest.recipe import Common, Kind, Recipes
from orchestrator.manifest.row import Row
from orchestrator.manifest.series import Counting, Numbering, NumberRefused
from orchestrator.manifest.sources import matches
from orchestrator.manifest.walk import Spotted

_SINGLE = schema.Single.__pydantic_validator__.validate_python


_KEPT = 512
_Rest = tuple[tuple[str, type[Any], Any], ...]
_VARIES = frozenset({"id", "input"})
_HASHED = frozenset({str, int, bool})


def _rest(value: dict[str, Any]) -> _Rest | None:
    """What an entry says beside id and input, if that is nothing but words.

    Types belong to it: ``1`` and ``true`` are the same to a dictionary.
    """
    if len(value) == len(_VARIES):
        return ()
    rest = tuple(
        [(key, type(it), it) for key, it in value.items() if key not in _VARIES]
    )
    return rest if _HASHED.issuperset([kind for _, kind, _ in rest]) else None


def _is_word(text: str) -> bool:
    """Whether a text is surely a word of the schema."""
    return text.isprintable() and not text.isspace() and text != ""


class Expander:
    """Turns entries into documents; faults are noted, and the entry is passed over."""

    def __init__(
        self,
        common: Common,
        builder: Builder,
        faults: Faults,
        numbering: Numbering | None = None,
    ) -> None:
        self._common = common
        self._numbering = numbering or Counting()
        self._builder = builder
        self._faults = faults
        self._recipes = Recipes(common, faults)
        self._defaults = common.defaults.params or {}
        self._plains: dict[_Rest | None, Recipe] = {}

    def expand(self, item: Spotted) -> Iterable[Entry]:
        """The documents of one entry that have no fault."""
        value, spot, is_flawed = item
        if is_flawed:
            return ()
        at = partial(_place, self._common.file, spot)
        if not isinstance(value, dict):
            message = f"an entry is a mapping, found {shown(value)}"
            self._faults.add(at(), message, "as in - {id: letter, input: letter.docx}")
            return ()
        try:
            if "glob" in value:
                return self._globbed(schema.Glob.model_validate(value), at)
            if "rows" in value:
                return self._rows(schema.Rows.model_validate(value), at)
            return (self._plain(value, at) or self._single(_SINGLE(value), at, value),)
        except ValidationError as error:
            self._explain(error, value, spot)
        except Flawed:
            pass
        return ()

    def _explain(
        self, error: ValidationError, value: dict[str, Any], spot: Spot
    ) -> None:
        kinds: dict[str, type[Kind]] = {"glob": schema.Glob, "rows": schema.Rows}
        model = next((kinds[key] for key in kinds if key in value), schema.Single)
        for mark, message, hint in explain(error, model, spot):
            place = Place(self._common.file, mark.line + 1, mark.column + 1)
            self._faults.add(place, message, hint)

    def _plain(self, value: dict[str, Any], at: At) -> Entry | None:
        """A document whose entry says what one before it said, but for id and input.

        That one was checked against the schema, and so was this one by it. Anything
        unusual gives ``None``.
        """
        name, path = value.get("id"), value.get("input")
        if type(name) is not str or type(path) is not str:
            return None
        recipe = self._plains.get(_rest(value))
        if recipe is None or not _is_word(name) or not _is_word(path):
            return None
        draft = Draft(recipe, [path], self._defaults, at, at, self._faults, name=name)
        return self._builder.build(draft)

    def _single(self, said: schema.Single, at: At, value: dict[str, Any]) -> Entry:
        recipe = self._recipes.of(said, at)
        is_plain = said.params is None and said.input is not None
        if is_plain and recipe.series is None and not recipe.is_flawed:
            rest = _rest(value)
            if rest is not None and len(self._plains) < _KEPT:
                self._plains[rest] = recipe
        paths = said.inputs or ([said.input] if said.input else [])
        params = merged(self._defaults, said.params or {})
        draft = Draft(recipe, paths, params, at, at, self._faults, name=said.id)
        return self._builder.build(self._numbered(draft))

    def _numbered(self, draft: Draft) -> Draft:
        """The draft with its number, where it gets one from a series.

        Raises:
            Flawed: it gets none.
        """
        series = draft.recipe.series
        if series is None:
            return draft
        if self._common.seen is not None:
            self._common.seen.spoil()  # others take numbers from it, too
        try:
            number = self._numbering.number(
                series, draft.name, draft.params, draft.at()
            )
        except NumberRefused as error:
            path = ("params", error.field) if error.field else ()
            raise self._faults.flaw(
                draft.at(*path), error.message, error.hint
            ) from None
        draft.params = {**draft.params, series.field: number}
        values = {**draft.fields.values, series.field: number}
        columns = {*draft.fields.columns, series.field}
        draft.fields = draft.fields._replace(values=values, columns=columns)
        return draft

    # One document for each file

    def _globbed(self, said: schema.Glob, at: At) -> Iterator[Entry]:
        try:
            recipe = self._recipes.of(said, at)
            pattern = self._recipes.pattern(said.id or "{stem}", partial(at, "id"))
        except Flawed:
            return
        params = merged(self._defaults, said.params or {})
        place = partial(_of_glob, at)
        path, found = None, matches(str(self._common.folder), said.glob)
        if (seen := self._common.seen) is not None:
            found = seen.globbed(said.glob, found)
        for path in found:
            if not path.isprintable():
                message = f"the file name {shown(path)} is not printable UTF-8"
                self._faults.add(place(), message, "rename the file")
                continue
            draft = Draft(recipe, [path], params, place, at, self._faults)
            try:
                draft.name = draft.fill(pattern, "id")
                yield self._builder.build(draft)
            except Flawed:
                continue
        if path is None:
            self._faults.add(at("glob"), f"no file matches {shown(said.glob)}")

    # One document for each row

    def _rows(self, said: schema.Rows, at: At) -> Iterator[Entry]:
        try:
            recipe = self._recipes.of(said, at)
            ids, inputs = self._patterns(said, at)
            read = reading(said, self._common, at, self._faults)
        except Flawed:
            return
        params = merged(self._defaults, said.params or {})
        before, row = self._faults.total, None
        for n, row in enumerate(self._guarded(read)):
            fields = Fields(row.values, row.columns, is_first=n == 0)
            place = partial(_of_row, row, said.key)
            draft = Draft(recipe, (), params, place, at, self._faults, fields)
            draft.column = row.column
            try:
                within = "id" if said.id else "key"
                yield self._row(draft, row.params, (ids, inputs, within))
            except Flawed:
                if n == 0 and not _fits(ids, inputs, recipe, fields):
                    return
        if row is None and self._faults.total == before:
            self._faults.add(at("rows"), f"{shown(said.rows)} holds no rows")

    def _guarded(self, read: Read) -> Iterator[Row]:
        """Rows until a fault after which no row makes sense; it is noted."""
        try:
            yield from read()
        except Flawed:
            return

    def _row(
        self,
        draft: Draft,
        data: Mapping[str, Any],
        patterns: tuple[Pattern, Sequence[Pattern], str],
    ) -> Entry:
        ids, inputs, within = patterns
        paths = []
        for pattern in inputs:
            path = draft.fill(pattern, "input")
            if (".." in path or path[:1] == "/") and climbs(path, pattern):
                message = f"the input {shown(path)} leaves the folder of its pattern"
                raise self._faults.flaw(draft.at(), message)
            paths.append(path)
        draft.paths = paths
        draft.name = draft.fill(ids, within)
        if draft.recipe.design:
            draft.params = merged(draft.params, data)
        return self._builder.build(self._numbered(draft))

    def _patterns(self, said: schema.Rows, at: At) -> tuple[Pattern, list[Pattern]]:
        within = "id" if said.id else "key"
        ids = self._recipes.pattern(said.id or f"{{{said.key}}}", partial(at, within))
        paths = said.inputs or ([said.input] if said.input else [])
        read = self._recipes.pattern
        return ids, [read(path, partial(at, "input")) for path in paths]


def _fits(
    ids: Pattern, inputs: Sequence[Pattern], recipe: Recipe, fields: Fields
) -> bool:
    """Whether the patterns name only what the rows have."""
    columns = fields.columns
    named = {*ids.fields, *(field for each in inputs for field in each.fields)}
    if recipe.series is not None:
        columns = {*columns, recipe.series.field}
    if recipe.output is not None:
        named |= set(recipe.output.fields) - {"id", "ext", "stem", "name", "folder"}
    return all(is_column(field, columns) for field in named)


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
