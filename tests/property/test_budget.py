"""Never over the budget, not for a moment: whatever is lost, killed, retried, edited.

Real dispatchers and drivers of two accounts, with many workers each, over the ledger on
disk; a model of the service bills each document up to what was declared for it.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.batch.accounts import Account, accounts_of
from orchestrator.batch.spending import Spending, spending_of
from orchestrator.engine.dispatch import Dispatcher
from orchestrator.engine.drive import Driver
from orchestrator.engine.limits import Gates
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.ledger.feed import Pages
from orchestrator.ledger.retry import Retry, reopen
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    Document,
    Job,
    Mode,
    Operation,
    Progress,
    State,
    Verdict,
)
from orchestrator.settings import AccountSettings, BudgetSettings
from orchestrator.testing import (
    Broken,
    Canned,
    ManualClock,
    MemoryOutputs,
    ScriptedTransport,
)
from orchestrator.wire.flow import Absence, Limits
from orchestrator.wire.http import Request
from orchestrator.wire.outcome import NotSent, Unanswered
from tests.model import Killed, Service, document, problem

URL = "http://127.0.0.1:1"
EXAMPLES = 20


class Death:
    """Ends a process after some effects: from then on nothing of it happens."""

    def __init__(self, after: int | None) -> None:
        self._left = after

    @property
    def is_dead(self) -> bool:
        """Whether it happened."""
        return self._left is not None and self._left <= 0

    def __call__(self, effect: str = "") -> None:
        """Hear an effect, or be asked whether one may happen."""
        if self.is_dead:
            raise Killed(effect)
        if self._left is not None and effect:
            self._left -= 1


class Mortal:
    """A ledger that a dead process does not write."""

    def __init__(self, store: Store, death: Death) -> None:
        self._store = store
        self._death = death

    async def intend(self, job: Job, progress: Progress) -> None:
        """Write an intent."""
        self._death()
        await self._store.intend(job, progress)
        self._death("intend")

    async def not_sent(self, job: Job, progress: Progress, why: str) -> None:
        """Take an intent back."""
        self._death()
        await self._store.not_sent(job, progress, why)
        self._death("not_sent")

    async def advance(self, job: Job, progress: Progress) -> None:
        """Write where the job stands."""
        self._death()
        await self._store.advance(job, progress)
        self._death("advance")

    async def settle(
        self, job: Job, progress: Progress, verdicts: Sequence[Verdict]
    ) -> None:
        """Write how documents ended."""
        self._death()
        await self._store.settle(job, progress, verdicts)
        self._death("settle")

    async def trust(self, account: str) -> None:
        """Note trust."""
        self._death()
        await self._store.trust(account)

    async def distrust(self, account: str) -> None:
        """Note distrust."""
        self._death()
        await self._store.distrust(account)


class Bank(Service):
    """The service with prices and bad luck; every bill is checked at once."""

    def __init__(self, luck: random.Random, *, trouble: float) -> None:
        super().__init__()
        self.luck = luck
        self.trouble = trouble
        self.limit = Decimal(0)
        self.total = Decimal(0)
        self.faults: list[str] = []
        self.units: dict[str, Decimal] = {}
        self.account: Account | None = None

    def _accept(self, id_: str) -> None:
        assert self.account is not None
        said = self.account.settings
        most = said.max_cost[None]
        units = self.luck.choice((most, most / 2, Decimal(0)))
        self.total += units * (said.price or Decimal(0))
        if self.total > self.limit:
            self.faults.append(f"{self.total} of {self.limit}")
        self.units[id_] = self.units.get(id_, Decimal(0)) + units
        super()._accept(id_)

    def _said(self, status: int, id_: str) -> Canned:
        canned = super()._said(status, id_)
        told = {"units": float(self.units[id_])} if id_ in self.units else {}
        body = json.dumps(json.loads(canned.body) | told)
        return replace(canned, body=body.encode())

    def answers(self, account: Account, death: Death) -> Answers:
        """Answers to one account; requests and replies may be lost on their way."""

        def answer(request: Request) -> Canned | Broken:
            death()
            self.account = account
            chance = self.luck.random() / self.trouble if self.trouble else 1
            if chance < 0.2:
                return Broken(NotSent("refused", "refused"))
            if chance < 0.4:
                return Broken(Unanswered("lost", "the request is lost"))
            if chance < 0.6 and request.repeat.may_cost:
                return problem(422, "damaged_file")
            if chance < 0.7 and request.repeat.may_cost:
                return problem(503, "busy", retry=True)
            canned = self.answer(request)
            return canned if chance >= 1 else Broken(Unanswered("lost", "cut"))

        return answer


Answers = Callable[[Request], Canned | Broken]


class Batch:
    """A batch at two accounts, run again and again, as by processes."""

    def __init__(self, folder: Path, bank: Bank, accounts: Sequence[Account]) -> None:
        self.path = folder / "ledger.sqlite"
        self.bank = bank
        self.said = accounts
        self.accounts = {each.name: each for each in accounts}
        self.clock = ManualClock()
        self.outputs = MemoryOutputs()
        self.made = 0

    def stage(self, documents: Sequence[Document]) -> None:
        """Take the manifest as it is now."""
        with Stage(self.path) as stage:
            for each in documents:
                stage.add(each)
            stage.compare()
            stage.merge()

    async def run(
        self, limit: Decimal, death: Death, retry: Retry | None = None
    ) -> list[str]:
        """Every account at once; tells why accounts were halted."""
        if retry is not None:
            reopen(self.path, retry)
        said = BudgetSettings(limit, "EUR")
        halted: list[str] = []
        async with Store(self.path, self.clock) as store:
            spending = spending_of(said, self.accounts, store.committed(()))
            begun = spending.budget.taken
            assert self.bank.total <= begun
            self.bank.limit = max(limit, begun)
            tasks = [
                asyncio.create_task(
                    self._carry(each, store, spending, death, halted, retry=retry)
                )
                for each in self.accounts.values()
            ]
            await self.clock.run(asyncio.wait(tasks))
            taken = spending.budget.taken
            assert taken <= max(limit, begun)
            assert self.bank.total <= taken
            for error in (each.exception() for each in tasks):
                assert error is None or (death.is_dead and _is_killed(error)), error
        assert not self.bank.faults
        return halted

    async def _carry(
        self,
        account: Account,
        store: Store,
        spending: Spending,
        death: Death,
        halted: list[str],
        *,
        retry: Retry | None,
    ) -> None:
        gates = Gates(account.limits, self.clock, lambda *_: None)
        driver = Driver(
            account.provider,
            transport=ScriptedTransport(
                always=[("*", self.bank.answers(account, death))], effect=death
            ),
            ledger=Mortal(store, death),
            outputs=self.outputs,
            gates=gates,
            clock=self.clock,
            luck=self.bank.luck,
        )
        dispatcher = Dispatcher(
            driver,
            feed=Pages(store, account.name, retry=retry),
            watch=Watch[Work](self.clock),
            gates=gates,
            limits=account.limits,
            make_job=self._job,
            tell=_nobody,
            till=spending.till(account.name),
        )
        left = store.left(account.name, retry=retry)
        await dispatcher.run([Work(*each) for each in left])
        if why := dispatcher.stopped or dispatcher.halted:
            halted.append(why.code)

    def _job(self, documents: tuple[Document, ...]) -> Job:
        self.made += 1
        first = documents[0]
        now = self.clock.now()
        return Job(f"{self.made:032x}", first.provider, first.mode, documents, now)

    def declare(self, share: Decimal) -> None:
        """Change what documents cost at most; the service keeps to it."""
        for each in self.said:
            most: dict[Operation | None, Decimal] = {
                None: each.settings.max_cost[None] * share
            }
            said = replace(each.settings, max_cost=most)
            self.accounts[each.name] = replace(each, settings=said)

    def resubmit(self) -> None:
        """A user decides that what is in doubt is sent as new work."""
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute(
                "UPDATE document SET state = 'open', job = NULL, stale = 0"
                " WHERE state = 'in_doubt'"
            )


async def _nobody(verdicts: Sequence[Verdict]) -> None:
    """Nobody wants to hear how documents ended."""


def _is_killed(error: BaseException) -> bool:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return isinstance(error, Killed)


def account_of(name: str, most: Decimal, price: Decimal, absence: Absence) -> Account:
    """An account of a service that costs, and charges for failures as it likes."""
    said = AccountSettings(name, "local", url=URL, price=price, max_cost={None: most})
    made = accounts_of({name: said})[name]
    provider = replace(made.provider, absence=absence, spares_failures=False)
    return replace(made, provider=provider, limits=Limits(width=3, jobs=7))


FAILED = Retry(frozenset({State.FAILED}))
amounts = st.sampled_from([Decimal(each) for each in ("1", "0.1", "0.07", "3")])
modes = st.sampled_from(list(Mode))


@pytest.mark.timeout(120)
@settings(max_examples=EXAMPLES, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    trouble=st.sampled_from([0.0, 0.1, 0.4]),
    prices=st.tuples(amounts, amounts),
    most=st.tuples(amounts, amounts),
    absence=st.sampled_from(list(Absence)),
    wanted=st.lists(st.tuples(st.integers(0, 1), modes), min_size=1, max_size=16),
    runs=st.lists(
        st.tuples(
            st.sampled_from(["as it is", "retry", "edit", "resubmit", "cheaper"]),
            st.none() | st.integers(1, 60),
            st.integers(0, 12),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_never_over_the_budget(  # noqa: PLR0917  # hypothesis passes by name
    seed: int,
    trouble: float,
    prices: tuple[Decimal, Decimal],
    most: tuple[Decimal, Decimal],
    absence: Absence,
    wanted: list[tuple[int, Mode]],
    runs: list[tuple[str, int | None, int]],
) -> None:
    """Not for a moment; and with room for all of it, nothing is left open."""
    accounts = [
        account_of(name, most[n], prices[n], absence) for n, name in enumerate("ab")
    ]
    documents = [
        document(f"d{n}", mode, provider="ab"[place], n=n)
        for n, (place, mode) in enumerate(wanted)
    ]

    async def story(folder: Path) -> None:
        batch = Batch(folder, Bank(random.Random(seed), trouble=trouble), accounts)
        batch.stage(documents)
        for number, (what, cut, limit) in enumerate(runs):
            if what == "edit":
                params = {"edit": number}
                documents[0] = replace(documents[0], params=params)
                batch.stage(documents)
            if what == "resubmit":
                batch.resubmit()
            if what == "cheaper":
                batch.declare(Decimal("0.01"))
            retry = FAILED if what == "retry" else None
            await batch.run(Decimal(limit), Death(cut), retry)
        batch.bank.trouble = 0
        batch.declare(Decimal(1))
        await batch.run(Decimal(100_000), Death(None), FAILED)
        batch.resubmit()
        batch.clock.skip(1000)
        assert await batch.run(Decimal(100_000), Death(None)) == []
        with View(batch.path) as view:
            left = {each for each in view.states() if each is not State.DONE}
        assert left <= {State.FAILED, State.IN_DOUBT}

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))
