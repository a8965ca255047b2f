"""Opens the accounts of a run: services, connections, gates, drivers."""

from __future__ import annotations

import asyncio
import math
import os
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.batch.accounts import Account, secret_of
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.hooks import Hooks, Say
from orchestrator.batch.options import RunOptions
from orchestrator.batch.prepare import Prepared
from orchestrator.batch.rehearsal import SPOKEN, Tab, root_of, tab_of
from orchestrator.batch.sharing import name_of, shared
from orchestrator.batch.spending import Spending
from orchestrator.batch.survey import Survey
from orchestrator.clock import Clock
from orchestrator.engine.budget import Till
from orchestrator.engine.dispatch import Dispatcher, MakeJob, Tell
from orchestrator.engine.drive import Driver
from orchestrator.engine.ending import apart
from orchestrator.engine.expect import Times
from orchestrator.engine.limits import WELL, Changed, Gates
from orchestrator.engine.release import TOGETHER
from orchestrator.engine.roll import Roll
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.errors import AccountError, MachineError, UsageError
from orchestrator.ledger.feed import Allowance, Pages
from orchestrator.ledger.store import Store
from orchestrator.model import Document, Echo, Job
from orchestrator.plan.deadlines import urgency
from orchestrator.settings import HookSettings
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.door import Door
from orchestrator.transfer.inbox import Inbox
from orchestrator.transfer.log import ExchangeLog
from orchestrator.transfer.private import PrivateService
from orchestrator.transfer.sink import FileOutputs
from orchestrator.wire.flow import Limits

REVIVALS = 8
"""How often a private service that died is started again in one run.

More often than a document may kill it: then that document fails, and the run goes on.
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """An account that is ready to work; ``balance`` as far as its API tells.

    ``asks`` asks for the balance again.
    """

    account: Account
    dispatcher: Dispatcher
    till: Till
    feed: Pages
    balance: float | None = None
    asks: Callable[[], Awaitable[float | None]] | None = None
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an account's API lives for this run, and its key."""

    url: str
    key: str
    secret: str = ""
    callback: str | None = None


