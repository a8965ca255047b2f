"""From manifest to a staged, compared and checked batch; sends nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.batch.accounts import Account, accounts_of
from orchestrator.batch.bills import bill_of
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.outputs import no_folder
from orchestrator.batch.rehearsal import Rehearsal
from orchestrator.batch.spare import Notes, still_valid
from orchestrator.batch.wording import Words
from orchestrator.errors import Fault, ManifestError, Place
from orchestrator.ledger.fresh import Fresh
from orchestrator.ledger.kept import Kept
from orchestrator.ledger.register import Register
from orchestrator.ledger.stage import Diff, Share, Stage
from orchestrator.manifest import Entry, Manifest
from orchestrator.manifest.codes import strange
from orchestrator.manifest.entries import Handle, Handling
from orchestrator.model import Document, Mode, Operation, State
from orchestrator.plan.modes import choose
from orchestrator.settings import BatchSettings
from orchestrator.wire.flow import Wish

if TYPE_CHECKING:
    from orchestrator.designs import Design

_OF_OUR_PAGE = frozenset({"E_GLYPH", "E_PAYMENT_CODE"})
_STEPS = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
Objection = Callable[[Document], str | None]
_Wish = tuple[str, Operation, str, str, str | None]


@dataclass(frozen=True, slots=True)
class Again:
    """Documents that were paid for, or may have been, and are asked for anew.

    ``examples`` are the first of their ids, in the order of the manifest.
    """

    documents: int = 0
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid manifest beside its ledger: everything that a plan or a run needs."""

    settings: BatchSettings
    accounts: Mapping[str, Account]
    stage: Stage
    diff: Diff
    shares: Sequence[Share]
    wishes: Mapping[Wish, Place]
    manifest: Manifest
    again: Again
    numbers: Register
    words: Words
    notes: Notes | None = None

    @property
    def hints(self) -> Sequence[str]:
        """What looks like a mistake in the manifest, and may be none."""
        return list(strange(self.settings.stop_at.codes))

    def merge(self, folder: BatchFolder) -> None:
        """Write the documents into the ledger.

        Raises:
            MachineError: it cannot be written, or came or went meanwhile.
        """
        note = None
        if self.notes is not None:
            note = self.notes.written(folder, self.wishes, self.words.doubts)
        self.stage.merge(note)

    def merged(self) -> Prepared:
        """The same batch beside the ledger as it is after the merge.

        What was new or changed is still said to be so.
        """
        before = self.diff
        is_new = before.new == before.documents and not before.gone
        if is_new and self.stage.retry is None:
            return self  # there is nothing to look up: all of it is open
        states = self.stage.states()
        added = before.new + before.changed
        states[State.OPEN] = max(0, states.get(State.OPEN, 0) - added)
        diff = replace(before, states={k: v for k, v in states.items() if v})
        return replace(self, diff=diff, shares=self.stage.shares())

    def refuse(self, objections: Iterable[tuple[Wish, str]]) -> None:
        """Refuse kinds of work that an account cannot do.

        Raises:
            ManifestError: there are such kinds; each fault names its first document.
        """
        faults = [Fault(self.wishes[wish], why) for wish, why in objections]
        if faults:
            raise ManifestError(faults)

    def recheck(self, check: Callable[[Document], Iterable[str]]) -> None:
        """Check every document again, in a second pass over the manifest.

        Raises:
            ManifestError: there are faults, each at its document.
        """

        def put(document: Document) -> Iterable[str]:
            return check(self.words.put(document))

        self.manifest.validate(put)


@contextmanager
def prepared(
    manifest: Manifest,
    folder: BatchFolder,
    *,
    overwrite: bool = False,
    objection: Objection | None = None,
    rehearsal: Rehearsal | None = None,
    hold: bool = False,
    keeps: bool = False,
) -> Iterator[Prepared]:
    """Check a manifest whole, while its documents are staged.

    Args:
        manifest: Loaded, not yet read to its end.
        folder: Where the ledger is, if there is one.
        overwrite: Whether outputs may replace files that are not ours.
        objection: Says why a document cannot be done, where that is known before
            anything is asked.
        rehearsal: Where to rehearse, if that is meant.
        hold: Whether nobody else may take numbers of series meanwhile.
        keeps: Whether it will be merged, and what it was is noted then.

    Raises:
        ManifestError: it has faults; all of them are in it.
    """
    accounts = accounts_of(manifest.settings.accounts)
    if rehearsal is not None:
        accounts = {name: rehearsal.account(a) for name, a in accounts.items()}
    is_plain = rehearsal is None and objection is None
    if is_sound := is_plain and folder.ledger.exists():
        with _spared(manifest, folder, accounts, overwrite=overwrite) as spared:
            if spared is not None:
                yield spared
                return
    notes = Notes.begun(manifest, overwrite=overwrite) if is_plain and keeps else None
    checks = _Checks(manifest.settings, accounts, objection, notes)
    with (
        nullcontext() if notes is None else closing(notes),
        _stage(folder, sound=is_sound, keeps=keeps) as stage,
        _register(manifest, stage, hold=hold) as numbers,
    ):
        batch = _read(
            Prepared(
                settings=manifest.settings,
                accounts=accounts,
                stage=stage,
                diff=Diff(0, 0, 0, 0, 0, {}),
                shares=(),
                wishes={},
                manifest=manifest,
                again=Again(),
                numbers=numbers,
                words=Words.of(manifest, accounts),
                notes=notes,
            ),
            checks,
            rehearsal,
            overwrite=overwrite,
        )
        free = [each.name for each in accounts.values() if each.settings.is_private]
        again = Again() if rehearsal is not None else Again(*stage.again(free))
        yield replace(batch, again=again)


