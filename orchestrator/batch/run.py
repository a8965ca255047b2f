"""A run: the parts put together, started, watched and ended."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.batch.accounts import Account, servers_of
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.options import RunOptions
from orchestrator.batch.prepare import Prepared
from orchestrator.batch.rehearsal import Tab
from orchestrator.batch.spending import free_of, spending_of, stops_text, terms_text
from orchestrator.clock import Clock, SystemClock
from orchestrator.engine.work import Work
from orchestrator.errors import MachineError
from orchestrator.ledger.missing import look
from orchestrator.ledger.store import Store
from orchestrator.model import (
    Blame,
    Failure,
    Operation,
    Remedy,
    State,
    Stranded,
    Verdict,
)
from orchestrator.report.summary import stranded_lines
from orchestrator.settings import Bound, StopSettings
from orchestrator.transfer.private import PrivateService, Work as Readiness

if TYPE_CHECKING:
    from orchestrator.batch.opening import Opened


@dataclass(slots=True)
class Tally:
    """What a run has done so far."""

    states: dict[State, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    stopped: dict[str, Failure] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    is_draining: bool = False

    def take(self, verdict: Verdict) -> None:
        """Count a document that ended."""
        self.states[verdict.state] = self.states.get(verdict.state, 0) + 1
        if verdict.state in (State.FAILED, State.LOST) and verdict.failure:
            code = verdict.failure.code
            self.codes[code] = self.codes.get(code, 0) + 1
        if verdict.state is State.DONE:
            mode = str(verdict.document.mode)
            self.modes[mode] = self.modes.get(mode, 0) + 1
            self.bytes += sum(each.size for each in verdict.outputs)

    def excess(self, bounds: StopSettings) -> Failure | None:
        """Why nothing new may be started: too many documents have failed."""
        ended, after = sum(self.states.values()), bounds.after
        failed = sum(self.codes.values())
        if bounds.failures and bounds.failures.is_passed(failed, ended, after):
            return _excess("documents", failed, ended, bounds.failures)
        for code, bound in bounds.codes.items():
            count = self.codes.get(code, 0)
            if bound.is_passed(count, ended, after):
                return _excess(f"documents ({code})", count, ended, bound)
        return None


class Run:
    """One run of a batch: iterate over it to get every document as it ends."""

    def __init__(
        self,
        batch: Prepared,
        folder: BatchFolder,
        *,
        options: RunOptions,
        environment: Mapping[str, str],
        clock: Clock | None = None,
        luck: random.Random | None = None,
        importing: Callable[[], AbstractContextManager[None]] = nullcontext,
        service: PrivateService | None = None,
    ) -> None:
        """Describe it.

        Args:
            batch: What is to be done.
            folder: Where its ledger is; held.
            options: What to start, and what is allowed.
            environment: Where secrets are looked up.
            clock: The machine's own if not given.
            luck: Spreads retries.
            importing: What HTTP is imported in: a program of ours spares some work.
            service: A private service that is launched, and taken if it fits.
        """
        self._ahead = service
        self._importing = importing
        self._batch = batch
        self._folder = folder
        self._options = options
        self._environment = environment
        self._clock = clock or SystemClock()
        self._luck = luck or random.Random()  # noqa: S311  # spreads retries, guards nothing
        self._results: asyncio.Queue[Verdict | None] = asyncio.Queue(maxsize=1000)
        self._opened: list[Opened] = []
        self._is_abandoned = False
        self._looked = threading.Event()
        self._stop_at = StopSettings()
        self._too_many: Failure | None = None
        self.balances_after: dict[str, float] = {}
        self.limits: Mapping[str, Mapping[str, float]] = {}
        self.tally = Tally()
        self.tab: Tab | None = None
        self.stranded: Sequence[Stranded] = ()
        """What was left at accounts that the manifest no longer has."""
        self.say: Callable[[str], None] = _unheard
        """Told what the user should know of; whoever shows the run sets it."""

    # What others may ask and say...

    def drain(self) -> None:
        """Start nothing new; what is accepted is carried to its end."""
        self.tally.is_draining = True
        self._looked.set()
        for each in self._opened:
            each.dispatcher.drain()

    @property
    def active(self) -> int:
        """Jobs that are being carried right now."""
        return sum(each.dispatcher.active for each in self._opened)

    @property
    def waiting(self) -> int:
        """Jobs that a provider works on, or that wait to be tried again."""
        return sum(each.dispatcher.waiting for each in self._opened)

    @property
    def balances(self) -> dict[str, float]:
        """What accounts had left at the start of the run, as far as their APIs tell."""
        known = ((each.account.name, each.balance) for each in self._opened)
        return {name: left for name, left in known if left is not None}

    def phases(self) -> dict[str, int]:
        """How many jobs are carried in each phase."""
        counts: dict[str, int] = {}
        for each in self._opened:
            for phase, count in each.dispatcher.phases().items():
                counts[phase] = counts.get(phase, 0) + count
        return counts

    async def __aiter__(self) -> AsyncIterator[Verdict]:
        """Run, and yield every document as it ends.

        Raises:
            AccountError: a key is missing, or a service cannot be started.
            ManifestError: an account cannot do what it is asked for.
            MachineError: the ledger or an output cannot be written.
        """
        task = asyncio.create_task(self._main(), name="run")
        has_read_all = False
        try:
            while (verdict := await self._results.get()) is not None:
                yield verdict
            has_read_all = True
        finally:
            if not has_read_all:
                # Also one that has ended, and waits for room to say so.
                self._is_abandoned = True
                task.cancel()
            await asyncio.wait([task])
        if error := task.exception():
            raise _root(error)

    # Running...

    async def _main(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                await self._all(stack)
        finally:
            # Nobody reads any more from a run that was abandoned.
            if not self._is_abandoned:
                await self._results.put(None)

    async def _all(self, stack: AsyncExitStack) -> None:
        store = await stack.enter_async_context(Store(self._folder.ledger, self._clock))
        store.vouch()
        accounts = [self._batch.accounts[name] for name in self._names(store)]
        self.stranded = self._strand(store)
        for line in stranded_lines(self.stranded):
            self.say(line)
        for line in (*self._batch.hints, *self._batch.words.doubts):
            self.say(line)
        said = self._batch.settings.budget
        terms = terms_text(said, self._batch.accounts)
        if not accounts:
            await _note(store, "terms", terms)
            await self._look(store)
            return
        service = await self._service(accounts, stack)
        # HTTP takes its time to import: not for a run that sends nothing, and while
        # the private service imports its own.
        with self._importing():
            from orchestrator.batch.opening import Opening  # noqa: PLC0415

        self._stop_at = self._batch.settings.stop_at
        free = free_of(self._batch.accounts)
        spending = spending_of(said, self._batch.accounts, store.committed(free))
        await _note(store, "terms", terms)
        await _note(store, "stopped", stops_text({}))
        if self._options.rehearsal is None:
            here = servers_of(self._batch.accounts)
            await store.settle_in(here, self._options.moved)
        opening = Opening(
            self._batch,
            self._folder,
            options=self._options,
            environment=self._environment,
            clock=self._clock,
            luck=self._luck,
            store=store,
            stack=stack,
            spending=spending,
            say=self.say,
            service=service,
        )
        self.limits = opening.limits
        self._opened = await opening.open(accounts, self._tell)
        for each in self._opened:
            self._note_balance(store, each, each.balance, "start")
        if self.tally.is_draining:
            self.drain()
        async with asyncio.TaskGroup() as group:
            for each in self._opened:
                group.create_task(self._carry(each))
            group.create_task(self._look(store))
        await _note(store, "stopped", stops_text(self.tally.stopped))
        for each in self._opened:
            await self._ask_again(store, each)
        if self._options.rehearsal is not None:
            self.tab = await opening.tab()

    def _strand(self, store: Store) -> Sequence[Stranded]:
        """Jobs that nobody carries; those of another server were refused by now."""
        left = store.stranded(servers_of(self._batch.accounts))
        return [each for each in left if each.now is None]

    async def _look(self, store: Store) -> None:
        """Look for the outputs of what is done: no document waits for that."""
        if State.MISSING in self._options.retries:
            return  # it was done before they were opened again
        stopped, ledger = self._looked.is_set, self._folder.ledger
        try:
            await asyncio.to_thread(look, ledger, store.turn, stopped)
        finally:
            self._looked.set()  # a thread hears of no cancellation

    async def _service(
        self, accounts: Sequence[Account], stack: AsyncExitStack
    ) -> PrivateService | None:
        """Launch the private service, if anybody needs it; it is entered later."""
        rehearsal, designs = self._options.rehearsal, self._batch.settings.designs
        if not rehearsal and not any(each.settings.is_private for each in accounts):
            return None
        said = ("--designs", str(designs)) if designs else ()
        arguments = (*said, *rehearsal.arguments) if rehearsal else said
        service = self._launched_before(arguments) or PrivateService(
            self._folder.service, arguments=arguments, work=self._work()
        )
        stack.push_async_callback(service.leave)
        if not service.is_launched:
            await service.launch()
        if not rehearsal:  # else there is an address to tell it yet
            await service.tell()
        return service

    def _launched_before(self, arguments: Sequence[str]) -> PrivateService | None:
        """The service that was launched before its work was known, if it will do."""
        ahead = self._ahead
        if ahead is None or arguments or not ahead.is_launched:
            return None
        return ahead if ahead.data == self._folder.service else None

    def _work(self) -> Readiness:
        """What the private service will do most."""
        wishes = {wish.operation for wish in self._batch.wishes}
        return "generate" if Operation.GENERATE in wishes else "convert"

    def _names(self, store: Store) -> list[str]:
        """Accounts with something to do: a run without work starts no service."""
        todo = {share.account for share in self._batch.shares}
        retry = self._options.retry
        left = {name for name in self._batch.accounts if store.has_left(name, retry)}
        return sorted(todo | left)

    async def _ask_again(self, store: Store, opened: Opened) -> None:
        """Ask for the balance that is left, where something was taken of it."""
        if opened.asks is None or not opened.till.is_used:
            return
        left = await opened.asks()
        self._note_balance(store, opened, left, "end")
        if left is not None:
            self.balances_after[opened.account.name] = left

    def _note_balance(
        self, store: Store, opened: Opened, left: float | None, when: str
    ) -> None:
        if left is not None:
            store.jot("balance", opened.account.name, f"{when}: {left:.10g}")

    async def _carry(self, opened: Opened) -> None:
        name = opened.account.name

        async def left(limit: int) -> list[Work]:
            return [
                Work(replace(job, callback=opened.callback), progress, intended)
                for job, progress, intended in await opened.feed.left(limit)
            ]

        await opened.dispatcher.run(left)
        stopped = opened.dispatcher.stopped
        if stopped and stopped.status == 507 and opened.account.settings.is_private:
            # Its disk is ours.
            raise MachineError(
                f"{self._folder.service}: no room for the files of the private "
                "service; make room and run the same command again"
            )
        why = stopped or opened.dispatcher.halted
        is_news = why is not self._too_many or await opened.dispatcher.has_more()
        if why and is_news:
            self.tally.stopped[name] = why

    async def _tell(self, verdicts: Sequence[Verdict]) -> None:
        for each in verdicts:
            self.tally.take(each)
        self._judge()
        for each in verdicts:
            await self._results.put(each)

    def _judge(self) -> None:
        """Start nothing new once too many documents have failed."""
        if self._too_many is None and (why := self.tally.excess(self._stop_at)):
            self._too_many = why
            for each in self._opened:
                each.dispatcher.halt(why)


async def _note(store: Store, key: str, value: str) -> None:
    """Write a word about the batch if it is news."""
    if store.remembered(key) != value:
        await store.remember(key, value)


def import_ahead(
    path: Path,
    importing: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Import HTTP beside the validation, where a batch has no ledger yet.

    Then something is to be sent, if there is no fault; and the first request leaves
    that much sooner once the manifest is valid.
    """

    def load() -> None:
        with importing():
            import_module("orchestrator.batch.opening")

    if not path.exists():
        # Not a daemon: modules in C that are cut short by the end of the process crash.
        threading.Thread(target=load, name="http").start()


def _excess(what: str, failed: int, ended: int, bound: Bound) -> Failure:
    return Failure(
        "too_many_failures",
        f"{failed:,} of {ended:,} {what} failed or were lost; stop_at allows {bound}",
        Blame.ACCOUNT,
        Remedy.STOP,
    )


def _unheard(line: str) -> None:
    """Nobody shows this run."""


def _root(error: BaseException) -> BaseException:
    """The first error of a group: what the user has to know."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
