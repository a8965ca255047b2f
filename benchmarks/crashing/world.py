"""What outlives a process, and runs of a process over it.

Everything of a run is the real thing (tables, driver, ending, dispatcher, ledger,
outputs) but three: the API is a model of its bill, the clock does not wait, and the
wire carries values instead of bytes.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.crashing import disk
from benchmarks.crashing.cases import ACCOUNT, Case
from benchmarks.crashing.knife import Killed, Knife
from benchmarks.killing.batch import pdf
from orchestrator.clock import Clock
from orchestrator.engine.dispatch import Dispatcher
from orchestrator.engine.drive import Driver
from orchestrator.engine.expect import Times
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import BeforeSend
from orchestrator.engine.release import TOGETHER
from orchestrator.engine.roll import Roll
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.ledger.feed import Pages
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.model import Document, Echo, Input, Job, Progress, Verdict
from orchestrator.testing import ManualClock, ScriptedReply, ScriptedTransport
from orchestrator.transfer.sink import FileOutputs
from orchestrator.transfer.source import OnHash
from orchestrator.wire.http import Request
from tests.model import Service

HASH = "5" * 64
"""Stands for that of an input."""
CALLBACK = "https://me.example/hook/secret"


def content(name: str) -> bytes:
    """What the model makes of a document: no two are the same."""
    return pdf(f"made of {name}")


class Guarded:
    """The wire: nothing leaves after the cut."""

    def __init__(
        self, inner: ScriptedTransport, knife: Knife, *, on_hash: OnHash, clock: Clock
    ) -> None:
        self._inner = inner
        self._knife = knife
        self._on_hash = on_hash
        self._clock = clock

    @asynccontextmanager
    async def send(
        self, request: Request, *, before: BeforeSend | None = None
    ) -> AsyncIterator[ScriptedReply]:
        """Send, as far as somebody lives to do it."""
        self._knife.check()
        async with self._inner.send(request, before=before) as reply:
            yield reply

    async def read_over(self, given: Input) -> None:
        """Read a file that goes in parts, for longer than it takes to send them."""
        self._knife.check()
        await self._clock.sleep(1.0)
        self._knife.check()
        await self._inner.read_over(given)
        self._on_hash(given, HASH)


class Told:
    """The ledger: tells each commit, and takes none after the cut."""

    def __init__(self, book: Store, knife: Knife) -> None:
        self._book = book
        self._knife = knife

    async def intend(self, job: Job, progress: Progress) -> None:
        """Write an intent."""
        self._knife.check()
        await self._book.intend(job, progress)
        self._knife("intend")

    async def not_sent(self, job: Job, progress: Progress, why: str) -> None:
        """Take an intent back."""
        self._knife.check()
        await self._book.not_sent(job, progress, why)
        self._knife("not_sent")

    async def advance(self, job: Job, progress: Progress) -> None:
        """Write where the job stands."""
        self._knife.check()
        await self._book.advance(job, progress)
        self._knife(f"advance {progress.phase}")

    async def settle(
        self, job: Job, progress: Progress, verdicts: Sequence[Verdict]
    ) -> None:
        """Write how documents ended."""
        self._knife.check()
        await self._book.settle(job, progress, verdicts)
        self._knife("settle")

    async def trust(self, account: str) -> None:
        """Note trust."""
        self._knife.check()
        await self._book.trust(account)
        self._knife("trust")

    async def distrust(self, account: str) -> None:
        """Note distrust."""
        self._knife.check()
        await self._book.distrust(account)
        self._knife("distrust")


@dataclass
class World:
    """The API, the files, the ledger, the webhooks that came, and the time."""

    case: Case
    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    letters: list[Echo] = field(default_factory=list)
    made: int = 0
    boots: int = 0

    def __post_init__(self) -> None:
        self.out.mkdir(parents=True)
        self.service: Service = self.case.model(content=content)
        self.dispatcher: Dispatcher | None = None
        if self.case.hooks and hasattr(self.service, "tell"):
            self.service.tell = self._tell
        with Stage(self.ledger) as stage:
            for each in self.case.make(str(self.out)):
                stage.add(each)
            stage.compare()
            stage.merge()

    @property
    def out(self) -> Path:
        """Where outputs go."""
        return self.folder / "out"

    @property
    def ledger(self) -> Path:
        """The ledger of this boot: each cut leaves a copy for the next one."""
        return self.folder / f"ledger-{self.boots}.sqlite"

    async def run(self, knife: Knife, *, power: bool = False) -> bool:
        """Run until the end or the cut; whether it came to its end.

        With ``power``, a cut also loses what was not synced.
        """
        with disk.heard(knife, self.folder / "attic") as files:
            try:
                async with Store(self.ledger, self.clock) as store:
                    self.dispatcher = self._dispatcher(store, knife)
                    await self.clock.run(self.dispatcher.run(self._left(store)))
            except BaseException as error:
                if not knife.is_dead or not _is_of_the_cut(error):
                    raise
        if knife.is_dead:
            self.boots += 1
            if power:
                files.lose()
        return not knife.is_dead

    def save(self) -> None:
        """Copy the ledger's files as they are now, for the next boot."""
        after = self.folder / f"ledger-{self.boots + 1}.sqlite"
        for end in ("", "-wal"):
            found = Path(f"{self.ledger}{end}")
            if found.exists():
                shutil.copy(found, f"{after}{end}")

    def _left(self, store: Store) -> list[Work]:
        callback = CALLBACK if self.case.hooks else None
        return [
            Work(replace(job, callback=callback), progress, intended)
            for job, progress, intended in store.open_jobs(ACCOUNT)
        ]

    def _tell(self, echo: Echo) -> None:
        """A webhook: it is kept, and whoever runs hears it."""
        self.letters.append(echo)
        if self.dispatcher is not None:
            self.dispatcher.hear(echo)

    def _dispatcher(self, store: Store, knife: Knife) -> Dispatcher:
        provider = self.case.provider
        self.service.effect = knife
        wire = Guarded(
            ScriptedTransport(always=[("*", self.service.answer)], effect=knife),
            knife,
            on_hash=store.hashed,
            clock=self.clock,
        )
        gates = Gates(self.case.limits, self.clock, lambda *_: None)
        times = Times(provider.pace, self.clock, random.Random(7))
        driver = Driver(
            provider,
            transport=wire,
            ledger=Told(store, knife),
            outputs=FileOutputs(overwrite=lambda document: document.overwrite),
            gates=gates,
            clock=self.clock,
            luck=random.Random(7),
            times=times,
            trusted=store.trust_of(ACCOUNT),
            listens=self.case.hooks,
            together=TOGETHER,
        )
        watch = Watch[Work](self.clock)
        feed = Pages(store, ACCOUNT)
        made = Dispatcher(
            driver,
            feed=feed,
            watch=watch,
            gates=gates,
            limits=self.case.limits,
            make_job=self._job,
            tell=_nobody,
            fits=provider.fits,
            roll=Roll(
                provider,
                transport=wire,
                gates=gates,
                watch=watch,
                clock=self.clock,
                times=times,
            ),
            # Every job that waits does so without its documents.
            shelf=Shelf(feed.documents, kept=0),
        )
        for each in self.letters:
            made.hear(each)
        return made

    def _job(self, documents: tuple[Document, ...]) -> Job:
        self.made += 1
        return Job(
            id=f"{self.made:032x}",
            account=ACCOUNT,
            mode=documents[0].mode,
            documents=documents,
            created=self.clock.now(),
            callback=CALLBACK if self.case.hooks else None,
        )


async def _nobody(_: Sequence[Verdict]) -> None:
    """Nobody listens to verdicts."""


def _is_of_the_cut(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_of_the_cut(each) for each in error.exceptions)
    return isinstance(error, Killed)
