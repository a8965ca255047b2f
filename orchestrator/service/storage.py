"""Files of jobs on disk: received whole or not at all, and found again by number.

A request's files are received below ``receiving/TOKEN`` and belong to nobody until the
job that names the token is on disk; what a start finds there without a job was never
accepted. The folder moves to ``jobs/`` when the job is first worked on, not before: a
power cut between the two leaves one or the other, and both are looked at.

All functions that touch the disk run in threads, with pieces of a mebibyte, so that
neither the event loop nor memory feels the size of a file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path

from anyio import to_thread

from orchestrator.service.jobs import Input, Result
from orchestrator.service.parts import Part
from orchestrator.service.problems import Problem
from orchestrator.service.render.work import Made

PIECE = 1024 * 1024


class Incoming:
    """A file on its way to disk, hashed while it is written."""

    def __init__(self, path: Path, *, limit: int) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        self._limit = limit
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self.size = 0

    async def feed(self, chunk: bytes) -> None:
        """Take more bytes.

        Raises:
            Problem: the file is over the limit.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise Problem("too_large", f"a file may have {self._limit} bytes")
        self._buffer += chunk
        if len(self._buffer) >= PIECE:
            await to_thread.run_sync(self._write)

    async def finish(self) -> str:
        """Make the part durable; return its SHA-256."""
        await to_thread.run_sync(self._end)
        return self._hash.hexdigest()

    async def keep(self) -> None:
        """Give the part its final name, durably."""
        await to_thread.run_sync(self._rename)

    async def save(self) -> str:
        """Finish and rename in one go; the folder is made durable by its tray."""
        await to_thread.run_sync(self._save)
        return self._hash.hexdigest()

    async def discard(self) -> None:
        """Remove the part."""
        await to_thread.run_sync(lambda: self._part.unlink(missing_ok=True))

    def _write(self) -> None:
        with self._part.open("ab") as file:
            self._append(file)

    def _end(self) -> None:
        with self._part.open("ab") as file:
            self._append(file)
            file.flush()
            os.fsync(file.fileno())

    def _append(self, file: BufferedWriter) -> None:
        file.write(self._buffer)
        self._hash.update(self._buffer)
        self._buffer = bytearray()

    def _rename(self) -> None:
        self._part.rename(self._path)
        sync_folder(self._path.parent)

    def _save(self) -> None:
        self._end()
        self._part.rename(self._path)


