"""Drafts into documents: names checked and claimed, inputs seen, outputs placed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from os.path import normpath
from typing import NamedTuple

from orchestrator.errors import Place
from orchestrator.manifest import names
from orchestrator.manifest.draft import At, Draft, Recipe, no_column
from orchestrator.manifest.faults import Faults, Flawed, shown
from orchestrator.manifest.formats import canonical
from orchestrator.manifest.inputs import Inputs
from orchestrator.manifest.pattern import Pattern, parse
from orchestrator.manifest.seen import Seen
from orchestrator.manifest.unique import Names
from orchestrator.model import Document, Input, Mode, Operation

LONGEST_NAME = 255
LONGEST_ID = 200
_ONE_NAME = "{id}.{ext}"
_MANY_NAMES = "{id}-{n:03}.{ext}"
_ONE = parse("out/" + _ONE_NAME)
_MANY = parse("out/" + _MANY_NAMES)


class Handling(NamedTuple):
    """How a document is handed over, why, and whether its outputs may replace files."""

    mode: Mode = Mode.SYNC
    reason: str = ""
    overwrite: bool = False


Handle = Callable[[str, int, Operation, Mode | None], Handling]
"""Decides that by account, bytes to be sent, operation, and the mode that is asked."""
_UNDECIDED = Handling()
_NO_RECIPE: Recipe | None = None
_KINDS = 1_000
_Around = tuple[Recipe, Sequence[str] | None]


class Entry(NamedTuple):
    """A document, and where it stands: ``at("params", "seller")`` is more exact.

    ``column("lines", 0, "name")`` names the column of a mapped value, or nothing.
    """

    document: Document
    at: At
    column: Callable[..., str] = no_column

    @property
    def place(self) -> Place:
        """Where the document starts."""
        return self.at()


class Builder:
    """Builds documents of one manifest in one pass."""

    def __init__(
        self,
        folder: str,
        faults: Faults,
        claims: Names,
        many: Callable[[Operation, str, str], bool],
        *,
        seen: Seen | None = None,
        handle: Handle | None = None,
    ) -> None:
        self._folder = folder
        self._faults = faults
        self._names = claims
        self._many = many
        self._inputs = Inputs(folder, faults, seen)
        self._handle = handle or (lambda *_: _UNDECIDED)
        self._around: dict[tuple[int, str | None], _Around] = {}
        self._size, self._recipe, self._handling = -1, _NO_RECIPE, _UNDECIDED
        self._count = 0

    def build(self, draft: Draft) -> Entry:
        """One document.

        Raises:
            Flawed: it has a fault, which is noted.
        """
        recipe, at, name = draft.recipe, draft.at, draft.name
        is_plain = names.is_plain(name)
        if not is_plain:
            self._check_id(draft)
        source = _source(draft)
        around = self._around_id(draft, source) if is_plain else None
        output = self._output(draft, source) if around is None else name.join(around)
        seen = self._seen(draft)
        self._names.claim(at(), name, output, [each.path for each in seen])
        if source is None and seen:
            message = f"{shown(draft.paths[0])} has no extension to tell its format"
            self._faults.add(at("input"), message, "say source: FORMAT")
        is_flawed = recipe.is_flawed or len(seen) < len(draft.paths)
        if source is None or output is None or is_flawed:
            raise Flawed
        self._count += 1
        size = seen[0].size if len(seen) == 1 else sum([each.size for each in seen])
        if size != self._size or recipe is not self._recipe:
            self._size, self._recipe = size, recipe
            self._handling = self._handle(
                recipe.provider, size, recipe.operation, recipe.asked
            )
        mode, reason, overwrite = self._handling
        document = Document(
            id=name,
            operation=recipe.operation,
            source=source,
            target=recipe.target,
            output=output,
            provider=recipe.provider,
            inputs=seen,
            params=draft.params,
            design=recipe.design,
            asked=recipe.asked,
            mode=mode,
            reason=reason,
            priority=recipe.priority,
            n=self._count - 1,
            overwrite=overwrite or recipe.overwrite,
        )
        return Entry(document, at, draft.column)

    def _seen(self, draft: Draft) -> tuple[Input, ...]:
        """The inputs that are there."""
        paths = draft.paths
        if len(paths) == 1:
            found = self._inputs.see(paths[0], partial(draft.at, "input"))
            return () if found is None else (found,)
        every = [
            self._inputs.see(path, partial(draft.at, "inputs", i))
            for i, path in enumerate(paths)
        ]
        return tuple([each for each in every if each is not None])

    def _around_id(self, draft: Draft, source: str | None) -> Sequence[str] | None:
        """See ``names.around_id``; told once for each kind of document."""
        recipe = draft.recipe
        kept = self._around.get((id(recipe), source))
        if kept is not None and kept[0] is recipe:
            return kept[1]
        if len(self._around) >= _KINDS:
            self._around.clear()
        found = None if source is None else self._told_around_id(recipe, source)
        self._around[id(recipe), source] = (recipe, found)
        return found

    def _told_around_id(self, recipe: Recipe, source: str) -> Sequence[str] | None:
        is_many = self._many(recipe.operation, source, recipe.target)
        pattern = _completed(recipe.output, is_many=is_many)
        if is_many and not pattern.has_n:
            return None

        def placed(filled: str) -> str | None:
            path = self._placed(filled)
            return None if _refusal(path, filled, pattern) else path

        return names.around_id(pattern, recipe.target, placed)

    def _placed(self, filled: str) -> str:
        return normpath(filled if filled[:1] == "/" else f"{self._folder}/{filled}")

    def _check_id(self, draft: Draft) -> None:
        name = draft.name
        if name.isprintable() and name.strip() == name and 0 < len(name) <= LONGEST_ID:
            return
        message = f"the id {shown(name)} holds control characters or outer spaces"
        if not name.strip():
            message = "the id is empty"
        elif len(name) > LONGEST_ID:
            message = f"the id has {len(name)} characters; allowed are {LONGEST_ID}"
        raise self._faults.flaw(draft.at("id"), message)

    def _output(self, draft: Draft, source: str | None) -> str | None:
        """The output's path, absolute, or ``None`` where a fault is noted."""
        recipe = draft.recipe
        is_many = source is not None and self._many(
            recipe.operation, source, recipe.target
        )
        pattern = _completed(recipe.output, is_many=is_many)
        if is_many and not pattern.has_n:
            self._faults.add(
                draft.wrote("output"),
                f"{recipe.operation} to {recipe.target} may yield several files, and "
                f"the output {shown(pattern.text)} has no {{n}}",
                "as in out/{id}-{n:03}.{ext}",
            )
        try:
            filled = draft.output(pattern)
        except Flawed:
            return None
        path = self._placed(filled)
        refusal = _refusal(path, filled, pattern)
        if refusal:
            self._faults.add(draft.at("output"), refusal)
            return None
        return path


