"""Decides about documents for their user: what is chosen, looked at, and written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from orchestrator.batch.folder import BatchFolder
from orchestrator.clock import Clock, SystemClock
from orchestrator.errors import UsageError
from orchestrator.ledger.decide import DECIDABLE, Chosen, Decider, Decision
from orchestrator.ledger.opening import require
from orchestrator.model import Document, Failure, Output, Saved, State
from orchestrator.transfer.disk import PartFile, keep_parts, machine_error
from orchestrator.transfer.examine import CHUNK, examine
from orchestrator.transfer.names import final_paths, part_name
from orchestrator.wire.outcome import OutputExists

SHOWN = 100
"""Faults that are shown; the others are counted."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents are meant: by id or shell pattern, in these states, so coded."""

    names: Sequence[str] = ()
    states: frozenset[State] = frozenset(DECIDABLE)
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was decided about, by the state that documents were in.

    ``already`` are ids about which it was decided before.
    """

    decision: Decision
    states: Mapping[State, int] = field(default_factory=dict)
    already: Sequence[str] = ()

    @property
    def documents(self) -> int:
        """How many documents were decided about."""
        return sum(self.states.values())


@contextmanager
def resolving(
    folder: BatchFolder,
    decision: Decision,
    selection: Selection,
    *,
    output: Path | None = None,
    here: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Iterator[tuple[Resolved, Callable[[], None]]]:
    """Choose documents, look at their outputs; the function given writes it down.

    The batch is held meanwhile, so that no run carries what is decided about.

    Args:
        folder: Where the batch is.
        decision: What is to become of the documents.
        selection: Which documents.
        output: For ``MARKED_DONE`` of one document: the file to put under its name.
        here: Where the manifest has its accounts, if it can be read: what is open, and
            was left elsewhere, can be decided about.
        clock: The machine's own if not given.

    Raises:
        UsageError: names that mean nothing, or outputs that are not there; all of them.
        MachineError: the batch is held by another process, or cannot be written.
    """
    clock = clock or SystemClock()
    require(folder.ledger)
    with folder.held(clock), Decider(folder.ledger, here) as decider:
        named = decider.choose(
            decision, selection.names, states=selection.states, code=selection.code
        )
        faults = list(named.faults)
        if decision is Decision.MARKED_DONE and not faults:
            faults += _look(decider, output)
        _refuse(faults)
        resolved = Resolved(decision, decider.counts(), named.already)

        def write() -> None:
            if resolved.documents:
                decider.decide(decision, at=clock.now())

        yield resolved, write


def _refuse(faults: Sequence[str]) -> None:
    if not faults:
        return
    shown = list(faults[:SHOWN])
    if len(faults) > SHOWN:
        shown.append(f"… and {len(faults) - SHOWN:,} more")
    raise UsageError("nothing was decided:\n" + "\n".join(f"  {s}" for s in shown))


# What the user says is done...


def _look(decider: Decider, output: Path | None) -> Iterator[str]:
    """Find what is under the names of documents; say what is wrong with it."""
    if output is not None:
        total = sum(decider.counts().values())
        if total != 1:
            yield f"--output is for one document; {total:,} are chosen"
            return
    for each in decider.chosen():
        name = repr(each.document.id)
        try:
            found = _found(each, output)
        except (OSError, OutputExists) as error:
            yield f"{name}: {_words(error)}"
            continue
        if isinstance(found, Failure):
            yield f"{name}: {found.message}"
        else:
            decider.found(each.key, found)


def _found(chosen: Chosen, output: Path | None) -> list[Output] | Failure:
    document = chosen.document
    if output is not None:
        return _copied(chosen, output)
    outputs: list[Output] = []
    for path in _names(document):
        seen = examine(path, document.target, sync=True)
        if seen.failure is not None:
            return seen.failure
        outputs.append(Output(path, seen.size, seen.sha256))
    return outputs


def _names(document: Document) -> list[str]:
    """Where the outputs have to be; where there may be several, all that are there."""
    if not document.has_many_outputs:
        return [document.output]
    total = next(
        n
        for n in count()
        if not os.path.lexists(final_paths(document.output, n + 1)[n])
    )
    return final_paths(document.output, max(1, total))


def _copied(chosen: Chosen, source: Path) -> list[Output] | Failure:
    """Copy a file under the document's name: whole, checked and on disk, or not."""
    document = chosen.document
    final = final_paths(document.output, 1)[0]
    folder = os.path.dirname(final)  # noqa: PTH120  # a path object could spell it anew
    part = PartFile(os.path.join(folder, part_name(chosen.job or "user", 0)))  # noqa: PTH118
    seen = examine(str(source), document.target)
    if seen.failure is not None:
        return seen.failure
    try:
        part.open()
        with source.open("rb") as file:
            while piece := file.read(CHUNK):
                part.write_on(piece)
        saved: Saved = part.complete()
        if saved.sha256 != seen.sha256:
            raise OutputExists(f"{source}: it was written to while it was copied")
        overwrite = document.overwrite
        return keep_parts([saved], [final], overwrite=overwrite)
    except OSError as error:
        raise machine_error(error, str(error.filename or final)) from error
    finally:
        part.drop()


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        path = error.filename or ""
        return (
            f"{path}: {error.strerror or error}; put the file there, or --output FILE"
        )
    return str(error)
