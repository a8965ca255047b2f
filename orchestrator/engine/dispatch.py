"""The dispatcher: pulls open documents lazily and keeps the workers of an account busy.

Workers take, in this order: a job that is due (a download, one that a webhook woke, a
poll or a retry by how long it has been due), a large document if there is a place to
send it from, a small document. So polls never wait behind new documents, and each
fourth turn is a new document's though polls are due, so neither starves the other. A
job that waits holds no slot. Large ones have one place less than the wire is wide, so
that small documents are not starved behind them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from orchestrator.engine.budget import Till, free_till
from orchestrator.engine.drive import Driver
from orchestrator.engine.echoes import Echoes
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Feed
from orchestrator.engine.roll import Roll
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import AccountStopped, End, Wait, Work, is_unsent
from orchestrator.model import (
    LARGE,
    Document,
    Echo,
    Failure,
    Job,
    Phase,
    Progress,
    State,
    Verdict,
)
from orchestrator.wire.flow import Limits

MakeJob = Callable[[tuple[Document, ...]], Job]
Fits = Callable[[Sequence[Document], Document], bool]
Left = Callable[[int], Awaitable[Sequence[Work]]]
"""Gives as many jobs at most that a former run left; none at their end."""
Tell = Callable[[Sequence[Verdict]], Awaitable[None]]

PAGE = 256
TURNS = 3
"""Jobs that are due and taken in a row, before a new document has its turn."""
DOUBTS = 1000
"""Jobs in doubt that wait for the end of a run, in case trust is gained meanwhile."""


class Queue:
    """Open documents of one lane, read in pages."""

    def __init__(self, feed: Feed, *, large: bool) -> None:
        self._feed = feed
        self._large = large
        self._page: deque[Document] = deque()
        self._lock = asyncio.Lock()
        self.ended = False

    async def take(self) -> Document | None:
        """The next document, or ``None`` at the end."""
        async with self._lock:
            if not self._page and not self.ended:
                self._page.extend(await self._feed.page(large=self._large, limit=PAGE))
                self.ended = not self._page
            return self._page.popleft() if self._page else None

    def take_fitting(self, first: Document, fits: Fits) -> tuple[Document, ...]:
        """The first document of a job, and those of the page that fit beside it."""
        taken = [first]
        while self._page and self._page[0].mode is first.mode:
            if not fits(taken, self._page[0]):
                break
            taken.append(self._page.popleft())
        return tuple(taken)

    def put_back(self, documents: Sequence[Document]) -> None:
        """These are the next ones, after all."""
        self._page.extendleft(reversed(documents))
        self.ended = self.ended and not documents

    def rewind(self) -> None:
        """Begin again at the top."""
        self.ended = False


class Dispatcher:
    """Carries every open document of one account to its end."""

    def __init__(
        self,
        driver: Driver,
        *,
        feed: Feed,
        watch: Watch[Work],
        gates: Gates,
        limits: Limits,
        make_job: MakeJob,
        tell: Tell,
        fits: Fits | None = None,
        roll: Roll | None = None,
        till: Till | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._driver = driver
        self._watch = watch
        self._gates = gates
        self._limits = limits
        self._make_job = make_job
        self._fits = fits
        self._roll = roll
        self._tell = tell
        self._feed = feed
        self._shelf = Shelf() if shelf is None else shelf
        self._in_a_row = 0
        self._till = till or free_till()
        self._till.listen(watch.stirred.set)
        # Small ones keep a place on the wire, whatever is uploaded.
        self._places = max(1, min(limits.uploads, limits.width - 1))
        self._small = Queue(feed, large=False)
        self._large = Queue(feed, large=True)
        # Counted before they are known: a page may be on its way for several workers.
        self._starting = 0
        self._sending = 0
        self._placed: set[str] = set()
        self._held: deque[Work] = deque()
        self._active: dict[str, Work] = {}
        self._echoes = Echoes()
        self._left: Left | None = None
        self._is_loading = False
        self._had_left = False
        self._doubts: list[tuple[Work, Sequence[Verdict]]] = []
        self._draining = False
        self.stopped: Failure | None = None
        self.halted: Failure | None = None

    # What others may ask and say...

    @property
    def active(self) -> int:
        """Jobs that are being carried."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Jobs that wait for their time."""
        return len(self._watch) + len(self._held) + len(self._shelf)

    def drain(self) -> None:
        """Start nothing new; what is accepted is still carried to its end."""
        self._draining = True
        self._watch.stirred.set()

    def halt(self, why: Failure) -> None:
        """Start nothing new, for a reason that the user has to know."""
        self.halted = self.halted or why
        self.drain()

    async def has_more(self) -> bool:
        """Whether a document is left to start; asked when the run is over."""
        for queue in (self._small, self._large):
            if (document := await queue.take()) is not None:
                queue.put_back([document])
                return True
        return False

    def wake(self, job: str) -> None:
        """A webhook named this job by our own id."""
        self.hear(Echo(job=job))

    def hear(self, echo: Echo) -> None:
        """A webhook spoke of a job, which may be nobody's here, or not known yet."""
        for name in self._echoes.hear(echo):
            self._watch.wake(name, is_active=name in self._active)

    def phases(self) -> dict[str, int]:
        """How many jobs are carried in each phase."""
        counts: dict[str, int] = {}
        for work in self._active.values():
            counts[work.progress.phase] = counts.get(work.progress.phase, 0) + 1
        return counts

    async def run(self, left: Left | Sequence[Work]) -> None:
        """Carry what a former run left, then every open document.

        Args:
            left: Jobs that a former run left, or what gives them page by page.

        Raises:
            MachineError: the ledger or an output cannot be written.
        """
        if self._till.broken:
            self.halt(self._till.broken)
        if callable(left):
            self._left = left
        else:
            self._take_up(left)
        try:
            await self._pass()
            if self._had_left and not self._is_ending():
                # One that was edited while in flight is open again, behind the page
                # that was being read.
                self._small.rewind()
                self._large.rewind()
                self._feed.rewind()
                await self._pass()
            await self._reconsider()
            await self._driver.finish()
        finally:
            self._watch.close()
            self._till.close()

    async def _reconsider(self) -> None:
        """Look up again what was in doubt before the account was trusted."""
        doubts, self._doubts = self._doubts, []
        if not doubts:
            return
        is_news = self._driver.lookup.is_trusted and not self._is_ending()
        for work, verdicts in doubts:
            if is_news and self._till.resume(work):
                self._echoes.follow(work)
                self._watch.park(work, 0.0)
            else:
                await self._tell(verdicts)
        if is_news:
            await self._pass()

    async def _pass(self) -> None:
        # Twice the width: while one half is on the wire, the other half commits,
        # hashes and renames.
        workers = 2 * self._limits.width
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    # Working...

    async def _work(self) -> None:
        while (work := await self._next()) is not None:
            self._active[work.name] = work
            self._echoes.follow(work)
            try:
                await self._carry(work)
            finally:
                self._active.pop(work.name, None)
                self._watch.stirred.set()

    async def _carry(self, work: Work) -> None:
        try:
            outcome = await self._driver.drive(work)
        except AccountStopped as stop:
            self.stopped = self.stopped or stop.failure
            self._till.left(work)
            return
        finally:
            self._give_place_back(work)
        if complaint := self._till.complaint(work):
            self.halt(complaint)
        match outcome:
            case Wait(seconds, turn):
                # Its handle may be new, and the webhook faster than the reply.
                if self._echoes.follow(work):
                    self._watch.park(work, 0.0)
                else:
                    self._shelf.lay(work, len(self._watch))
                    self._watch.park(work, seconds, turn)
            case End(verdicts):
                self._watch.forget(work.name)
                self._echoes.forget(work)
                self._till.ended(work)
                if not self._is_kept(work, verdicts):
                    await self._tell(verdicts)

    def _is_kept(self, work: Work, verdicts: Sequence[Verdict]) -> bool:
        """Whether a doubt is kept back, because it may settle within this run."""
        is_doubt = any(each.state is State.IN_DOUBT for each in verdicts)
        has_room = len(self._doubts) < DOUBTS
        if not (is_doubt and has_room and work.intended is not None):
            return False
        if not self._driver.lookup.may_gain():
            return False
        self._doubts.append((work, verdicts))
        return True

    async def _next(self) -> Work | None:
        """The next job to carry; ``None`` when there will be none."""
        while self.stopped is None:
            if self._roll is not None and await self._roll.call():
                continue
            if self._is_turn_of_new() and (work := await self._fresh()):
                return work
            if work := await self._due():
                return work
            if await self._load_left():
                continue
            if work := await self._fresh():
                return work
            if self._is_over():
                break
            if work := await self._due():
                # It became due while a page was being read.
                return work
            await self._watch.rest()
        self._watch.stirred.set()
        return None

    def _is_turn_of_new(self) -> bool:
        """Whether enough jobs that were due went ahead of new documents."""
        is_turn = self._in_a_row >= TURNS and not self._watch.is_pressed
        if is_turn:
            self._in_a_row = 0
        return is_turn

    async def _due(self) -> Work | None:
        """A job whose time has come, as a whole."""
        work = None if self._watch.is_pressed else self._shelf.taken()
        work = work or self._called() or self._shelf.taken()
        if work is not None and self._shelf.has(work):
            works = [work, *self._shelf.beside(self._called)]
            work = await self._shelf.take_down(works)
            self._watch.stirred.set()
        self._in_a_row += work is not None
        return work

    def _called(self) -> Work | None:
        """A job whose time has come; a large one also needs a place to send from."""
        while work := self._held_back() or self._watch.take():
            if self._till.bars(work):
                self._leave(work)
                continue
            if not _sends_much(work):
                return work
            if self._sending < self._places:
                self._sending += 1
                self._placed.add(work.name)
                return work
            self._held.append(work)
        return None

    def _leave(self, work: Work) -> None:
        """Let a job stay where it is, for another run."""
        self._till.left(work)
        self._watch.forget(work.name)
        self._echoes.forget(work)

    def _held_back(self) -> Work | None:
        is_free = self._sending < self._places
        return self._held.popleft() if self._held and is_free else None

    def _is_ending(self) -> bool:
        return self._draining or self.stopped is not None

    async def _load_left(self) -> bool:
        """Take up a page of what a former run left, as far as there is room for it."""
        if self._left is None or self._is_loading or not self._has_room():
            return False
        self._is_loading = True
        try:
            page = await self._left(PAGE)
        finally:
            self._is_loading = False
            self._watch.stirred.set()
        if not page:
            self._left = None
        self._take_up(page)
        return True

    def _take_up(self, left: Sequence[Work]) -> None:
        # What was sent comes first: it is paid for, whatever the budget says now.
        for work in sorted(left, key=is_unsent):
            self._had_left = True
            if self._till.resume(work):
                self._echoes.follow(work)
                self._watch.park(work, 0.0)
            else:
                self.halt(self._till.refusal(work.job.document))

    def _has_room(self) -> bool:
        known = len(self._active) + self.waiting + self._starting
        return known < self._limits.jobs

    def _is_over(self) -> bool:
        if self._left is not None:
            return False
        if self.waiting or self._active or self._starting:
            return False
        return self._draining or (self._small.ended and self._large.ended)

    async def _fresh(self) -> Work | None:
        """A job for a document that is in none."""
        # What is left comes first; a job that is new must not be taken for one of it.
        if self._left is not None or self._is_ending() or not self._has_room():
            return None
        self._starting += 1
        try:
            document = await self._large_one() or await self._small.take()
        finally:
            self._starting -= 1
        if document is None:
            return None
        documents = self._affordable(document)
        if not documents:
            self._sending -= document.is_large
            return None
        work = Work(self._till.hold(self._make_job(documents)), Progress())
        if document.is_large:
            self._placed.add(work.name)
        return work

    def _affordable(self, first: Document) -> tuple[Document, ...]:
        """The documents of a job as far as the budget reaches; the others go back."""
        queue = self._large if first.is_large else self._small
        if self._is_ending():
            # It was said while the page was being read; who asks what is left is told.
            queue.put_back([first])
            return ()
        documents = self._with_fitting(first)
        count = self._till.fitting(documents)
        queue.put_back(documents[count:])
        if not count and not self._till.has_hope:
            self.halt(self._till.refusal(first))
        return documents[:count]

    def _give_place_back(self, work: Work) -> None:
        if work.name in self._placed:
            self._placed.discard(work.name)
            self._sending -= 1

    def _with_fitting(self, first: Document) -> tuple[Document, ...]:
        if self._fits is None:
            return (first,)
        queue = self._large if first.is_large else self._small
        return queue.take_fitting(first, self._fits)

    async def _large_one(self) -> Document | None:
        """A large document, if there is a place to send it from."""
        if self._large.ended or self._sending >= self._places:
            return None
        self._sending += 1
        document = None
        try:
            document = await self._large.take()
        finally:
            self._sending -= document is None
        return document


def _sends_much(work: Work) -> bool:
    is_sending = work.progress.phase in (Phase.SUBMIT, Phase.UPLOAD)
    return is_sending and work.job.size >= LARGE
