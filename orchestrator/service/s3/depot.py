"""A bucket as the depot: callers put and get at the store, and we look after it.

Keys are ``PREFIX INSTANCE/JOB/in-0`` and ``…/result-0``: what lies below our own
instance's name is ours to remove, so that services can share a bucket.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar
from weakref import WeakValueDictionary

from orchestrator.clock import Clock
from orchestrator.errors import MachineError
from orchestrator.service.attachment import disposition, kind
from orchestrator.service.depot import Link
from orchestrator.service.jobs import Input, Job, JobState, Result
from orchestrator.service.parts import Part
from orchestrator.service.problems import Problem
from orchestrator.service.render.work import RenderError
from orchestrator.service.s3.bucket import Bucket
from orchestrator.service.s3.objects import Changed, Found, Objects
from orchestrator.service.s3.signer import Signer
from orchestrator.service.storage import Storage, remove

log = logging.getLogger(__name__)
T = TypeVar("T")
AT_ONCE = 8
WAITS = (0.5, 1.0, 2.0, 4.0)
"""Before a job is failed because the store is away."""


class S3Depot:
    """Files of pre-signed jobs in an S3-compatible store."""

    def __init__(
        self,
        bucket: Bucket,
        instance: str,
        *,
        storage: Storage,
        clock: Clock,
        life: float,
    ) -> None:
        self._root = f"{bucket.prefix}{instance}/"
        self._signer = Signer(bucket)
        self._objects = Objects(self._signer)
        self._storage = storage
        self._clock = clock
        self._life = life
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> None:
        """Look whether the store lets us in.

        Raises:
            MachineError: it does not.
        """
        self._objects.open()
        try:
            async for _ in self._objects.names(self._root):
                break
        except Problem as problem:
            raise MachineError(f"--storage: {problem.message}") from None

    async def close(self) -> None:
        """Let go of connections."""
        await self._objects.close()

    def upload(self, job: Job, n: int, part: Part | None, *, origin: str) -> Link:
        """A link to the store; it takes no other size than the declared one."""
        del origin
        size, query = job.inputs[n].declared, {}
        if part is not None:
            size = part.size
            query = {"partNumber": str(part.n), "uploadId": job.inputs[n].upload}
        bound = {} if size is None else {"Content-Length": str(size)}
        key = self._key(job.folder, f"in-{n}")
        url = self._signer.sign("PUT", key, life=self._life, headers=bound, query=query)
        return Link(url, float(int(self._clock.now() + self._life)))

    async def look(self, job: Job) -> Job:
        """Ask the store for every input that did not come another way."""
        if job.state is not JobState.CREATED:
            return job
        found = await asyncio.gather(
            *(self._look(job, n, each) for n, each in enumerate(job.inputs))
        )
        return replace(job, inputs=tuple(found))

    async def join(self, job: Job) -> None:
        """Let the store make objects of their parts, where it has all of them."""
        for n in range(len(job.inputs)):
            if parts := job.parts(n):
                key = self._key(job.folder, f"in-{n}")
                for upload in await self._objects.begun(key):
                    found = await self._objects.parts(key, upload)
                    if all(_has(found, each) for each in parts):
                        await self._objects.complete(key, upload, found)
                        break

    async def fetch(self, job: Job) -> None:
        """Stream every input to the folder of the job.

        Raises:
            RenderError: one is no longer what the job was started with.
        """
        for n, each in enumerate(job.inputs):
            path = self._storage.input(job.folder, n, job.order.source)
            if each.tag is not None and not path.exists():
                await self._patiently(lambda n=n: self._fetch(job, n))  # type: ignore[misc]  # a default binds n

    async def keep(self, job: Job, results: Sequence[Result]) -> tuple[Result, ...]:
        """Put the results of a pre-signed job to the store; ours go."""
        if not job.uses_depot:
            return tuple(results)
        for n, each in enumerate(results):
            await self._patiently(lambda n=n, each=each: self._keep(job, n, each))  # type: ignore[misc]
        return tuple(replace(each, stored=True) for each in results)

    def result(self, job: Job, n: int) -> str | None:
        """A link to the store, which answers with the result's own name and type."""
        found = job.results[n]
        if not found.stored:
            return None
        query = {
            "response-content-disposition": disposition(found.name),
            "response-content-type": kind(found.name),
        }
        key = self._key(job.folder, f"result-{n}")
        return self._signer.sign("GET", key, life=self._life, query=query)

    async def tidy(self, job: Job) -> None:
        """Remove the inputs of a job that has ended; what stays is swept later."""
        try:
            for n, each in enumerate(job.inputs):
                if each.tag is not None:
                    await self._objects.delete(self._key(job.folder, f"in-{n}"))
        except Problem as problem:
            log.warning("inputs of job %s stay for now: %s", job.id, problem.message)

    async def remove(self, token: str) -> None:
        """Remove whatever lies below the name of a job."""
        async for names in self._objects.names(self._key(token, "")):
            await self._delete(names)
        for key, upload in await self._objects.uploads(self._key(token, "")):
            await self._objects.abort(key, upload)

    async def clear(self, is_owned: Callable[[str], bool]) -> None:
        """Remove what was put through a link whose job is over."""
        async for names in self._objects.names(self._root):
            await self._delete(
                [each for each in names if not is_owned(self._job(each))]
            )
        for key, upload in await self._objects.uploads(self._root):
            if not is_owned(self._job(key)):
                await self._objects.abort(key, upload)

    async def _look(self, job: Job, n: int, known: Input) -> Input:
        if known.sha256 is not None:
            return known
        key = self._key(job.folder, f"in-{n}")
        async with self._gate:
            found = await self._objects.head(key)
            if found is not None:
                return replace(known, size=found.size, tag=found.tag)
            known = replace(known, size=None, tag=None)
            parts = job.parts(n)
            return await self._look_at_parts(key, parts, known) if parts else known

    async def _look_at_parts(
        self, key: str, parts: Sequence[Part], known: Input
    ) -> Input:
        """What the store has of an upload, which is begun if there is none."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            begun = await self._objects.begun(key)
            if not begun:
                return replace(known, upload=await self._objects.begin(key))
        found = await self._objects.parts(key, begun[0])
        here = frozenset(each.n for each in parts if _has(found, each))
        return replace(known, upload=begun[0], parts=here)

    async def _fetch(self, job: Job, n: int) -> None:
        given = job.inputs[n]
        key = self._key(job.folder, f"in-{n}")
        found = Found(given.size or 0, given.tag or "")
        incoming = await self._storage.incoming(job.folder, n, job.order.source)
        try:
            async with aclosing(self._objects.get(key, found)) as pieces:
                async for piece in pieces:
                    await incoming.feed(piece)
            sha256 = await incoming.finish()
            said = await self._objects.checksum(key)
            if said not in (None, b64encode(bytes.fromhex(sha256)).decode()):
                raise Problem("storage_down", f"file {n} came with other bytes")
            await incoming.keep()
        except Changed:
            why = f"file {n} was replaced or removed at the store after execute"
            raise RenderError("damaged_file", why) from None
        finally:
            await incoming.discard()

    async def _keep(self, job: Job, n: int, result: Result) -> None:
        path = self._storage.result(job.folder, n)
        key = self._key(job.folder, f"result-{n}")
        await self._objects.put(key, path, size=result.size, sha256=result.sha256)
        await asyncio.to_thread(remove, path)

    async def _delete(self, names: Sequence[str]) -> None:
        for name in names:
            await self._objects.delete(name)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it, and again while the store is away: it was accepted and billed."""
        for wait in WAITS:
            try:
                return await work()
            except Problem as problem:
                log.warning("%s; again in %.1f s", problem.message, wait)
                await self._clock.sleep(wait)
        return await work()

    def _key(self, token: str, name: str) -> str:
        return f"{self._root}{token}/{name}"

    def _job(self, key: str) -> str:
        return key.removeprefix(self._root).partition("/")[0]


def _has(found: Mapping[int, Found], part: Part) -> bool:
    return part.n in found and found[part.n].size == part.size