@contextmanager
def _spared(
    manifest: Manifest,
    folder: BatchFolder,
    accounts: Mapping[str, Account],
    *,
    overwrite: bool,
) -> Iterator[Prepared | None]:
    """What a validation would find, where nothing changed since it was last done."""
    with Kept(folder.ledger) as stage, _register(manifest, stage) as numbers:
        valid = still_valid(stage.note, manifest, folder, overwrite=overwrite)
        if valid is None:
            yield None
            return
        manifest.spare(valid.used)
        words = Words.of(manifest, accounts)
        words.doubts.extend(valid.doubts)
        yield Prepared(
            settings=manifest.settings,
            accounts=accounts,
            stage=stage,
            diff=stage.compare(),
            shares=stage.shares(),
            wishes=valid.places(manifest),
            manifest=manifest,
            again=Again(*stage.again(())),
            numbers=numbers,
            words=words,
        )


def _stage(folder: BatchFolder, *, sound: bool, keeps: bool) -> Stage:
    """Where documents are staged: in their ledger, where that is to be made."""
    if keeps and folder.path.is_dir() and not folder.ledger.exists():
        return Fresh(folder.ledger)
    return Stage(folder.ledger, sound=sound)


def _register(manifest: Manifest, stage: Stage, *, hold: bool = False) -> Register:
    settings = manifest.settings
    return Register(
        settings.numbers, settings.name, stage.is_made, stage.is_numbered, hold=hold
    )


def _read(
    batch: Prepared, checks: _Checks, rehearsal: Rehearsal | None, *, overwrite: bool
) -> Prepared:
    """Check and stage every document, and compare them with the ledger.

    Raises:
        ManifestError: there are faults; all of them are in it.
    """
    manifest, stage, words = batch.manifest, batch.stage, batch.words
    wishes: dict[_Wish, Place] = {}
    wish: _Wish = ("", Operation.CONVERT, "", "", None)
    manifest.numbering = batch.numbers
    manifest.handle = _handle(batch.accounts, overwrite=overwrite)
    for entry in manifest.entries():
        document = words.put(entry.document)
        if rehearsal is not None:
            document = rehearsal.document(document)
        for path, message in checks.of(document, stage, entry):
            place, hint = _placed(entry, path)
            manifest.fault(place, message, hint)
        if document.design is not None:
            _check_generated(batch, checks, entry, document)
        asked, source, target = document.operation, document.source, document.target
        if (
            document.provider is not wish[0]
            or asked is not wish[1]
            or source is not wish[2]
            or target is not wish[3]
            or document.design is not wish[4]
        ):
            wish = (document.provider, asked, source, target, document.design)
            if wish not in wishes:
                wishes[wish] = entry.place
        stage.add(document)
    for place, message in (*words.faults, *checks.shut()):
        manifest.fault(place, message)
    for place, message in stage.doubles():
        manifest.fault(place, message, "an issuer never uses a number twice")
    manifest.finish()
    manifest.seen = None
    return replace(
        batch,
        diff=stage.compare(),
        shares=stage.shares(),
        wishes={
            Wish(account, operation, source, target, design or ""): at
            for (account, operation, source, target, design), at in wishes.items()
        },
    )


def _check_generated(
    batch: Prepared, checks: _Checks, entry: Entry, document: Document
) -> None:
    """Check what only documents of a design have."""
    for path, message in batch.words.lacks(document):
        place, hint = _placed(entry, path)
        batch.manifest.fault(place, message, hint)
    if checks.has_number(document):
        bill = bill_of(document)
        names = (bill.issuer, bill.number, bill.form, bill.content)
        batch.stage.bill(document.id, names, entry.place)