def _source(draft: Draft) -> str | None:
    """The format of the first input, or ``None`` where its name does not tell."""
    recipe = draft.recipe
    if recipe.operation is Operation.GENERATE:
        return ""
    if recipe.source:
        return recipe.source
    _, dot, extension = draft.paths[0].rpartition("/")[2].rpartition(".")
    return canonical(extension) if dot and extension else None


def _refusal(path: str, filled: str, pattern: Pattern) -> str:
    """Why an output cannot be there, or nothing."""
    if not filled.isprintable():
        return f"the output {shown(filled)} holds control characters"
    last = path.rpartition("/")[2]
    if len(last) * 4 > LONGEST_NAME and len(last.encode()) > LONGEST_NAME:
        return f"the output's name {shown(last)} is over {LONGEST_NAME} bytes"
    if climbs(filled, pattern) or filled[-1:] == "/":
        return f"the output {shown(filled)} leaves the folder that its pattern names"
    return ""


def climbs(filled: str, pattern: Pattern) -> bool:
    """Whether values lead out of the folder that a pattern names."""
    if (filled[:1] == "/") != (pattern.text[:1] == "/"):
        return True
    return ".." in filled and (
        filled.split("/").count("..") > pattern.text.split("/").count("..")
    )


def _completed(pattern: Pattern | None, *, is_many: bool) -> Pattern:
    """The pattern with a file name, where it is a folder or was left out."""
    if pattern is None:
        return _MANY if is_many else _ONE
    if pattern.text[-1:] == "/":
        return parse(pattern.text + (_MANY_NAMES if is_many else _ONE_NAME))
    return pattern
