"""The engine as a run puts it together, or with files or ledger left out."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from benchmarks.writers import LoopWriter, ProcessWriter
from orchestrator.batch.opening import job_id
from orchestrator.clock import Clock, SystemClock
from orchestrator.engine.dispatch import Dispatcher
from orchestrator.engine.drive import Driver
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Feed, Ledger, Outputs
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.ledger.feed import Pages
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.writer import Commit, ThreadWriter, Writer
from orchestrator.model import (
    Document,
    Failure,
    Job,
    Output,
    Progress,
    Saved,
    State,
    Verdict,
)
from orchestrator.providers import local
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.sink import FileOutputs
from orchestrator.wire.flow import Limits, Pace
from orchestrator.wire.ranges import Begun

ACCOUNT = "local"
PROVIDER = replace(local.provider, pace=Pace(first=0.01))
"""The server is done at once: waiting to ask it would measure the wait."""


class NoLedger:
    """Fits ``Ledger``, and forgets at once."""

    async def intend(self, job: Job, progress: Progress) -> None:
        """Forget."""

    async def not_sent(self, job: Job, progress: Progress, why: str) -> None:
        """Forget."""

    async def advance(self, job: Job, progress: Progress) -> None:
        """Forget."""

    async def settle(
        self, job: Job, progress: Progress, verdicts: Sequence[Verdict]
    ) -> None:
        """Forget."""

    async def trust(self, account: str) -> None:
        """Forget."""

    async def distrust(self, account: str) -> None:
        """Forget."""


class NoOutputs:
    """Fits ``Outputs``: takes the bytes and keeps nothing."""

    async def receive(
        self,
        job: Job,
        index: int,
        chunks: AsyncIterator[bytes],
        *,
        size: int | None,  # noqa: ARG002  # the port's signature
        sha256: str | None,  # noqa: ARG002
        target: str,  # noqa: ARG002
        document: int = 0,  # noqa: ARG002
        alone: bool = False,  # noqa: ARG002
        start: int = 0,  # noqa: ARG002
        tag: str | None = None,  # noqa: ARG002
    ) -> Saved | Failure:
        """Take the bytes."""
        taken = 0
        async for chunk in chunks:
            taken += len(chunk)
        return Saved(f"{job.id}.{index}", taken, "")

    async def begun(
        self,
        job: Job,  # noqa: ARG002
        index: int,  # noqa: ARG002
        *,
        size: int | None,  # noqa: ARG002
        sha256: str | None,  # noqa: ARG002
        document: int = 0,  # noqa: ARG002
    ) -> Begun | None:
        """Nothing is kept."""
        return None

    def blocked(self, document: Document) -> str | None:  # noqa: ARG002
        """Nothing is in the way."""
        return None

    async def keep(
        self, document: Document, parts: Sequence[Saved]
    ) -> Sequence[Output]:
        """Say that all is well."""
        return [Output(document.output, each.size, each.sha256) for each in parts]

    async def discard(self, job: Job) -> None:
        """Nothing is there."""


@dataclass(slots=True)
class Listed:
    """Fits ``Feed``: documents that are in memory already."""

    documents: Sequence[Document]
    _taken: int = field(default=0)

    async def page(self, *, large: bool, limit: int) -> Sequence[Document]:
        """The next documents; all of them are small."""
        if large:
            return ()
        begin, self._taken = self._taken, self._taken + limit
        return self.documents[begin : self._taken]

    def rewind(self) -> None:
        """Begin again at the top."""
        self._taken = 0


def stage(ledger: Path, documents: Iterable[Document]) -> None:
    """Write the documents into a new ledger, as a run does before it starts."""
    with Stage(ledger) as staged:
        for each in documents:
            staged.add(each)
        staged.compare()
        staged.merge()


class Ours:
    """The engine with everything that it needs for these documents."""

    def __init__(self, url: str, *, width: int, writer: str = "thread") -> None:
        self._url = url
        self._writer = writer
        self._limits = replace(PROVIDER.limits, width=width)
        self._clock: Clock = SystemClock()
        self._done = 0

    async def carry(
        self, documents: Sequence[Document], *, files: bool, ledger: Path | None
    ) -> None:
        """Carry all documents.

        Raises:
            RuntimeError: not every document was done, so that figures mean nothing.
        """
        self._done = 0
        async with AsyncExitStack() as stack:
            store = None
            if ledger is not None:
                store = Store(ledger, self._clock, writer=self._make(ledger))
                await stack.enter_async_context(store)
            transport = await stack.enter_async_context(
                HttpTransport(
                    self._url,
                    clock=self._clock,
                    account=ACCOUNT,
                    auth=(("Authorization", "Bearer none"),),
                    on_hash=store.hashed if store else None,
                )
            )
            outputs = FileOutputs() if files else NoOutputs()
            feed = Pages(store, ACCOUNT) if store else Listed(documents)
            dispatcher = self._dispatcher(
                transport, store or NoLedger(), outputs, feed, self._limits
            )
            await dispatcher.run(())
        if self._done != len(documents):
            raise RuntimeError(f"{self._done} of {len(documents)} documents were done")

    def _make(self, ledger: Path) -> Callable[[Commit], Writer]:
        if self._writer == "process":
            return partial(ProcessWriter, path=ledger)
        return LoopWriter if self._writer == "loop" else ThreadWriter

    def _dispatcher(
        self,
        transport: HttpTransport,
        ledger: Ledger,
        outputs: Outputs,
        feed: Feed,
        limits: Limits,
    ) -> Dispatcher:
        gates = Gates(limits, self._clock, lambda *_: None)
        driver = Driver(
            PROVIDER,
            transport=transport,
            ledger=ledger,
            outputs=outputs,
            gates=gates,
            clock=self._clock,
            luck=random.Random(1),
        )
        return Dispatcher(
            driver,
            feed=feed,
            watch=Watch[Work](self._clock),
            gates=gates,
            limits=limits,
            make_job=self._job,
            tell=self._tell,
        )

    def _job(self, documents: tuple[Document, ...]) -> Job:
        return Job(
            id=job_id(self._clock.now()),
            account=ACCOUNT,
            mode=documents[0].mode,
            documents=documents,
            created=self._clock.now(),
        )

    async def _tell(self, verdicts: Sequence[Verdict]) -> None:
        self._done += sum(each.state is State.DONE for each in verdicts)
