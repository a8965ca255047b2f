"""What the engine needs from the outside, and nothing more.

``transfer`` and ``ledger`` fit these protocols without knowing the engine;
``orchestrator/testing.py`` has doubles for them. The exceptions that they name are in
``orchestrator/wire/outcome.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from orchestrator.model import (
    Document,
    Failure,
    Input,
    Job,
    Output,
    Progress,
    Saved,
    Verdict,
)
from orchestrator.wire.http import Request, Response
from orchestrator.wire.ranges import Begun

BeforeSend = Callable[[], Awaitable[None]]


class Reply(Protocol):
    """A reply whose body may still be on the wire."""

    @property
    def response(self) -> Response:
        """Status, headers and, unless it is streamed, the body."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the streamed body.

        Raises:
            Unanswered: it ended early or stalled.
        """
        ...


class Transport(Protocol):
    """Sends one request on the wire for each call; never repeats, never redirects."""

    def send(
        self, request: Request, *, before: BeforeSend | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        """Send, and give the reply when its head is here.

        ``before`` is awaited when the source is open and a connection is there, before
        the first byte of the request is written.

        Raises:
            NotSent: the provider provably did not get the request.
            Unanswered: it may have got it; nobody knows.
            SourceChanged: an input is gone or differs from the plan; the provider
                provably did not get the request.

        A cancellation that provably prevented the request from arriving carries a
        note: see ``outcome.is_unsent``.
        """
        ...

    async def read_over(self, given: Input) -> None:
        """Read a file whole that is sent in parts: compare it with the plan, hash it.

        Raises:
            SourceChanged: it is gone or differs from the plan.
        """
        ...


class Outputs(Protocol):
    """Where results become files: whole or absent."""

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

        ``index`` counts the results of the job; ``document`` says for which of the
        job's documents it is, so that the part lies where its final name will be.
        ``alone`` says that it is the job's only one, and can be fetched again: nothing
        is to be recorded between its two names, so it may get the final one at once.
        ``start`` is the place of the first chunk, where what was begun goes on, and
        ``tag`` what tells these bytes from others under the same address.

        Raises:
            Unanswered: the chunks ended early or stalled.
            MachineError: the disk is full, the folder read-only, ....
        """
        ...

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

        ``size`` and ``sha256`` are what the provider declares, as for ``receive``.

        Raises:
            MachineError: what is here cannot be read.
        """
        ...

    def blocked(self, document: Document) -> str | None:
        """The path of a file in the way of a document's outputs, if it may not go.

        Asked before a document is sent, so that nothing is paid that has no place.
        """
        ...

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
        ...

    async def discard(self, job: Job) -> None:
        """Remove part files of a job."""
        ...


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that a former run left, as the ledger knows it.

    ``intended`` is when an intent was written whose outcome is not known (seconds since
    the epoch), ``None`` where the next step can simply be taken.
    """

    job: Job
    progress: Progress
    intended: float | None


class Ledger(Protocol):
    """The durable record; every call returns when what it says is on disk."""

    async def intend(self, job: Job, progress: Progress) -> None:
        """Before a request that may cost money: the job, its documents, its phase."""
        ...

    async def not_sent(self, job: Job, progress: Progress, why: str) -> None:
        """Take an intent back: the request provably did not arrive."""
        ...

    async def advance(self, job: Job, progress: Progress) -> None:
        """Write where the job stands, with whatever handle it has now.

        That it has ended may be written later: nothing goes on by it.
        """
        ...

    async def settle(
        self, job: Job, progress: Progress, verdicts: Sequence[Verdict]
    ) -> None:
        """Write how documents of a job ended; the job ends with its last one."""
        ...

    async def trust(self, account: str) -> None:
        """Note that a lookup of one of our own ids was answered positively."""
        ...

    async def distrust(self, account: str) -> None:
        """Note that the API gave a job another id than the one that we sent."""
        ...


class Feed(Protocol):
    """Open documents of one account, most urgent first, in pages."""

    async def page(self, *, large: bool, limit: int) -> Sequence[Document]:
        """The next documents that are not in a job; empty at the end."""
        ...

    def rewind(self) -> None:
        """Begin again at the top, for what became open meanwhile."""
        ...
