"""Loads a manifest: its settings at once, its documents as a stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from orchestrator.errors import Place, UsageError
from orchestrator.manifest import costs, schema
from orchestrator.manifest.compose import find
from orchestrator.manifest.entries import Builder, Entry, Handle
from orchestrator.manifest.expand import Expander
from orchestrator.manifest.explain import explain
from orchestrator.manifest.faults import Faults, listed, near, shown
from orchestrator.manifest.formats import FORMATS, yields_many
from orchestrator.manifest.inputs import nearby
from orchestrator.manifest.recipe import Common
from orchestrator.manifest.said import account_of, webhooks_of
from orchestrator.manifest.seen import Seen, Stamp
from orchestrator.manifest.series import Counting, Numbering
from orchestrator.manifest.text import Readable
from orchestrator.manifest.unique import Clash, Names
from orchestrator.manifest.walk import LIST, Head, Walk, ends_with_documents
from orchestrator.manifest.wording import wording_file
from orchestrator.model import Document, Operation
from orchestrator.settings import (
    NUMBERS,
    AccountSettings,
    BatchSettings,
    SecretMissing,
    TheirDesign,
)

Check = Callable[[Document], Iterable[str]]
Many = Callable[[Operation, str, str], bool]
LOCAL = "local"
_TOLD = 100_000
"""Clashes of ids that are kept, so that their outputs are not told as well."""


def load_manifest(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    types: Collection[str] = (LOCAL,),
    formats: Collection[str] = FORMATS,
    many: Many = yields_many,
    sources: Mapping[str, str] | None = None,
) -> Manifest:
    """Read the head of a manifest; documents come from the value.

    Args:
        path: The manifest.
        environment: Where ``${env:NAME}`` leads; without it, keys are not looked for.
        types: Providers that the program knows.
        formats: Targets that are known to exist.
        many: Whether an operation may yield several files.
        sources: Where references to databases lead, if not to ``environment``.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.read(1)
        stops = ends_with_documents(path)
    except IsADirectoryError:
        message = f"{path} is a folder, not a manifest"
        raise UsageError(message) from None
    except FileNotFoundError:
        hint = nearby(path.absolute())
        message = f"there is no manifest {path}" + (f" ({hint})" if hint else "")
        raise UsageError(message) from None
    except (OSError, ValueError) as error:
        message = f"the manifest {path} cannot be read: {error}"
        raise UsageError(message) from None
    sources = environment if sources is None else sources
    options = Options(environment, types, formats, many, sources)
    return Manifest(path, options, stops=stops)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller knows and a manifest is checked against; see load_manifest."""

    environment: Mapping[str, str] | None
    types: Collection[str]
    formats: Collection[str]
    many: Many
    sources: Mapping[str, str] | None = None


class Manifest:
    """A manifest whose documents are read when they are asked for.

    One pass over :meth:`entries` and then :meth:`finish` is a whole validation; the
    same pass may feed a ledger, which keeps what it got only if ``finish`` is silent.
    Every call of :meth:`entries` is a new pass.

    Attributes:
        settings: Everything but the documents.
        faults: What the pass found so far.
        numbering: What gives documents their numbers, where they get them from a
            series; without one they are only counted.
        handle: What decides how documents are handed over; without it, nobody does.
        seen: What notes what a pass looks at, if somebody wants to know.
    """

    settings: BatchSettings
    faults: Faults
    numbering: Numbering
    handle: Handle | None
    seen: Seen | None

    def __init__(self, path: Path, options: Options, *, stops: bool) -> None:
        self._path = path
        self._options = options
        self._stops = stops
        self._names: Names | None = None
        self._used: set[tuple[str, Operation]] = set()
        self.numbering = Counting()
        self.handle = None
        self.seen = None
        self._begin()
        with path.open("rb") as file:
            self._stamp = Stamp.of(os.fstat(file.fileno()))
            self._head = Walk(file, str(path), self.faults).head(stops=stops)
        self._said = self._check_head(options.types)
        self.settings = self._settings(self._said)
        self._first = self.faults

    @property
    def head(self) -> dict[str, object]:
        """What it says beside its documents, as plain values; nothing is resolved."""
        values = self._head.values
        return {key: each for key, each in values.items() if not key.startswith("x-")}

    def entries(self) -> Iterator[Entry]:
        """Documents with their places, in the manifest's order, in one new pass.

        What has a fault is noted and left out.
        """
        self._begin(again=True)
        if self._names is not None:  # a pass that was left before its end
            self._names.close()
        self._names = names = Names()
        folder = str(self.settings.folder)
        if self.seen is not None:
            self.seen.begin()
        builder = Builder(
            folder,
            self.faults,
            names,
            self._options.many,
            seen=self.seen,
            handle=self.handle,
        )
        self.numbering.begin()
        expander = Expander(self._common(), builder, self.faults, self.numbering)
        is_empty, provider, operation = True, None, None
        with self._opened() as file:
            walk = Walk(file, str(self._path), self.faults)
            for item in walk.entries(last=self._stops):
                is_empty = False
                for entry in expander.expand(item):
                    document = entry.document
                    of, asked = document.provider, document.operation
                    if of is not provider or asked is not operation:
                        provider, operation = of, asked
                        self._used.add((of, asked))
                    yield entry
        if is_empty and LIST in self._head.keys and not self.faults:
            self.fault(self._place(LIST, key=True), "the list of documents is empty")

    @contextmanager
    def _opened(self) -> Iterator[Readable]:
        with self._path.open("rb") as file:
            if self.seen is None:
                yield file
                return
            if Stamp.of(os.fstat(file.fileno())) != self._stamp:
                self.seen.spoil()  # the settings are of another file
            with self.seen.watched(file, self._path) as hashed:
                yield hashed

    def documents(self, check: Check | None = None) -> Iterator[Document]:
        """The documents, in one new pass that ends with all faults.

        Raises:
            ManifestError: at the end, if there was any fault.
        """
        for entry in self.entries():
            if check is not None:
                for message in check(entry.document):
                    self.fault(entry.place, message)
            yield entry.document
        self.finish()

    def validate(self, check: Check | None = None) -> int:
        """Count the documents in one pass.

        Raises:
            ManifestError: there are faults.
        """
        return sum(1 for _ in self.documents(check))

    def place(self, *path: str | int) -> Place:
        """Where something stands that the manifest says beside its documents."""
        return self._place(*path)

    def fault(self, place: Place, message: str, hint: str = "") -> None:
        """Add a fault of the caller's to this pass."""
        self.faults.add(place, message, hint)

    def finish(self) -> None:
        """End a pass: what needs the whole of it is checked.

        Raises:
            ManifestError: there was any fault, with all of them.
        """
        if self._names is not None:
            told: set[tuple[Place, Place]] = set()
            for clash in self._names.clashes():
                pair = (clash.place, clash.other)
                if clash.kind == "id" and len(told) < _TOLD:
                    told.add(pair)
                if clash.kind == "id" or pair not in told:
                    self.fault(clash.place, *_said_of(clash))
            self._names.close()
            self._names = None
            for place, message, hint in self.numbering.problems():
                self.fault(place, message, hint)
        self._check_keys()
        for fault in costs.faults(self.settings, self._used):
            self.fault(self._place(*fault.path, key=True), fault.message, fault.hint)
        self.faults.raise_any()

    def spare(self, used: Collection[tuple[str, Operation]]) -> None:
        """End a pass that is spared, since nothing changed since one that was good.

        Args:
            used: What documents asked of which accounts: see :attr:`used`.

        Raises:
            ManifestError: something is wrong all the same: a key is missing, say.
        """
        self._begin(again=True)
        self._used = set(used)
        self.finish()

    @property
    def used(self) -> Collection[tuple[str, Operation]]:
        """What the documents of the last pass asked of which accounts."""
        return self._used

    def is_as_loaded(self) -> bool:
        """Whether the file is still what the settings were read from."""
        try:
            return Stamp.of(self._path.stat()) == self._stamp
        except OSError:
            return False

    def _begin(self, *, again: bool = False) -> None:
        self.faults = Faults()
        self._used = set()
        for fault in self._first.kept if again else ():
            self.faults.add(fault.place, fault.message, fault.hint)

    def _common(self) -> Common:
        return Common(
            file=str(self._path),
            folder=self.settings.folder,
            defaults=self._said.defaults,
            accounts=self.settings.accounts,
            formats=self._options.formats,
            spot=self._head.spots.get("defaults"),
            environment=self._options.sources,
            seen=self.seen,
        )

    def _place(self, *path: str | int, key: bool = False) -> Place:
        mark = find(self._head.marks, path, key=key)
        return Place(str(self._path), mark.line + 1, mark.column + 1)

    def _check_head(self, types: Collection[str]) -> schema.Manifest:
        head = self._head
        values = {
            key: value
            for key, value in head.values.items()
            if not key.startswith("x-") and key not in head.flawed
        }
        said = self._valid(values, head)
        if head.is_whole and head.keys and LIST not in head.keys:
            self.fault(self._place(), "the key documents is missing")
        self._check_types(values.get("providers"), types)
        return said

    def _check_types(self, named: object, types: Collection[str]) -> None:
        """Note providers that the program does not know, also in flawed accounts."""
        for name, each in named.items() if isinstance(named, dict) else ():
            kind = each.get("type") if isinstance(each, dict) else None
            if isinstance(kind, str) and kind.strip() and kind not in types:
                message = f"unknown provider type {shown(kind)}"
                message += f"; allowed are {listed(types)}"
                place = self._place("providers", name, "type")
                self.fault(place, message, near(kind, types))

    def _valid(self, values: dict[str, object], head: Head) -> schema.Manifest:
        """The head; what is wrong in it is noted and left out."""
        wrong: set[str] = set()
        try:
            return schema.Manifest.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                if detail["loc"]:
                    wrong.add(str(detail["loc"][0]))
            for mark, message, hint in explain(error, schema.Manifest, head.marks):
                place = Place(str(self._path), mark.line + 1, mark.column + 1)
                is_known = head.is_whole and head.keys
                if is_known or "is missing" not in message:
                    self.fault(place, message, hint)
        rest = {key: value for key, value in values.items() if key not in wrong}
        named = values.get("providers")
        if "providers" in wrong and isinstance(named, dict):
            rest["providers"] = {name: {"type": LOCAL} for name in named}
        return schema.Manifest.model_validate({**rest, "version": 1})

    def _settings(self, said: schema.Manifest) -> BatchSettings:
        path = self._path.absolute()
        folder = path.parent
        designs = folder / said.designs if said.designs else None
        if designs is not None and not designs.is_dir():
            message = f"the folder of designs {shown(said.designs)} is not there"
            self.fault(self._place("designs"), message, nearby(designs))
        accounts = {
            name: replace(account_of(name, each), designs=self._theirs(name, each))
            for name, each in said.providers.items()
        }
        accounts.setdefault(LOCAL, AccountSettings(LOCAL, LOCAL))
        name = said.name or path.stem
        return BatchSettings(
            path,
            folder,
            name,
            accounts,
            designs,
            webhooks_of(said.webhooks, folder),
            folder / (said.numbers or NUMBERS),
            costs.budget(said.budget),
            costs.stop_at(said.stop_at),
        )

    def _theirs(self, name: str, said: schema.Account) -> dict[str, TheirDesign]:
        """Designs that an account has in the place of ours."""
        found = {}
        for ours, each in said.designs.items():
            file, params = "", each.params
            if isinstance(params, str):
                try:
                    file, params = params, wording_file(self._path.parent / params)
                except ValueError as error:
                    at = ("providers", name, "designs", ours, "params")
                    self.fault(self._place(*at), f"{shown(file)}: {error}")
                    continue
            found[ours] = TheirDesign(each.design, params, file)
        return found

    def _check_keys(self) -> None:
        """See that the keys of the accounts in use are there."""
        environment = self._options.environment
        if environment is None:
            return
        for name in sorted({name for name, _ in self._used}):
            account = self.settings.accounts[name]
            references = (
                ("key", account.key),
                ("secret", account.secret),
                ("webhook_secret", account.webhook_secret),
            )
            for word, reference in references:
                try:
                    if reference is not None:
                        reference.resolve(environment, self.settings.folder)
                except SecretMissing as error:
                    self.fault(self._place("providers", name, word), str(error))


def _said_of(clash: Clash) -> tuple[str, str]:
    """A clash in words."""
    text = shown(clash.text)
    if clash.kind == "id":
        message = f"the id {text} is taken; the other is at {clash.other}"
        return message, "ids are unique"
    if clash.other_text is None:
        message = f"the output {text} is the input of {clash.other}"
        return message, "inputs are never touched"
    message = f"the output {text} is taken; the other is at {clash.other}"
    if clash.text == clash.other_text:
        return message, ""
    return message, f"some disks take {shown(clash.other_text)} for the same"
