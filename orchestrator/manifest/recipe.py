"""What an entry asks for, with the defaults below it; performs no I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.errors import Place
from orchestrator.manifest import schema
from orchestrator.manifest.compose import Marks, Spot, find
from orchestrator.manifest.draft import At, Recipe
from orchestrator.manifest.faults import Faults, listed, near, shown
from orchestrator.manifest.formats import canonical
from orchestrator.manifest.pattern import Pattern, PatternError, parse
from orchestrator.manifest.seen import Seen
from orchestrator.manifest.series import Series, SeriesError
from orchestrator.model import Operation

Kind = schema.Single | schema.Glob | schema.Rows
_SOURCES = ("design", "input", "inputs")
_KEPT = 512
"""Recipes that are kept: most entries of a manifest ask for one of a few things."""


@dataclass(frozen=True, slots=True)
class Common:
    """What holds for all entries of a manifest; ``spot`` is of its defaults.

    ``environment`` is where connections of databases are looked for, and ``seen`` notes
    what the pass looks at.
    """

    file: str
    folder: Path
    defaults: schema.Defaults
    accounts: Mapping[str, object]
    formats: Collection[str]
    spot: Spot | None
    environment: Mapping[str, str] | None = None
    seen: Seen | None = None


class Recipes:
    """Recipes of one manifest in one pass."""

    def __init__(self, common: Common, faults: Faults) -> None:
        self._common = common
        self._faults = faults
        self._kept: dict[tuple[object, ...], Recipe] = {}

    def of(self, said: Kind, at: At) -> Recipe:
        """The recipe of an entry.

        Raises:
            Flawed: it says too little, or things that exclude each other.
        """
        if not isinstance(said, schema.Single):
            return self._made(said, at)
        key = _key(said)
        recipe = self._kept.get(key)
        if recipe is None:
            recipe = self._made(said, at)
            if not recipe.is_flawed and len(self._kept) < _KEPT:
                self._kept[key] = recipe
        return recipe

    def pattern(self, text: str, where: Callable[[], Place]) -> Pattern:
        """Read a pattern.

        Raises:
            Flawed: it cannot be read; noted.
        """
        try:
            return parse(text)
        except PatternError as error:
            raise self._faults.flaw(where(), f"{shown(text)}: {error}") from None

    def _made(self, said: Kind, at: At) -> Recipe:
        defaults, before = self._common.defaults, self._faults.found
        operation = self._operation(said, at)
        provider = said.provider or defaults.provider or "local"
        output = said.output or defaults.output
        wrote = partial(self._wrote, at)
        self._check_provider(provider, wrote)
        priority = said.priority if said.priority is not None else defaults.priority
        return Recipe(
            operation=operation,
            target=self._target(said.to or defaults.to or "pdf", wrote),
            provider=provider,
            source=canonical(said.source) if said.source else None,
            output=self.pattern(output, partial(wrote, "output")) if output else None,
            output_at=None if said.output or not output else wrote("output"),
            asked=schema.ASKED[said.mode or defaults.mode],
            priority=priority or 0,
            overwrite=isinstance(said, schema.Single) and bool(said.overwrite),
            design=None if isinstance(said, schema.Glob) else said.design,
            series=self._series(said, operation, at),
            is_flawed=self._faults.found > before,
        )

    def _series(self, said: Kind, operation: Operation, at: At) -> Series | None:
        """The series that an entry names; a wrong one is noted."""
        if isinstance(said, schema.Glob) or said.number is None:
            return None
        number = said.number
        if operation is not Operation.GENERATE:
            message = "number goes with a design: it is a part of the data"
            self._faults.add(at("number"), message)
            return None
        series = Series(
            name=number.series,
            format=number.format,
            every=number.period,
            start=number.start,
            field=number.field,
            date=number.date,
            may_skip=number.gaps == "allow",
            may_change=number.changes == "allow",
        )
        try:
            series.check()
        except SeriesError as error:
            message = f"the format {shown(series.format)} {error}"
            self._faults.add(at("number", "format"), message)
            return None
        return series

    def _wrote(self, at: At, key: str) -> Place:
        """Where something was said: in the entry, or in the defaults."""
        place, spot = at(key), self._common.spot
        if place == at() and isinstance(spot, Marks) and key in spot.keys:
            mark = find(spot, (key,))
            return Place(self._common.file, mark.line + 1, mark.column + 1)
        return place

    def _check_provider(self, provider: str, wrote: At) -> None:
        known = self._common.accounts
        if provider not in known:
            message = f"unknown provider {shown(provider)}; there are {listed(known)}"
            self._faults.add(wrote("provider"), message, near(provider, known))

    def _target(self, target: str, wrote: At) -> str:
        name = canonical(target)
        if name not in self._common.formats:
            hint = near(name, sorted(self._common.formats))
            self._faults.add(wrote("to"), f"unknown format {shown(target)}", hint)
        return name

    def _operation(self, said: Kind, at: At) -> Operation:
        """What is to be done."""
        named = [name for name in _SOURCES if getattr(said, name, None) is not None]
        is_glob = isinstance(said, schema.Glob)
        if len(named) != (0 if is_glob else 1):
            found = " and ".join(named) if named else "none of them"
            message = f"an entry has one of {listed(_SOURCES)}; found {found}"
            raise self._faults.flaw(at(*named[1:2]), message)
        if isinstance(said, schema.Rows) and (said.id is None) == (said.key is None):
            found = "neither" if said.id is None else "both"
            message = f"rows need key (a column) or id (a pattern); found {found}"
            raise self._faults.flaw(at(), message)
        count = 1 if isinstance(said, schema.Glob) else len(said.inputs or "1")
        natural = _natural(count, is_generated=named == ["design"])
        return self._insisted(said, natural, count, at)

    def _insisted(
        self, said: Kind, natural: Operation, count: int, at: At
    ) -> Operation:
        """The operation that an entry names, where that can be meant."""
        asked = said.operation or natural
        if (asked is Operation.GENERATE) != (natural is Operation.GENERATE):
            message = f"operation {asked} does not go with what it starts from"
            hint = "generate takes a design, the others take files"
            raise self._faults.flaw(at("operation"), message, hint)
        if natural is Operation.MERGE and asked is not Operation.MERGE:
            message = f"operation {asked} takes one input, found {count}"
            raise self._faults.flaw(at("operation"), message, "merge takes several")
        return asked


def _key(said: schema.Single) -> tuple[object, ...]:
    """Everything that a recipe is made of."""
    count = None if said.inputs is None else len(said.inputs)
    key = (said.design, said.input is None, count, said.operation, said.to)
    rest = (said.provider, said.output, said.mode, said.priority, said.source)
    return (*key, *rest, said.number, said.overwrite)


def _natural(count: int, *, is_generated: bool) -> Operation:
    if is_generated:
        return Operation.GENERATE
    return Operation.MERGE if count > 1 else Operation.CONVERT