class Tray:
    """Where the files of one request are received."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        self.token = folder.name
        self._folder = folder
        self._limit = limit
        self.inputs: list[Input] = []

    async def receive(
        self, name: str, source: str, chunks: AsyncIterator[bytes]
    ) -> None:
        """Take one more file, whole."""
        if not self.inputs:  # so small a thing that a thread would cost more
            self._folder.mkdir(exist_ok=True)
        path = self._folder / input_name(len(self.inputs), source)
        incoming = Incoming(path, limit=self._limit)
        async for chunk in chunks:
            await incoming.feed(chunk)
        sha256 = await incoming.save()
        self.inputs.append(Input(name, size=incoming.size, sha256=sha256))

    def path(self, n: int, source: str) -> Path:
        """Where a file of this tray is, until a job has it."""
        return self._folder / input_name(n, source)

    async def retype(self, n: int, source: str) -> None:
        """Name a file that was received before its format was known."""
        await to_thread.run_sync(self._retype, n, source)

    async def adopt(self, known: Input, source: str, path: Path) -> None:
        """Take one more file that is here already; it stays where it is, too."""
        self._folder.mkdir(exist_ok=True)
        mine = self._folder / input_name(len(self.inputs), source)
        await to_thread.run_sync(os.link, path, mine)
        self.inputs.append(known)

    async def link(self, given: Input, path: Path) -> None:
        """Take a file that is on disk already, under its name; it never changes.

        Raises:
            FileNotFoundError: it is not there.
        """
        to = self._folder / input_name(len(self.inputs), "")
        await to_thread.run_sync(self._link, path, to)
        self.inputs.append(given)

    async def arrange(self, order: Sequence[int], source: str) -> None:
        """Put files that came without a format in this order, and give them one."""
        await to_thread.run_sync(self._arrange, order, source)
        self.inputs = [self.inputs[n] for n in order]

    async def seal(self) -> None:
        """Make all names durable."""
        if self.inputs:
            await to_thread.run_sync(self._seal)

    async def discard(self) -> None:
        """Remove everything."""
        await to_thread.run_sync(remove, self._folder)

    def _retype(self, n: int, source: str) -> None:
        self.path(n, "").rename(self.path(n, source))

    def _link(self, path: Path, to: Path) -> None:
        self._folder.mkdir(exist_ok=True)
        to.hardlink_to(path)

    def _arrange(self, order: Sequence[int], source: str) -> None:
        for place, n in enumerate(order):
            path = self._folder / input_name(n, "")
            path.rename(self._folder / input_name(place, source))

    def _seal(self) -> None:
        sync_folder(self._folder)
        sync_folder(self._folder.parent)


class Storage:
    """The files below the data folder."""

    def __init__(self, data: Path, *, max_body: int) -> None:
        self._receiving = data / "receiving"
        self._jobs = data / "jobs"
        self._max_body = max_body
        for folder in (self._receiving, self._jobs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def tray(self) -> Tray:
        """A place for the files of one request; nothing is on disk yet."""
        token = secrets.token_hex(16)
        return Tray(self._receiving / token, limit=self._max_body)

    def folder(self, token: str) -> Path:
        """The folder of a job."""
        return self._jobs / token[:2] / token

    def input(self, token: str, n: int, source: str) -> Path:
        """An input of a job that is being worked on."""
        return self.folder(token) / input_name(n, source)

    def held(self, token: str, n: int, source: str) -> Path:
        """An input of a job that was not worked on yet, wherever it is."""
        path = self.input(token, n, source)
        return path if path.exists() else self._receiving / token / path.name

    def result(self, token: str, n: int) -> Path:
        """A result of a job that is done."""
        return self.folder(token) / f"result-{n}"

    async def incoming(
        self, token: str, n: int, source: str, part: int = 0
    ) -> Incoming:
        """A place for one upload, or a part of one, to a job that waits for it."""
        path = self.part(token, n, part) if part else self.input(token, n, source)
        await to_thread.run_sync(_make_folder, path.parent)
        return Incoming(path, limit=self._max_body)

    def part(self, token: str, n: int, part: int) -> Path:
        """A part of an input, until they are joined."""
        return self.folder(token) / f"part-{n}-{part}"

    def here(self, token: str, n: int, parts: Sequence[Part]) -> frozenset[int]:
        """The numbers of the parts of an input that are here, whole."""
        return frozenset(
            each.n for each in parts if _size(self.part(token, n, each.n)) == each.size
        )

    async def join(self, token: str, n: int, source: str, count: int) -> None:
        """Make an input of its parts, durably; again after it was cut short."""
        parts = [self.part(token, n, each) for each in range(1, count + 1)]
        await to_thread.run_sync(_join, parts, self.input(token, n, source))

    async def prepare(self, token: str) -> Path:
        """Move a job's files to their place; return an empty folder for its output."""
        return await to_thread.run_sync(self._prepare, token)

    async def settle(self, token: str, made: Sequence[Made]) -> tuple[Result, ...]:
        """Make results durable under their numbers, with sizes and hashes."""
        return await to_thread.run_sync(self._settle, token, made)

    async def tidy(self, token: str) -> None:
        """Remove all but the results of a job that has ended."""
        await to_thread.run_sync(self._tidy, token)

    async def remove(self, *tokens: str) -> None:
        """Remove all files of jobs, wherever they are."""
        if tokens:
            await to_thread.run_sync(self._remove, tokens)

    async def clear(self, is_owned: Callable[[str], bool]) -> None:
        """Remove what was being received for nobody when the service died."""
        tokens = await to_thread.run_sync(os.listdir, self._receiving)
        for token in tokens:
            if not is_owned(token):
                await to_thread.run_sync(remove, self._receiving / token)

    def _remove(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            remove(self.folder(token))
            remove(self._receiving / token)

    def _prepare(self, token: str) -> Path:
        folder = self.folder(token)
        if not folder.exists():
            _make_folder(folder.parent)
            try:
                (self._receiving / token).rename(folder)
            except FileNotFoundError:
                folder.mkdir()
        output = folder / "output"
        remove(output)
        output.mkdir()
        return output

    def _settle(self, token: str, made: Sequence[Made]) -> tuple[Result, ...]:
        output = (self.folder(token) / "output").resolve()
        results = []
        for n, each in enumerate(made):
            if each.path.is_symlink() or output not in each.path.resolve().parents:
                raise ValueError(f"a renderer left its folder: {each.path}")
            size, sha256 = fingerprint(each.path)
            each.path.rename(self.result(token, n))
            results.append(Result(clean_name(each.name), size, sha256))
        remove(output)
        sync_folder(self.folder(token))
        sync_folder(self.folder(token).parent)
        return tuple(results)

    def _tidy(self, token: str) -> None:
        with suppress(FileNotFoundError):
            for path in self.folder(token).iterdir():
                if not path.name.startswith("result-"):
                    remove(path)


def input_name(n: int, source: str) -> str:
    """The name of an input on disk; never the caller's own."""
    return f"{n}.{source}" if source else f"{n}"


def clean_name(name: str) -> str:
    """A file name without folders and control characters, at most 200 bytes."""
    bare = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(each for each in bare if each.isprintable()).strip(". ")
    stem, dot, suffix = kept.rpartition(".")
    room = 200 - len((dot + suffix).encode())
    if dot and room > 0:
        kept = stem.encode()[:room].decode(errors="ignore") + dot + suffix
    return kept.encode()[:200].decode(errors="ignore") or "file"


def remove(path: Path) -> None:
    """Remove a file or a whole folder; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _join(parts: Sequence[Path], whole: Path) -> None:
    if not whole.exists():
        made = whole.with_name(f"{whole.name}.joined")
        with made.open("wb") as file:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, file, PIECE)
            file.flush()
            os.fsync(file.fileno())
        made.rename(whole)
        sync_folder(whole.parent)
    for part in parts:
        part.unlink(missing_ok=True)


def fingerprint(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file, which is durable afterwards."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return file.tell(), sha256