def _handle(accounts: Mapping[str, Account], *, overwrite: bool) -> Handle:
    """Choices of modes, each made once: most documents are like another."""

    @lru_cache(maxsize=1024)
    def handling(
        name: str, size: int, operation: Operation, asked: Mode | None
    ) -> Handling:
        account = accounts[name]
        choice = choose(
            size,
            operation,
            asked,
            account.thresholds,
            account.provider.lacks,
            once=account.provider.exactly_once if account.settings.prefer else None,
        )
        return Handling(choice.mode, choice.reason, overwrite)

    return handling


def _placed(entry: Entry, path: str) -> tuple[Place, str]:
    """Where a value of a document stands, and its column where that is another."""
    if not path:
        return entry.place, ""
    steps = [name or int(n) for name, n in _STEPS.findall(path)]
    column = entry.column(*steps)
    return entry.at("params", *steps), f"column {column}" if column else ""


class _Checks:
    """What can be said against a document before anything is sent."""

    def __init__(
        self,
        settings: BatchSettings,
        accounts: Mapping[str, Account],
        objection: Objection | None,
        notes: Notes | None = None,
    ) -> None:
        self._accounts = accounts
        self._objection = objection
        self._folders = (settings.designs,) if settings.designs else ()
        self._designs: dict[str, Design | str] = {}
        self._notes = notes
        self._shut: dict[str, tuple[Place, int]] = {}
        self._folder = lru_cache(maxsize=4096)(self._looked_at)

    def shut(self) -> Iterator[tuple[Place, str]]:
        """What is wrong with folders of outputs: once for all documents of each."""
        for why, (first, count) in self._shut.items():
            yield first, why + (f"; {count:,} documents go there" if count > 1 else "")

    def of(
        self, document: Document, stage: Stage, entry: Entry
    ) -> Sequence[tuple[str, str]]:
        """What is wrong: the path into the data, or nothing, and the message."""
        provider = self._accounts[document.provider].provider
        found = []
        if document.operation not in provider.operations:
            found.append(("", f"{provider.name} cannot {document.operation}"))
        if why := provider.objection(document):
            found.append(("", why))
        if self._objection and (why := self._objection(document)):
            found.append(("", why))
        if document.design is not None:
            found += self._of_design(document)
        if why := self._of_output(document, stage, entry):
            found.append(("", why))
        return found

    def has_number(self, document: Document) -> bool:
        """Whether it is an invoice of which we know that its number must be unique."""
        said = document.said
        design = self._designs.get(said.design)
        if design is None or isinstance(design, str):
            return False
        return design.model == "invoice" and "number" in said.params

    def _of_design(self, document: Document) -> Iterator[tuple[str, str]]:
        # Only a private service is sure to have the designs that we see; and where an
        # account has one in the place of ours, ours judges the data.
        account, said = self._accounts[document.provider], document.said
        is_put = document.original is not None
        if not said.design or not (account.settings.is_private or is_put):
            return
        design = self._design(said.design)
        if isinstance(design, str):
            yield "", design
            return
        if is_put and design.model != "invoice":
            yield "", f"{design.ref} is no design of invoices: only those can be put"
        for each in design.problems(said.params, document.target):
            # Letters are a matter of the fonts that the account has.
            if not is_put or each.code not in _OF_OUR_PAGE:
                yield each.path, str(each)

    def _design(self, ref: str) -> Design | str:
        """A design, or why there is none."""
        # Takes a third of a second: not for those who have no design.
        from orchestrator import designs  # noqa: PLC0415

        design = self._designs.get(ref)
        if design is None:
            try:
                design = designs.find(ref, self._folders)
            except designs.DesignError as error:
                design = str(error)
            self._designs[ref] = design
        return design

    def _looked_at(self, folder: str) -> tuple[str | None, bool]:
        """Why outputs cannot go to a folder, and whether it is there at all."""
        why = no_folder(folder)
        if self._notes is not None:
            self._notes.place(folder, why)
        return why, os.path.lexists(folder)

    def _of_output(self, document: Document, stage: Stage, entry: Entry) -> str | None:
        output = document.output
        why, is_there = self._folder(output.rpartition("/")[0] or "/")
        if why is not None:
            # Where it is ours already, there may be nothing left to write.
            if not stage.is_ours(document):
                first, count = self._shut.get(why, (entry.place, 0))
                self._shut[why] = (first, count + 1)
            return None
        if not is_there or document.overwrite or document.has_many_outputs:
            return None
        if os.path.lexists(output) and not stage.is_ours(document):
            known = stage.is_known(document)
            made = ", or take it as done with `orchestrator resolve --mark-done`"
            return (
                f"the output {output!r} exists, and no ledger of this batch knows it: "
                "move it away; or, if it may be made and billed once more, say "
                f"--overwrite{made if known else ''}"
            )
        return None
