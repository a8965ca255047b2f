"""Where the files of created jobs come in, whole or in parts; the same again is none.

Two requests may bring the same file at once, and one may come again that was cut: what
is there already is compared, and never written over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from weakref import WeakValueDictionary

from anyio import to_thread

from orchestrator.service.jobs import Input, Job, JobState
from orchestrator.service.problems import Problem
from orchestrator.service.storage import Incoming, Storage, fingerprint
from orchestrator.service.store import Store


class Intake:
    """Takes uploads for jobs; ``most`` is how many bytes a file may have."""

    def __init__(
        self, *, store: Store, storage: Storage, find: Callable[[str], Job], most: int
    ) -> None:
        self._store = store
        self._storage = storage
        self._find = find
        self._most = most
        self._locks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def receive(
        self, job_id: str, n: int, length: int, chunks: AsyncIterator[bytes]
    ) -> None:
        """Take one upload; the same bytes again change nothing.

        Raises:
            Problem: the job does not wait for it, or it is not what was declared.
        """
        job = self._expect(job_id, n, length)
        incoming = await self._storage.incoming(job.folder, n, job.order.source)
        try:
            sha256 = await _fill(incoming, length, chunks)
            async with self._lock(job_id, n):
                job = self._expect(job_id, n, length)
                if job.inputs[n].is_received:
                    return _check_same(job.inputs[n], sha256)
                await incoming.keep()
                size = incoming.size
                await self._store.receive(job_id, n, size=size, sha256=sha256)
        finally:
            await incoming.discard()

    async def receive_part(
        self, job_id: str, n: int, part: int, length: int, chunks: AsyncIterator[bytes]
    ) -> None:
        """Take one part of an upload; the same bytes again change nothing.

        Raises:
            Problem: the job does not wait for it, or it is not what was declared.
        """
        job = self._expect_part(job_id, n, part, length)
        incoming = await self._storage.incoming(job.folder, n, "", part)
        try:
            sha256 = await _fill(incoming, length, chunks)
            async with self._lock(job_id, n):
                job = self._expect_part(job_id, n, part, length)
                path = self._storage.part(job.folder, n, part)
                if not await to_thread.run_sync(path.exists):
                    return await incoming.keep()
                if (await to_thread.run_sync(fingerprint, path))[1] != sha256:
                    raise Problem("wrong_state", "the part is here, with other bytes")
        finally:
            await incoming.discard()

    def _lock(self, job_id: str, n: int) -> asyncio.Lock:
        return self._locks.setdefault((job_id, n), asyncio.Lock())

    def _expect(self, job_id: str, n: int, length: int) -> Job:
        job = self._find(job_id)
        if n >= len(job.inputs):
            raise Problem("not_found", f"the job has no file {n}")
        declared = job.inputs[n].declared
        if declared is not None and declared != length:
            raise Problem("bad_request", f"file {n} was declared with {declared} bytes")
        if length > self._most:
            raise Problem("too_large", f"a file may have {self._most} bytes")
        if job.state is not JobState.CREATED and not job.inputs[n].is_received:
            raise Problem("wrong_state", f"the job is {job.state}, not created")
        return job

    def _expect_part(self, job_id: str, n: int, part: int, length: int) -> Job:
        job = self._find(job_id)
        parts = job.parts(n) if n < len(job.inputs) else ()
        if part > len(parts):
            raise Problem("not_found", f"file {n} of the job has no part {part}")
        if job.state is not JobState.CREATED:
            raise Problem("wrong_state", f"the job is {job.state}, not created")
        if parts[part - 1].size != length:
            size = parts[part - 1].size
            raise Problem("bad_request", f"part {part} of file {n} has {size} bytes")
        return job


async def _fill(incoming: Incoming, length: int, chunks: AsyncIterator[bytes]) -> str:
    """Take the bytes of one request; gives their SHA-256."""
    async for chunk in chunks:
        await incoming.feed(chunk)
    if incoming.size != length:
        raise Problem("bad_request", "the body is not as long as it said")
    return await incoming.finish()


def _check_same(known: Input, sha256: str) -> None:
    if known.sha256 != sha256:
        raise Problem("wrong_state", "the file is here already, with other bytes")