class Opening:
    """Opens accounts one by one; what it opens is closed by the stack."""

    def __init__(
        self,
        batch: Prepared,
        folder: BatchFolder,
        *,
        options: RunOptions,
        environment: Mapping[str, str],
        clock: Clock,
        luck: random.Random,
        store: Store,
        stack: AsyncExitStack,
        spending: Spending,
        say: Say,
        service: PrivateService | None = None,
    ) -> None:
        self._batch = batch
        self._folder = folder
        self._options = options
        self._environment = environment
        self._clock = clock
        self._luck = luck
        self._store = store
        self._stack = stack
        self._spending = spending
        self._allowance = Allowance(options.limit)
        self._watches: list[Dispatcher] = []
        self.limits: dict[str, dict[str, float]] = {}
        """By account: ``width`` and ``rate`` as they were found from refusals."""
        self._service = service
        self._home: Endpoint | None = None
        self._door = ""
        said = options.hooks(batch.settings.webhooks)
        if options.rehearsal is not None:
            said = HookSettings()  # nobody is told an address of the user's
        self._hooks = Hooks(
            said,
            hear=self._hear,
            environment=environment,
            base=batch.settings.folder,
            clock=clock,
            say=say,
        )
        file = options.log_file
        self._log = stack.enter_context(_log_at(file)) if file else None

    async def open(self, accounts: Sequence[Account], tell: Tell) -> list[Opened]:
        """Open every account, and ask each what it can do.

        Raises:
            AccountError: a key is missing or wrong, or nobody answers.
            ManifestError: an account cannot do what it is asked for.
        """
        await self._hooks.open(self._stack, accounts, self._folder)
        private = None
        is_rehearsed = self._options.rehearsal is not None
        if self._service is not None:
            private = self._home = await self._private(self._service)
        opened = []
        for account in accounts:
            if private and account.settings.is_private:
                endpoint = private
            elif private and is_rehearsed:
                endpoint = self._dialect(private, account)
            else:
                endpoint = self._endpoint(account)
            opened.append(await self._open(account, endpoint, tell))
        self._watches.extend(each.dispatcher for each in opened)
        await self._hooks.catch_up(lambda: self._left(accounts))
        follower = asyncio.create_task(self._hooks.follow(), name="hooks")
        self._stack.callback(follower.cancel)
        return opened

    async def tab(self) -> Tab | None:
        """What the private service counted, if there is one."""
        if self._home is None:
            return None
        return await tab_of(self._home.url, self._home.key, self._clock)

    def _left(self, accounts: Sequence[Account]) -> set[str]:
        """Ids and handles of the jobs that a former run left."""
        names = (self._store.names_left(each.name) for each in accounts)
        return set().union(*names)

    def _endpoint(self, account: Account) -> Endpoint:
        url = account.settings.url or account.provider.base_url
        if url is None:
            raise AccountError(f"account {account.name}: its url is missing")
        folder = self._batch.settings.folder
        settings = account.settings
        key = secret_of(account, settings.key, self._environment, folder)
        secret = secret_of(account, settings.secret, self._environment, folder)
        return Endpoint(url, key, secret, self._hooks.callback(account))

    async def _private(self, service: PrivateService) -> Endpoint:
        """Enter the private service, with a receiver for its webhooks.

        In a rehearsal it calls as the vendors would, so that what their webhooks are
        good for is rehearsed, too.
        """
        inbox = Inbox(self._hear)
        token = secrets.token_urlsafe(24)
        door = await self._stack.enter_async_context(Door(inbox.answer, token=token))
        self._door = f"{door.url}/{token}"
        if self._options.rehearsal is not None:
            service.webhook = f"{self._door}/reportflow"
            for each in SPOKEN - {"local"}:
                inbox.admit(each)
        await self._stack.enter_async_context(service)
        keeper = asyncio.create_task(_keep_alive(service))
        self._stack.callback(keeper.cancel)
        inbox.admit("local", service.webhook_secret)
        callback = f"{self._door}/local"
        return Endpoint(service.url, service.key, callback=callback)

    def _hear(self, echo: Echo) -> None:
        for each in self._watches:
            each.hear(echo)

    async def _open(self, account: Account, endpoint: Endpoint, tell: Tell) -> Opened:
        transport = await self._transport(account, endpoint)
        gates = self._gates(account, endpoint)
        survey = Survey(
            account,
            transport,
            gates,
            batch=self._batch,
            clock=self._clock,
            luck=self._luck,
        )
        balance = await survey.run()
        said = self._options
        feed = Pages(self._store, account.name, said.only, self._allowance, said.retry)
        till = self._spending.till(account.name)
        dispatcher = self._dispatcher(
            account,
            transport,
            gates,
            feed=feed,
            till=till,
            make_job=self._maker(account.name, endpoint.callback),
            tell=tell,
        )
        asks = None if balance is None else survey.balance
        callback = endpoint.callback
        return Opened(account, dispatcher, till, feed, balance, asks, callback)

    async def _transport(self, account: Account, endpoint: Endpoint) -> HttpTransport:
        return await self._stack.enter_async_context(
            HttpTransport(
                endpoint.url,
                clock=self._clock,
                account=account.name,
                auth=account.auth(endpoint.key, endpoint.secret),
                on_exchange=self._log,
                on_hash=self._store.hashed,
            )
        )

    def _dispatcher(
        self,
        account: Account,
        transport: HttpTransport,
        gates: Gates,
        *,
        feed: Pages,
        till: Till,
        make_job: MakeJob,
        tell: Tell,
    ) -> Dispatcher:
        limits, provider = _limits_of(account), account.provider
        outputs = FileOutputs(overwrite=lambda document: document.overwrite)
        kept = provider.retention
        watch = Watch[Work](
            self._clock, lambda work: urgency(work.job, work.progress, kept)
        )
        times = Times(provider.pace, self._clock, self._luck)
        return Dispatcher(
            self._driver(account, transport, outputs, gates, times),
            feed=feed,
            watch=watch,
            gates=gates,
            limits=limits,
            make_job=make_job,
            tell=tell,
            fits=apart(provider.fits, outputs),
            roll=Roll(
                provider,
                transport=transport,
                gates=gates,
                watch=watch,
                clock=self._clock,
                times=times,
            ),
            till=till,
            shelf=Shelf(feed.documents),
        )

    def _driver(
        self,
        account: Account,
        transport: HttpTransport,
        outputs: FileOutputs,
        gates: Gates,
        times: Times,
    ) -> Driver:
        return Driver(
            account.provider,
            transport=transport,
            ledger=self._store,
            outputs=outputs,
            gates=gates,
            clock=self._clock,
            luck=self._luck,
            trusted=self._store.trust_of(account.name),
            listens=self._listens(account),
            together=TOGETHER,
            times=times,
        )

    def _gates(self, account: Account, endpoint: Endpoint) -> Gates:
        """The limits of an account, shared with other batches where it is not ours."""
        provider, slate = account.provider, None
        is_rehearsed = self._options.rehearsal is not None
        if not (is_rehearsed or account.settings.is_private):
            name = name_of(provider.name, endpoint.url, endpoint.key, endpoint.secret)
            slate = self._stack.enter_context(shared(name, self._clock))
        gates = Gates(
            _limits_of(account),
            self._clock,
            self._limit_noted(account),
            rates=provider.rates,
            slate=slate,
        )
        self._stack.callback(gates.close)
        return gates

    def _limit_noted(self, account: Account) -> Changed:
        found: dict[str, float] = {}
        if not account.settings.is_private:
            self.limits[account.name] = found

        def changed(kind: str, figure: float, why: str) -> None:
            self._store.jot(kind, account.name, f"{figure:.4g}: {why}")
            if math.isinf(figure):
                found.pop(kind, None)
            elif kind in found or why != WELL:
                found[kind] = figure

        return changed

    def _listens(self, account: Account) -> bool:
        is_rehearsed = self._options.rehearsal is not None
        return is_rehearsed or self._hooks.listens(account)

    def _dialect(self, private: Endpoint, account: Account) -> Endpoint:
        """Where the private service speaks the API of an account; any key opens it."""
        return Endpoint(
            private.url + root_of(account.provider),
            private.key,
            private.key if account.settings.secret is not None else "",
            f"{self._door}/{account.provider.name}",
        )

    def _maker(self, account: str, callback: str | None) -> MakeJob:
        def make(documents: tuple[Document, ...]) -> Job:
            return Job(
                id=job_id(self._clock.now()),
                account=account,
                mode=documents[0].mode,
                documents=documents,
                created=self._clock.now(),
                callback=callback,
            )

        return make


def job_id(now: float) -> str:
    """A name for a job: the time in milliseconds, then chance, as in a UUID of kind 7.

    What comes in order lies side by side in the ledger's indices, so a commit writes
    fewer pages.
    """
    return f"{int(now * 1000):012x}{secrets.token_hex(10)}"


def _log_at(path: Path) -> ExchangeLog:
    try:
        return ExchangeLog(path)
    except OSError as error:
        raise UsageError(f"--log-file {path}: {error.strerror}") from None


def _limits_of(account: Account) -> Limits:
    limits = account.limits
    if account.settings.is_private and account.settings.limits.width is None:
        # Its work is bound by cores; more width would only wait in its queue.
        return replace(limits, width=3 * (os.cpu_count() or 1) + 2)
    return limits


async def _keep_alive(service: PrivateService) -> None:
    """Start the private service again when it dies; its jobs are on disk.

    One that keeps dying stays dead: then nobody answers, and the account stops.
    """
    for _ in range(REVIVALS):
        await service.died.wait()
        with suppress(MachineError):
            await service.revive()
