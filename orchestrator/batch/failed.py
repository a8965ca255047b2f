"""Documents of a ledger as a manifest of their own: the failed ones, most of all.

Every document is written out by itself, so what came from globs and rows stands for
itself. JSON is YAML: values are written as JSON, and numbers digit by digit.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from os.path import relpath
from pathlib import Path
from typing import Any

from orchestrator.batch.api import load_manifest
from orchestrator.batch.folder import folder_of
from orchestrator.batch.prepare import prepared
from orchestrator.errors import MachineError, ManifestError, UsageError
from orchestrator.ledger.retry import is_ours
from orchestrator.ledger.view import Row, View
from orchestrator.manifest import Manifest
from orchestrator.model import State
from orchestrator.transfer.disk import PartFile, keep_parts, machine_error
from orchestrator.transfer.names import part_name
from orchestrator.wire.outcome import OutputExists

_SAID = frozenset({"provider", "to", "output", "params", "mode", "priority"})
"""Defaults that every entry says for itself."""
_FILE = re.compile(r"\$\{file:(.+)\}")
_LONGEST = 300
_PERHAPS = (State.IN_DOUBT, State.OVERDUE, State.LOST, State.MISSING)
_MARK = "# Documents of "
"""What every list begins with."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents: in these states, with one of these codes, if any are named.

    ``left_out`` is for open ones that a job carries, which may have been accepted: the
    batch's next run fetches them, and a list of them would pay for them again.
    ``paid`` counts others that may be billed already.
    """

    states: Sequence[State] = (State.FAILED,)
    codes: Collection[str] = field(default_factory=tuple)
    left_out: list[str] = field(default_factory=list)
    paid: Counter[State] = field(default_factory=Counter)

    def rows(self, view: View) -> Iterator[Row]:
        """Them, in the order of the manifest."""
        for state in self.states:
            for row in view.rows(state=state):
                code = row.failure.code if row.failure else ""
                if self.codes and code not in self.codes:
                    continue
                if state is State.OPEN and row.is_sent:
                    self.left_out.append(row.document.id)
                    continue
                self.paid[state] += state in _PERHAPS
                yield row


@dataclass(frozen=True, slots=True)
class Listed:
    """How many documents a list has, and why others cannot be in it, by id."""

    documents: int
    refused: Mapping[str, str] = field(default_factory=dict)


def write_manifest(
    manifest: Manifest,
    rows: Iterable[Row],
    target: Path,
    *,
    overwrite: bool = False,
) -> Listed:
    """Write documents as a manifest: whole and valid, or not at all.

    What no manifest takes is left out: a name with a line break, say, or an account
    that is gone. None are no manifest.

    Args:
        manifest: Where accounts, designs and the like are taken from.
        rows: The documents, as the ledger knows them.
        target: The new file, absolute; paths are relative to its folder.
        overwrite: Whether it may replace an earlier list.

    Raises:
        UsageError: there is such a file already, and none that may be replaced.
        ManifestError: there is a fault that is not of a single document.
        MachineError: it cannot be written.
    """
    _require_free(manifest, target, overwrite=overwrite)
    part = _part(target, 0)
    refused: dict[str, str] = {}
    try:
        places = _written(part, manifest, rows, target.parent)
        saved = part.complete() if places else None
        while saved and (found := _faults(Path(part.path), places, target)):
            refused |= {places[n]: why for n, why in found.items()}
            old, part = part, _part(target, len(refused))
            places = _copied(old, part, places, found)
            saved = part.complete() if places else None
        if saved:
            keep_parts([saved], [str(target)], overwrite=overwrite)
    except OutputExists:
        message = f"{target}: there is a file; replace it with --overwrite"
        raise UsageError(message) from None
    except OSError as error:
        raise machine_error(error, str(target)) from error
    finally:
        part.drop()
    return Listed(len(places), refused)


def _part(target: Path, number: int) -> PartFile:
    name = part_name(f"manifest-{os.getpid()}", number)
    return PartFile(str(target.with_name(name)))


def _require_free(manifest: Manifest, target: Path, *, overwrite: bool) -> None:
    """Let nothing be replaced but an earlier list, least of all what is read here."""
    if not overwrite or not os.path.lexists(target):
        return
    if target.exists() and target.samefile(manifest.settings.path):
        raise UsageError(f"{target} is the manifest itself: say another file with -o")
    with target.open("rb") as file:
        if file.read(len(_MARK)) == _MARK.encode():
            return
    message = f"{target} is no list that `failed` wrote: say another file with -o"
    raise UsageError(message)


def _written(
    part: PartFile, manifest: Manifest, rows: Iterable[Row], base: Path
) -> dict[int, str]:
    """Write a list; the line of each document. None are written without a head."""
    places: dict[int, str] = {}
    line = 0
    for row in rows:
        lines = [] if line else list(head_lines(manifest, base))
        lines += entry_lines(row, base)
        line += len(lines)
        places[line] = row.document.id
        part.write_on("".join(f"{each}\n" for each in lines).encode())
    return places


def _faults(path: Path, places: Mapping[int, str], target: Path) -> dict[int, str]:
    """What is wrong with documents of a list that will have another name, by line.

    Raises:
        ManifestError: something is wrong beside them.
    """
    try:
        with prepared(load_manifest(path), folder_of(target, None)):
            return {}
    except ManifestError as error:
        told = {each.place.line: each.message for each in reversed(error.faults)}
        if found := {line: why for line, why in told.items() if line in places}:
            return found
        there = [replace(each.place, file=str(target)) for each in error.faults]
        pairs = zip(error.faults, there, strict=True)
        raise ManifestError([replace(each, place=at) for each, at in pairs]) from None


def _copied(
    old: PartFile, new: PartFile, places: Mapping[int, str], without: Collection[int]
) -> dict[int, str]:
    """Write a list once more, without some documents; the lines of the others."""
    kept: dict[int, str] = {}
    line, above = 0, list[bytes]()
    with Path(old.path).open("rb") as file:
        for n, text in enumerate(file, 1):
            above.append(text)
            if text.startswith(b"#"):
                continue  # it says why the next document is here
            if n not in without:
                new.write_on(b"".join(above))
                line += len(above)
                kept |= {line: places[n]} if n in places else {}
            above.clear()
    old.drop()
    return kept


# The head...


def head_lines(manifest: Manifest, base: Path) -> Iterator[str]:
    """Everything but the documents, with paths as seen from another folder."""
    settings = manifest.settings
    yield f"{_MARK}{comment(str(settings.path))},"
    yield "# each below what stands against it."
    head = dict(manifest.head)
    if "budget" in head:
        yield "# A budget counts anew: this is a batch of its own."
    head.pop("documents", None)
    head["name"] = f"{settings.name}-again"
    defaults = head.pop("defaults", None) or {}
    if isinstance(defaults, dict) and (left := _without(defaults, _SAID)):
        head["defaults"] = left
    if settings.designs is not None:
        head["designs"] = relpath(settings.designs, base)
    if settings.webhooks.inbox is not None:
        hooks = dict(head["webhooks"])  # type: ignore[call-overload]  # it was checked
        head["webhooks"] = hooks | {"inbox": relpath(settings.webhooks.inbox, base)}
    if any(each.designs for each in settings.accounts.values()):
        head["providers"] = _with_files(head["providers"], settings.folder, base)
    yield f"version: {head.pop('version', 1)}"
    for key, value in head.items():
        yield f"{key}: {value_text(_moved(value, settings.folder, base))}"
    yield "documents:"


def _with_files(providers: Any, folder: Path, base: Path) -> dict[str, Any]:
    """Accounts, with the files of their wordings as seen from another folder."""

    def moved(their: Any) -> Any:
        file = their["params"]
        is_file = isinstance(file, str)
        return {**their, "params": relpath(folder / file, base)} if is_file else their

    return {
        name: {
            key: {ours: moved(x) for ours, x in each.items()}
            if key == "designs"
            else each
            for key, each in said.items()
        }
        for name, said in providers.items()
    }


def _without(values: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: each for key, each in values.items() if key not in keys}


def _moved(value: Any, folder: Path, base: Path) -> Any:
    """References to files with secrets, as seen from another folder."""
    if isinstance(value, dict):
        return {key: _moved(each, folder, base) for key, each in value.items()}
    if isinstance(value, str) and (found := _FILE.fullmatch(value)):
        path = folder / found[1]
        is_fixed = Path(found[1]).is_absolute()
        return value if is_fixed else f"${{file:{relpath(path, base)}}}"
    return value


# Documents...


def entry_lines(row: Row, base: Path) -> Iterator[str]:
    """A document as an entry, and above it why it is here."""
    if row.failure is not None:
        yield f"# {row.state}: {comment(f'{row.failure.code}: {row.failure.message}')}"
    yield f"- {value_text(_entry(row, base))}"


def _entry(row: Row, base: Path) -> dict[str, Any]:
    document = row.document
    paths = [relpath(each.path, base) for each in document.inputs]
    entry: dict[str, Any] = {"id": document.id}
    if document.design is not None:
        entry["design"] = document.said.design
    elif len(paths) == 1:
        entry["input"] = paths[0]
    else:
        entry["inputs"] = paths
    entry["operation"] = str(document.operation)
    entry["provider"] = document.provider
    if document.source:
        entry["source"] = document.source
    entry["to"] = document.target
    entry["output"] = relpath(document.output, base)
    if document.asked is not None:
        entry["mode"] = str(document.asked)
    if document.priority:
        entry["priority"] = document.priority
    if document.said.params:
        entry["params"] = document.said.params
    if row.outputs and all(map(is_ours, row.outputs)):
        entry["overwrite"] = True
    return entry


# Text...


def value_text(value: Any) -> str:
    """A value in YAML's flow style, on one line.

    Raises:
        MachineError: it is nothing that a manifest can hold.
    """
    if isinstance(value, Mapping):
        pairs = (f"{quoted(str(k))}: {value_text(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    raise MachineError(f"{value!r} cannot be written into a manifest")


def quoted(text: str) -> str:
    """A text between double quotes; what does not print is escaped."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else _escaped(each) for each in plain)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def comment(text: str) -> str:
    """A text that stays in its line."""
    line = "".join(each if each.isprintable() else " " for each in text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
