"""Spares the validation of a manifest that is as it was when it was last found valid.

What a validation depends on is noted in the ledger, in the transaction that merges the
manifest into it: the program, the options, every file that was read, with its digest,
the names that patterns matched, the folders of outputs. How the inputs stand is kept
beside the ledger, for there may be a million of them. If all of it is the same, then so
is the outcome, and the ledger has it already. In any doubt the manifest is read again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

import orchestrator
from orchestrator.batch.accounts import GROUP
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.outputs import no_folder
from orchestrator.errors import Place
from orchestrator.manifest import Manifest
from orchestrator.manifest.seen import (
    Seen,
    SeenFile,
    are_inputs_unchanged,
    names_digest,
)
from orchestrator.manifest.sources import matches
from orchestrator.model import Operation
from orchestrator.settings import BatchSettings
from orchestrator.wire.flow import Wish

MOST_FOLDERS = 20_000
"""Folders of outputs that are noted; with more, nothing is."""


@dataclass(frozen=True, slots=True)
class Valid:
    """What a manifest was when it was found valid.

    Attributes:
        token: Tells the notes of this merge from those of another one.
        manifest: Its path, absolute.
        named: Its path in places, as somebody gave it.
        circumstances: Digest of the program, its user and the options.
        files: Everything that was read.
        globs: Digest of the names that each pattern matched.
        designs: Digest of the batch's own designs.
        folders: Where outputs go.
        wishes: Kinds of work, each with the place of its first document.
        used: Which accounts are asked for what.
        doubts: Words about values that are sent in another way than was asked for.
    """

    token: str
    manifest: str
    named: str
    circumstances: str
    files: Sequence[SeenFile]
    globs: Mapping[str, str]
    designs: str
    folders: Sequence[str]
    wishes: Sequence[tuple[Wish, Place]]
    used: Sequence[tuple[str, Operation]]
    doubts: Sequence[str]

    def places(self, manifest: Manifest) -> dict[Wish, Place]:
        """Kinds of work and their places, by the name that the manifest has now."""
        name = manifest.place().file
        return {
            wish: replace(place, file=name) if place.file == self.named else place
            for wish, place in self.wishes
        }


_decoder = msgspec.json.Decoder(Valid)


@dataclass(slots=True)
class Notes:
    """What is gathered while a manifest is validated."""

    manifest: Manifest
    seen: Seen
    circumstances: str
    folders: set[str]
    _others: tuple[Sequence[SeenFile] | None, str]

    @classmethod
    def begun(cls, manifest: Manifest, *, overwrite: bool) -> Notes:
        """Before the first document is read."""
        manifest.seen = seen = Seen()
        others = (_wordings(manifest.settings), _designs(manifest.settings))
        return cls(manifest, seen, _circumstances(overwrite=overwrite), set(), others)

    def place(self, folder: str, why: str | None) -> None:
        """Note a folder of outputs, and why it cannot be one."""
        self.folders.add(folder)
        if why is not None or len(self.folders) > MOST_FOLDERS:
            self.seen.spoil()

    def written(
        self, folder: BatchFolder, wishes: Mapping[Wish, Place], doubts: Sequence[str]
    ) -> str | None:
        """The note for the ledger, or ``None``; the inputs are beside it by then."""
        wordings, designs = self._others
        is_same = designs == _designs(self.manifest.settings)
        if wordings is None or not (self.seen.is_repeatable and is_same):
            return None
        valid = Valid(
            secrets.token_hex(16),
            str(self.manifest.settings.path),
            self.manifest.place().file,
            self.circumstances,
            [*self.seen.files.values(), *wordings],
            self.seen.globs,
            designs,
            sorted(self.folders),
            list(wishes.items()),
            list(self.manifest.used),
            doubts,
        )
        try:
            self.seen.write_inputs(folder.inputs, valid.token)
        except OSError:
            return None
        return msgspec.json.encode(valid).decode()

    def close(self) -> None:
        """Let go what was gathered."""
        self.manifest.seen = None
        self.seen.close()


def still_valid(
    note: str | None, manifest: Manifest, folder: BatchFolder, *, overwrite: bool
) -> Valid | None:
    """What was noted, if nothing has changed since."""
    try:
        valid = _decoder.decode(note or "")
    except (msgspec.DecodeError, ValueError):
        return None
    settings = manifest.settings
    is_same = (
        valid.manifest == str(settings.path)
        and valid.circumstances == _circumstances(overwrite=overwrite)
        and all(each.is_unchanged() for each in valid.files)
        and manifest.is_as_loaded()
        and valid.designs == _designs(settings)
        and all(no_folder(each) is None for each in valid.folders)
        and all(
            names_digest(matches(str(settings.folder), pattern)) == names
            for pattern, names in valid.globs.items()
        )
        and are_inputs_unchanged(folder.inputs, valid.token)
    )
    return valid if is_same else None


def _wordings(settings: BatchSettings) -> list[SeenFile] | None:
    """Files that say what an account's own designs want, if they can be read."""
    names = {
        each.file
        for account in settings.accounts.values()
        for each in account.designs.values()
        if each.file
    }
    try:
        return [SeenFile.of(settings.folder / name) for name in sorted(names)]
    except OSError:
        return None


def _designs(settings: BatchSettings) -> str:
    """A digest of every file in the folder of the batch's own designs."""
    digest = sha256()
    try:
        for path in _files(settings.designs) if settings.designs else ():
            text = path.read_bytes()
            digest.update(f"{path}\0{len(text)}\0".encode(errors="replace") + text)
    except OSError:
        return secrets.token_hex()  # like nothing before
    return digest.hexdigest()


def _circumstances(*, overwrite: bool) -> str:
    others = [(each.name, each.value) for each in entry_points(group=GROUP)]
    said = (_program(), os.geteuid(), overwrite, sorted(others))
    return sha256(msgspec.json.encode(said)).hexdigest()


@cache
def _program() -> str:
    """A digest of how the program's files stand: other code may judge otherwise."""
    root = Path(orchestrator.__file__).parent
    digest = sha256()
    try:
        for path in _files(root):
            found = path.stat()
            digest.update(f"{path}\0{found.st_size} {found.st_mtime_ns}\0".encode())
    except OSError:
        return secrets.token_hex()
    return digest.hexdigest()


def _files(root: Path) -> list[Path]:
    return sorted(
        Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        if not folder.endswith("__pycache__")
        for name in names
    )
