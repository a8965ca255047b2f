"""Documents of a ledger as a manifest of their own: the failed ones, most of all.

Every document is written out by itself, so what came from globs and rows stands for
itself. JSON is YAML: values are written as JSON, and numbers digit by digit.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from os.path import relpath
from pathlib import Path
from typing import Any

from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger.view import Row, View
from orchestrator.manifest import Manifest
from orchestrator.model import Document, State
from orchestrator.transfer.disk import PartFile, keep_parts, machine_error
from orchestrator.transfer.names import part_name
from orchestrator.wire.outcome import OutputExists

_SAID = frozenset({"provider", "to", "output", "params", "mode", "priority"})
"""Defaults that every entry says for itself."""
_FILE = re.compile(r"\$\{file:(.+)\}")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents: in these states, with one of these codes, if any are named."""

    states: Sequence[State] = (State.FAILED,)
    codes: Collection[str] = field(default_factory=tuple)

    def rows(self, view: View) -> Iterator[Row]:
        """Them, in the order of the manifest."""
        for state in self.states:
            for row in view.rows(state=state):
                code = row.failure.code if row.failure else ""
                if not self.codes or code in self.codes:
                    yield row


def write_manifest(
    manifest: Manifest,
    rows: Iterable[Row],
    target: Path,
    *,
    overwrite: bool = False,
) -> int:
    """Write documents as a manifest: whole, or not at all; none are no manifest.

    Args:
        manifest: Where accounts, designs and the like are taken from.
        rows: The documents, as the ledger knows them.
        target: The new file, absolute; paths are relative to its folder.
        overwrite: Whether it may replace a file.

    Returns:
        How many documents it has.

    Raises:
        UsageError: there is such a file already.
        MachineError: it cannot be written.
    """
    part = PartFile(str(target.with_name(part_name("manifest", os.getpid()))))
    count = 0
    try:
        for row in rows:
            if not count:
                _write(part, head_lines(manifest, target.parent))
            _write(part, entry_lines(row, target.parent))
            count += 1
        if count:
            keep_parts([part.complete()], [str(target)], overwrite=overwrite)
    except OutputExists:
        message = f"{target}: there is a file; replace it with --overwrite"
        raise UsageError(message) from None
    except OSError as error:
        raise machine_error(error, str(target)) from error
    finally:
        part.drop()
    return count


def _write(part: PartFile, lines: Iterable[str]) -> None:
    part.write_on("".join(f"{line}\n" for line in lines).encode())


# The head...


def head_lines(manifest: Manifest, base: Path) -> Iterator[str]:
    """Everything but the documents, with paths as seen from another folder."""
    settings = manifest.settings
    yield f"# Documents of {comment(str(settings.path))},"
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
    yield f"- {value_text(_entry(row.document, base))}"


def _entry(document: Document, base: Path) -> dict[str, Any]:
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
