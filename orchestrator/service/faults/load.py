"""Reads a fault script; every fault of it is shown at once, with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    Strict,
    ValidationError,
    model_validator,
)

from orchestrator.errors import Place, UsageError
from orchestrator.manifest.compose import Marks, Spot, find
from orchestrator.manifest.explain import explain
from orchestrator.manifest.faults import Faults, listed, near, shown
from orchestrator.manifest.schema import Count
from orchestrator.manifest.shape import Shape, Word, wrong
from orchestrator.manifest.walk import Head, Walk
from orchestrator.service.faults.phases import DIALECTS
from orchestrator.service.faults.script import (
    PHASES,
    Fault,
    Kind,
    Phase,
    Rule,
    Script,
)

_COUNTS = ("share", "first", "every", "at")
_STATUS = {Kind.REFUSE: 429, Kind.EXPIRE: 403, Kind.REDIRECT: 307}
_TAKES: Mapping[Kind, frozenset[str]] = {
    Kind.REFUSE: frozenset({"status", "retry_after", "body"}),
    Kind.LOSE: frozenset({"status", "body"}),
    Kind.CUT: frozenset({"after"}),
    Kind.SLOW: frozenset({"seconds"}),
    Kind.EXPIRE: frozenset({"status"}),
    Kind.PAGE: frozenset({"worked"}),
    Kind.REDIRECT: frozenset({"status", "to"}),
    Kind.SPOIL: frozenset({"code"}),
    Kind.HOOK_LATE: frozenset({"seconds"}),
}
BUILT_IN = frozenset({"storm"})
"""Scripts that come with the program, by name."""
M = TypeVar("M", bound=BaseModel)
PhaseWord = Annotated[Phase, Strict(strict=False)]


def _some(value: object) -> object:
    """A word, a mapping or a list that holds something."""
    if not isinstance(value, str | dict | list) or not value:
        raise wrong("must be a kind, a mapping with a kind, or a list of these")
    return value


class _Script(Shape):
    seed: Annotated[int, Strict(), Field(ge=0, le=2**63)]
    rules: Annotated[list[Any], Field(min_length=1, max_length=1000)]


class _Rule(Shape):
    match: Any = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    first: Count | None = None
    every: Count | None = None
    at: Annotated[list[Count], Field(min_length=1)] | None = None
    fault: Annotated[Any, AfterValidator(_some)]

    @model_validator(mode="after")
    def _counted(self) -> Self:
        given = [name for name in _COUNTS if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            hint = "share: 0.1 hits a tenth, at: [1] the first one only"
            raise wrong(f"needs one of {', '.join(_COUNTS)}, has {said}", hint)
        return self


class _Match(Shape):
    phase: PhaseWord | Annotated[list[PhaseWord], Field(min_length=1)] | None = None
    dialect: Literal[DIALECTS] | None = None  # type: ignore[valid-type]
    method: Word | None = None
    path: Word = "*"


class _Fault(Shape):
    kind: Kind
    status: Annotated[int, Strict(), Field(ge=0, le=599)] | None = None
    retry_after: Annotated[int, Strict(), Field(ge=0, le=86_400)] | None = None
    body: Literal["own", "page", "none"] | None = None
    after: Annotated[int, Strict(), Field(ge=0)] | None = None
    seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    to: Word | None = None
    worked: bool | None = None
    code: Word | None = None

    @model_validator(mode="after")
    def _takes(self) -> Self:
        known = _TAKES.get(self.kind, frozenset())
        for name in self.model_fields_set - known - {"kind"}:
            takes = f"takes {listed(sorted(known))}" if known else "takes nothing"
            raise wrong(f"{self.kind} has no {name}", f"it {takes}")
        if self.kind is Kind.REFUSE and (self.status or 429) < 400:
            raise wrong("refuse answers with a status of 400 to 599")
        return self

    def value(self) -> Fault:
        """The fault itself."""
        given = self.model_dump(exclude_none=True)
        return Fault(**{"status": _STATUS.get(self.kind, 0), **given})


def script_at(path: Path) -> Path:
    """The path of a script: as given, or of the built-in one with that name."""
    if str(path) in BUILT_IN and not path.exists():
        return Path(__file__).with_name(f"{path}.yaml")
    return path


def load_script(path: Path) -> Script:
    """The script in a file.

    Raises:
        UsageError: the file cannot be read.
        ManifestError: it has faults; all of them are in it, located.
    """
    return _Reader(path).script()


class _Reader:
    """Reads one file; what is wrong is gathered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._faults = Faults()

    def script(self) -> Script:
        head = self._head()
        seed, rules = 0, list[Rule]()
        if not self._faults:
            said = self._valid(_Script, head.values, head.marks)
            seed = 0 if said is None else said.seed
            # Also where the script itself is faulty: every fault is told at once.
            found = head.values.get("rules")
            rules = [
                made
                for n, each in enumerate(found if isinstance(found, list) else ())
                if (made := self._rule(each, _below(head.spots["rules"], n)))
                is not None
            ]
        self._faults.raise_any()
        return Script(seed, tuple(rules))

    def _head(self) -> Head:
        what = "a fault script"
        try:
            with self._path.open("rb") as file:
                walk = Walk(file, str(self._path), self._faults, what=what)
                head = walk.head(stops=False)
            if not head.is_whole:  # the pass over the entries says what is broken
                with self._path.open("rb") as file:
                    list(Walk(file, str(self._path), self._faults, what=what).entries())
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"the fault script {self._path}: {why}") from None
        if "documents" in head.keys:
            mark = head.keys["documents"]
            message = f"unknown key {shown('documents')}; allowed are seed, rules"
            self._fault(mark.line, mark.column, message)
        return head

    def _rule(self, value: Any, spot: Spot) -> Rule | None:
        rule = self._valid(_Rule, value, spot)
        said = value if isinstance(value, dict) else {}
        matched = said.get("match", {})
        match = self._valid(_Match, matched, _below(spot, "match"))
        faults = self._listed(said.get("fault", []), _below(spot, "fault"))
        if rule is None or match is None or not faults:
            return None
        phases = match.phase or []
        wanted = frozenset(phases if isinstance(phases, list) else [phases])
        self._check_phases(faults, wanted, spot)
        return Rule(
            faults=tuple(faults),
            phases=wanted,
            dialect=match.dialect,
            method=match.method,
            path=match.path,
            share=rule.share,
            first=rule.first,
            every=rule.every,
            at=tuple(rule.at or ()),
        )

    def _listed(self, value: Any, spot: Spot) -> list[Fault]:
        if not isinstance(value, list):
            return self._one(value, spot)
        every = (self._one(each, _below(spot, n)) for n, each in enumerate(value))
        return [fault for found in every for fault in found]

    def _one(self, value: Any, spot: Spot) -> list[Fault]:
        if isinstance(value, str):
            if value not in list(Kind):
                mark = find(spot, ())
                message = f"fault must be one of {listed(Kind)}; found {shown(value)}"
                self._fault(mark.line, mark.column, message, near(value, Kind))
                return []
            value = {"kind": value}
        said = self._valid(_Fault, value, spot)
        return [said.value()] if said is not None else []

    def _check_phases(
        self, faults: list[Fault], wanted: frozenset[Phase], spot: Spot
    ) -> None:
        """A fault that cannot happen where the rule looks would never be seen."""
        for each in faults:
            able = each.kind.phases
            if each.kind not in PHASES:
                able |= {Phase.OTHER}
            if wanted and not wanted <= able:
                mark = find(spot, ("match", "phase"))
                never = ", ".join(sorted(wanted - able))
                message = f"{each.kind} cannot happen in the phase {never}"
                hint = f"it can in {listed(sorted(able))}"
                self._fault(mark.line, mark.column, message, hint)

    def _valid(self, model: type[M], value: Any, spot: Spot) -> M | None:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            for mark, message, hint in explain(error, model, spot):
                self._fault(mark.line, mark.column, message, hint)
            return None

    def _fault(self, line: int, column: int, message: str, hint: str = "") -> None:
        place = Place(str(self._path), line + 1, column + 1)
        self._faults.add(place, message, hint)


def _below(spot: Spot, step: str | int) -> Spot:
    """Where a part stands, or the whole if it is not there."""
    if not isinstance(spot, Marks):
        return spot
    try:
        return spot.values[step]  # type: ignore[index]  # a miss is expected
    except (KeyError, IndexError, TypeError):
        return spot.start
