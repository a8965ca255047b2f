"""Where results become files: a part file beside its final name, checked, then named.

A part file is complete, checked and on disk before it gets its final name; a folder
under a final name is on disk before the caller hears of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from orchestrator.model import Document, Failure, Job, Output, Remedy, Saved
from orchestrator.transfer import threads
from orchestrator.transfer.check import (
    MOST,
    bad,
    check,
    check_hash,
    check_length,
    may_be_empty,
)
from orchestrator.transfer.disk import (
    PartFile,
    keep_new,
    keep_parts,
    left_part,
    machine_error,
)
from orchestrator.transfer.forms.window import Held, Window
from orchestrator.transfer.names import final_paths, job_of, part_name
from orchestrator.wire.outcome import OutputExists, Unanswered
from orchestrator.wire.ranges import Begun

T = TypeVar("T")

SMALL = 1 << 20
"""Up to so many bytes, everything is done in one call of a thread."""


class FileOutputs:
    """Outputs as files on this machine.

    ``overwrite`` says whether a document's outputs may replace files that are there:
    for documents whose outputs the ledger knows, or where the user asked for it.
    """

    def __init__(self, *, overwrite: bool | Callable[[Document], bool] = False) -> None:
        self._overwrite = overwrite
        self._parts: dict[str, set[str]] = {}
        self._looked: set[str] = set()
        self._named: dict[str, list[Output]] = {}
        self._begun: dict[str, tuple[PartFile, str | None]] = {}

    async def receive(
        self,
        job: Job,
        index: int,
        chunks: AsyncIterator[bytes],
        *,
        size: int | None,
        sha256: str | None,
        target: str,
        document: int = 0,
        alone: bool = False,
        start: int = 0,
        tag: str | None = None,
    ) -> Saved | Failure:
        """Write a part file, hash it, check it as a document, fsync it.

        The part file is gone again whenever this does not end well; but one whose
        chunks were cut stays where ``tag`` or ``sha256`` can tell that the rest fits.
        One that is ``alone`` gets its final name in the same call of a thread, unless a
        stranger's file has it: then ``keep`` says so.

        Raises:
            Unanswered: the chunks ended early or stalled.
            MachineError: the disk is full, the folder read-only, ....
        """
        path = _part_path(job, index, document)
        part = await self._open(path, start)
        if part is None:
            return bad("part_gone", f"{path}: what was begun is no longer there")
        wanted = _Wanted(size, sha256, target)
        if alone:
            wanted.name = self._naming(job.documents[document])
        stays = False
        try:
            outcome = await _receive(part, chunks, wanted)
            stays = isinstance(outcome, Saved)
        except (Unanswered, asyncio.CancelledError):
            if part.is_open and (tag or sha256):
                part.close()
                self._begun[path] = (part, tag)
                stays = True
            raise
        finally:
            if stays:
                self._parts.setdefault(job.id, set()).add(path)
            else:
                await threads.run(part.drop)
        return outcome

    async def begun(
        self,
        job: Job,
        index: int,
        *,
        size: int | None,
        sha256: str | None,
        document: int = 0,
    ) -> Begun | None:
        """What is here of a result that was cut, and can be gone on with.

        Of this run its hash is at hand. Of a former run it is hashed again, from disk
        and before anything is asked for; and only where the service declares a hash:
        the machine may have gone down meanwhile, and left less on disk than it says.
        """
        path = _part_path(job, index, document)
        if size is not None and size <= SMALL:
            return None
        if path not in self._begun and sha256 and _is_there(path):
            left = await _on_disk(path, left_part, path, size)
            self._begun[path] = (left, None)
        part, tag = self._begun.get(path, (PartFile(path), None))
        is_less = size is None or part.size < size
        return Begun(part.size, tag) if part.size and is_less else None

    async def _open(self, path: str, start: int) -> PartFile | None:
        """The part file to write to, from ``start`` on."""
        part, _ = self._begun.pop(path, (PartFile(path), None))
        if not start:
            return PartFile(path)
        if part.size == start and await _on_disk(path, part.go_on):
            return part
        await threads.run(part.drop)
        return None

    def blocked(self, document: Document) -> str | None:
        """The path of a file in the way of a document's outputs, if it may not go.

        Of several outputs the first is looked for: how many come nobody knows yet.
        """
        if self._may_overwrite(document):
            return None
        (first,) = final_paths(document.output, 1)
        return first if os.path.lexists(first) else None

    def _naming(self, document: Document) -> Callable[[Saved], None]:
        (final,) = final_paths(document.output, 1)
        overwrite = self._may_overwrite(document)

        def name(saved: Saved) -> None:
            with suppress(OutputExists):
                self._named[saved.part] = keep_new(saved, final, overwrite=overwrite)

        return name

    async def keep(
        self, document: Document, parts: Sequence[Saved]
    ) -> Sequence[Output]:
        """Give part files their final names and make that durable.

        Finishes what an earlier call for the same parts began.

        Raises:
            OutputExists: a file that we did not make has the name.
            PartMissing: a part file is gone; it has to be fetched again.
            MachineError: the disk is full, the folder read-only, ....
        """
        if len(parts) == 1 and (named := self._named.pop(parts[0].part, None)):
            self._forget(parts)
            return named
        finals = final_paths(document.output, len(parts))
        overwrite = self._may_overwrite(document)
        kept = await _on_disk(
            document.output, keep_parts, parts, finals, overwrite=overwrite
        )
        self._forget(parts)
        return kept

    async def discard(self, job: Job) -> None:
        """Remove part files of a job, also those that a former run left."""
        folders = {os.path.dirname(each.output) for each in job.documents}  # noqa: PTH120
        unseen = folders - self._looked
        leftovers = await _on_disk(job.document.output, _leftovers, unseen)
        self._looked |= unseen
        for path in leftovers:
            name = os.path.basename(path)  # noqa: PTH119
            self._parts.setdefault(job_of(name) or "", set()).add(path)
        mine = self._parts.pop(job.id, set())
        for path in mine:
            self._begun.pop(path, None)
        await _on_disk(job.document.output, _remove, mine)

    def _may_overwrite(self, document: Document) -> bool:
        if isinstance(self._overwrite, bool):
            return self._overwrite
        return self._overwrite(document)

    def _forget(self, parts: Sequence[Saved]) -> None:
        for part in parts:
            job = job_of(os.path.basename(part.part)) or ""  # noqa: PTH119
            known = self._parts.get(job, set())
            known.discard(part.part)
            if not known:
                self._parts.pop(job, None)


class _Wanted:
    """What a file should be."""

    def __init__(self, size: int | None, sha256: str | None, target: str) -> None:
        self._size = size
        self._sha256 = sha256
        self._target = target
        self.name: Callable[[Saved], None] | None = None
        """Gives a saved file its final name, where that may be done at once."""

    def complete(self, part: PartFile) -> Saved:
        """Make a file that was found good durable."""
        saved = part.complete()
        if self.name is not None:
            self.name(saved)
        return saved

    def judge(self, part: PartFile, window: Window) -> Failure | None:
        """Say what is wrong with what was taken, or ``None``.

        Bytes with the declared hash are what the service made: to fetch them again
        would change nothing, so what is wrong with them is final.
        """
        failure = check_length(part.size, self._size)
        if failure or (self._size == 0 and may_be_empty(self._target)):
            return failure
        failure = check(self._target, window)
        other = check_hash(part.sha256, self._sha256)
        if failure and self._sha256 and not other:
            why = "these are the bytes that the service declares, and they were billed"
            told = f"{failure.message}; {why}"
            return replace(failure, message=told, remedy=Remedy.FAIL)
        return failure or other


async def _receive(
    part: PartFile, chunks: AsyncIterator[bytes], wanted: _Wanted
) -> Saved | Failure:
    gathered: list[bytes] = []
    size, total = 0, part.size
    writing = _Writing(part)
    try:
        async for chunk in chunks:
            gathered.append(chunk)
            size += len(chunk)
            if size > SMALL:
                total += size
                if total > MOST:
                    return bad("too_large", f"more than {MOST:,} bytes came")
                await writing.put(gathered)
                gathered, size = [], 0
    except Unanswered:
        if total:  # what came is not to come again
            await writing.put(gathered)
        raise
    finally:
        await writing.settle()
    rest = b"".join(gathered)
    finish = _end if part.is_open else _save_small
    return await _on_disk(part.path, finish, part, rest, wanted)


class _Writing:
    """Hashes and writes pieces in a thread, while the next ones come."""

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._pending: asyncio.Future[None] | None = None

    async def put(self, pieces: list[bytes]) -> None:
        """Begin to write some, once the last ones are written."""
        await self.settle()
        self._pending = threads.start(self._part.write_all, pieces)

    async def settle(self) -> None:
        """Wait until all is written."""
        pending, self._pending = self._pending, None
        if pending is not None:
            with _named(self._part.path):
                await threads.finish(pending)


def _is_there(path: str) -> bool:
    return os.path.lexists(path)


def _part_path(job: Job, index: int, document: int) -> str:
    folder = os.path.dirname(job.documents[document].output)  # noqa: PTH120
    return os.path.join(folder, part_name(job.id, index))  # noqa: PTH118


async def _on_disk(
    path: str, work: Callable[..., T], *args: object, **kwargs: object
) -> T:
    """Work on files in a thread; what the system refuses is said with its path."""
    with _named(path):
        return await threads.run(work, *args, **kwargs)


@contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = error.filename2 or error.filename or path
        raise machine_error(error, str(named)) from error


def _end(part: PartFile, rest: bytes, wanted: _Wanted) -> Saved | Failure:
    part.write_on(rest)
    return wanted.judge(part, part.window()) or wanted.complete(part)


def _save_small(part: PartFile, body: bytes, wanted: _Wanted) -> Saved | Failure:
    part.take(body)
    if failure := wanted.judge(part, Held(body)):
        return failure
    part.open()
    part.write(body)
    return wanted.complete(part)


def _leftovers(folders: set[str]) -> list[str]:
    """Part files in folders: looked for once a run, for a folder may be long."""
    found: list[str] = []
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                found += [each.path for each in entries if job_of(each.name)]
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def _remove(paths: set[str]) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)
