"""Where the files of pre-signed jobs are handed over: a port, and our own disk.

A caller puts its inputs to links of a depot, and what was made of them is given out
through links of the depot. The other modes hand files over in the request itself and
never see one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from anyio import to_thread

from orchestrator.clock import Clock
from orchestrator.service.jobs import Job, Result
from orchestrator.service.links import Links
from orchestrator.service.parts import Part
from orchestrator.service.storage import Storage


@dataclass(frozen=True, slots=True)
class Link:
    """An absolute URL that is a permission until ``expires`` (seconds)."""

    url: str
    expires: float


class Depot(Protocol):
    """A place that callers reach through signed links.

    What needs the place raises ``Problem("storage_down")`` when it does not answer.
    """

    async def start(self) -> None:
        """Make ready.

        Raises:
            MachineError: the place cannot be used.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...

    def upload(self, job: Job, n: int, part: Part | None, *, origin: str) -> Link:
        """A link to put one input to, or a part of it.

        ``origin`` is how the caller reaches us. Parts need a job that was looked at.
        """
        ...

    async def look(self, job: Job) -> Job:
        """The same job, with its inputs as they lie at the place now."""
        ...

    async def join(self, job: Job) -> None:
        """Let inputs that came in parts be whole, where all parts are there."""
        ...

    async def fetch(self, job: Job) -> None:
        """Bring the inputs of a started job to our disk.

        Raises:
            RenderError: they are no longer those that the job was started with.
        """
        ...

    async def keep(self, job: Job, results: Sequence[Result]) -> tuple[Result, ...]:
        """Take results from our disk to where they are given out."""
        ...

    def result(self, job: Job, n: int) -> str | None:
        """A link to a result, or ``None`` for one on our disk."""
        ...

    async def tidy(self, job: Job) -> None:
        """Remove the inputs of a job that has ended."""
        ...

    async def remove(self, token: str) -> None:
        """Remove all files of a job, with this name of its folder."""
        ...

    async def clear(self, is_owned: Callable[[str], bool]) -> None:
        """Remove files that belong to no folder of a job, put there too late."""
        ...


class OwnDepot:
    """Our own disk, through links that we sign and answer ourselves.

    What ``Storage`` does for every job is nearly all that there is to do. Parts are
    files until a job that was accepted is worked on: no request waits while they are
    joined.
    """

    def __init__(self, links: Links, storage: Storage, clock: Clock) -> None:
        self._links = links
        self._storage = storage
        self._clock = clock

    async def start(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def upload(self, job: Job, n: int, part: Part | None, *, origin: str) -> Link:
        """A link to ourselves."""
        place = f"{n}" if part is None else f"{n}/{part.n}"
        path, expires = self._links.sign(job.id, place, now=self._clock.now())
        return Link(origin + path, float(expires))

    async def look(self, job: Job) -> Job:
        """As noted when they were received; parts as they lie on disk."""
        if not job.has_parts():
            return job
        return await to_thread.run_sync(self._looked, job)

    async def join(self, job: Job) -> None:
        """That is done when the job is worked on."""

    async def fetch(self, job: Job) -> None:
        """They are here; parts are joined."""
        for n, each in enumerate(job.inputs):
            if each.tag is not None and (parts := job.parts(n)):
                source = job.order.source
                await self._storage.join(job.folder, n, source, len(parts))

    def _looked(self, job: Job) -> Job:
        inputs = list(job.inputs)
        for n, each in enumerate(inputs):
            parts = job.parts(n)
            here = self._storage.here(job.folder, n, parts)
            if parts and len(here) == len(parts):
                inputs[n] = replace(each, size=each.declared, tag="parts", parts=here)
            elif parts:
                inputs[n] = replace(each, parts=here)
        return replace(job, inputs=tuple(inputs))

    async def keep(self, job: Job, results: Sequence[Result]) -> tuple[Result, ...]:
        """They stay here."""
        del job
        return tuple(results)

    def result(self, job: Job, n: int) -> str | None:
        """We give them out ourselves."""
        del job, n
        return None

    async def tidy(self, job: Job) -> None:
        """Nothing lies elsewhere."""

    async def remove(self, token: str) -> None:
        """Nothing lies elsewhere."""

    async def clear(self, is_owned: Callable[[str], bool]) -> None:
        """Nothing comes after its job: uploads pass through us."""
