"""Asks providers about jobs, for a proof: reads only, within every rate.

What can be asked: the bill of the private service, the balance of an account, and each
job that is not settled, by the same steps by which a run would look it up. Jobs that
are settled are not asked for: their results were fetched, and most providers delete
them then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.batch.accounts import Account, accounts_of, secret_of, servers_of
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.rehearsal import Tab, tab_of
from orchestrator.clock import Clock
from orchestrator.engine.limits import Gates
from orchestrator.errors import AccountError
from orchestrator.ledger.store import Store
from orchestrator.model import Job, Phase, Progress, Remedy
from orchestrator.settings import BatchSettings
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.private import PrivateService
from orchestrator.wire.flow import Step
from orchestrator.wire.outcome import NotSent, Unanswered


@dataclass(slots=True)
class Asked:
    """What providers said.

    Attributes:
        answers: Unsettled jobs by what was said of them: ``known``, ``absent``,
            ``silent`` (no usable answer) or ``mute`` (the API has no such question).
            Not asked about: ``ready`` (finished, as the provider said before),
            ``unsent`` (nothing that may cost money left), and ``stranded`` (at an
            account or a server that the manifest does not have).
        balances: Account -> units left, as far as APIs tell.
        tab: The private service's own bill, if there is one.
    """

    answers: Counter[str] = field(default_factory=Counter)
    balances: dict[str, float] = field(default_factory=dict)
    tab: Tab | None = None


async def ask(
    settings: BatchSettings,
    folder: BatchFolder,
    *,
    environment: Mapping[str, str],
    clock: Clock,
) -> Asked:
    """Ask every account of a batch; the batch must be held.

    Raises:
        AccountError: a key is missing.
        MachineError: the private service cannot be started.
    """
    asked = Asked()
    async with Store(folder.ledger, clock) as store:
        accounts = accounts_of(settings.accounts)
        left = {each.account: each for each in store.stranded(servers_of(accounts))}
        for each in left.values():
            asked.answers["stranded"] += each.jobs
        for account in accounts.values():
            name = account.name
            if name in left or not (store.has_jobs(name) or store.has_left(name)):
                continue
            if account.settings.is_private:
                async with _private(settings, folder) as service:
                    key = service.key
                    asked.tab = await tab_of(service.url, key, clock)
                    questions = _Questions(account, asked, clock)
                    await questions.put(store, service.url, key, "")
            else:
                questions = _Questions(account, asked, clock)
                place = settings.folder
                key = secret_of(account, account.settings.key, environment, place)
                secret = secret_of(account, account.settings.secret, environment, place)
                await questions.put(store, _url(account), key, secret)
    return asked


def _url(account: Account) -> str:
    url = account.settings.url or account.provider.base_url
    if url is None:
        raise AccountError(f"account {account.name}: its url is missing")
    return url


@asynccontextmanager
async def _private(
    settings: BatchSettings, folder: BatchFolder
) -> AsyncIterator[PrivateService]:
    designs = settings.designs
    arguments = ("--designs", str(designs)) if designs else ()
    async with PrivateService(folder.service, arguments=arguments) as service:
        yield service


class _Questions:
    """Questions to one account."""

    def __init__(self, account: Account, asked: Asked, clock: Clock) -> None:
        self._account = account
        self._asked = asked
        self._clock = clock
        rates = account.provider.rates
        self._gates = Gates(account.limits, clock, lambda *_: None, rates=rates)

    async def put(self, store: Store, url: str, key: str, secret: str) -> None:
        """Ask for the balance, and for each job that is not settled."""
        name = self._account.name
        async with HttpTransport(
            url,
            clock=self._clock,
            account=name,
            auth=self._account.auth(key, secret),
        ) as transport:
            await self._balance(transport)
            for job, progress, intended in store.open_jobs(name):
                if progress.phase is not Phase.RELEASE:  # only left to be deleted
                    answer = await self._answer(transport, job, progress, intended)
                    self._asked.answers[answer] += 1

    async def _balance(self, transport: HttpTransport) -> None:
        survey = self._account.provider.survey
        if survey is None:
            return
        try:
            async with transport.send(survey.request) as reply:
                standing = survey.standing(reply.response)
        except (NotSent, Unanswered):
            return
        if standing.balance is not None:
            self._asked.balances[self._account.name] = standing.balance

    async def _answer(
        self,
        transport: HttpTransport,
        job: Job,
        progress: Progress,
        intended: float | None,
    ) -> str:
        if intended is None and progress.phase is not Phase.POLL:
            return "ready" if progress.phase is Phase.FETCH else "unsent"
        step = self._question(job, progress, intended)
        if step is None:
            return "mute"
        request = step.build(job, progress)
        try:
            async with (
                self._gates.passage(0, is_large=False, lane=request.lane) as wire,
                transport.send(request) as reply,
            ):
                wire.heard(reply.response)
                found = step.parse(job, progress, reply.response)
        except (NotSent, Unanswered):
            return "silent"
        if found.failure is None:
            return "known"
        is_absent = found.failure.remedy is Remedy.ABSENT
        return "absent" if is_absent else "silent"

    def _question(
        self, job: Job, progress: Progress, intended: float | None
    ) -> Step | None:
        step = self._account.provider.flows[job.mode].get(progress.phase)
        if step is None or intended is None:
            return step
        return step.find
