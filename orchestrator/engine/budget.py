"""The budget as a gate: what a job may cost is held before the job is made.

One ``Budget`` serves all accounts of a run, each through its ``Till``. Between two
awaits nobody else runs, so to ask and to hold is one act. What is held becomes what the
provider says it charged when the job ends; where it says nothing, all of it is kept,
and so it is for a job in doubt. It is given back where the job provably cost nothing.

A document that does not fit waits for as long as a job in flight may give something
back. When none may, nothing new is started for its account: first come, first served,
since a cheaper one that went ahead might take the room of all that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orchestrator.engine.work import Work, is_unsent
from orchestrator.model import Blame, Document, Failure, Job, Operation, Remedy

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account charges at most.

    Attributes:
        at_most: Units for a document, by operation; ``None`` where nobody said.
        price: What a unit is in the budget's measure: 1, or money.
        is_free: Whether nothing is ever charged, whatever its replies tell.
    """

    at_most: Callable[[Operation], Decimal | None]
    price: Decimal = Decimal(1)
    is_free: bool = False

    def declared(self, documents: Sequence[Document]) -> Decimal | None:
        """Units that these may cost together, if that was said of each of them."""
        most = [self.at_most(each.operation) for each in documents]
        known = [each for each in most if each is not None]
        return sum(known, ZERO) if len(known) == len(most) else None


UNKNOWN = Terms(lambda _: None)
"""Those of an account that declares nothing."""


class Budget:
    """What a batch may cost, and what is taken of it; for all accounts of a run.

    ``limit`` is in units or money, ``None`` for no bound; ``kept`` is what former runs
    have cost or may have cost.
    """

    def __init__(
        self, limit: Decimal | None, kept: Decimal = ZERO, *, measure: str = "units"
    ) -> None:
        self.limit = limit
        self.kept = kept
        self.measure = measure
        self._held: dict[str, Decimal] = {}
        self._in_flight = ZERO
        self._is_awaited = False
        self._listeners: list[Callable[[], None]] = []

    @property
    def taken(self) -> Decimal:
        """What was charged, may have been charged, or may be."""
        return self.kept + self._in_flight

    @property
    def has_hope(self) -> bool:
        """Whether a job in flight may still give something back."""
        return self._in_flight > 0

    def listen(self, stir: Callable[[], None]) -> None:
        """Be told when something was given back that somebody waits for."""
        self._listeners.append(stir)

    def has_room(self, amount: Decimal) -> bool:
        """Whether that much may be held; who asks in vain will be told of changes."""
        if amount <= 0 or self.limit is None or self.taken + amount <= self.limit:
            return True
        self._is_awaited = True
        return False

    def hold(self, job: str, amount: Decimal) -> None:
        """Hold an amount for a job."""
        self._held[job] = amount
        self._in_flight += amount

    def settle(self, job: str, amount: Decimal | None = None) -> None:
        """Keep what a job has cost, and give back the rest; ``None`` keeps it all."""
        held = self._held.pop(job, None)
        if held is None:
            return
        self._in_flight -= held
        self.kept += held if amount is None else amount
        if self._is_awaited:
            self._is_awaited = False
            for stir in self._listeners:
                stir()


class Till:
    """The budget as one account sees it."""

    def __init__(
        self, account: str, budget: Budget, terms: Terms, *, broken: str = ""
    ) -> None:
        self._account = account
        self._budget = budget
        self._terms = terms
        self._jobs: set[str] = set()
        self.is_used = False
        self.broken = _above(broken) if broken else None

    def listen(self, stir: Callable[[], None]) -> None:
        """Be told when something was given back that somebody waits for."""
        self._budget.listen(stir)

    @property
    def has_hope(self) -> bool:
        """Whether a job in flight may still give something back."""
        return self._budget.has_hope

    def fitting(self, documents: Sequence[Document]) -> int:
        """How many of these, from the first on, may go into a job now."""
        for count in range(len(documents), 0, -1):
            if self._budget.has_room(self._most(documents[:count])):
                return count
        return 0

    def hold(self, job: Job) -> Job:
        """The job with what it may cost, which is held from now on."""
        units = self._terms.declared(job.documents) or ZERO
        self._hold(job.id, units)
        return replace(job, reserved=units)

    def resume(self, work: Work) -> bool:
        """Hold what a job of a former run may cost; ``False`` if it may not be sent.

        What was sent is in the budget already, as the ledger tells it. Where more is
        declared by now and its outcome is not known, the difference has to fit, too:
        the provider may prove that it never arrived, and it is sent again.
        """
        if self.bars(work):
            return False
        most = self._terms.declared(work.job.documents) or ZERO
        known = ZERO if is_unsent(work) else self._known(work, most)
        more = ZERO if work.progress.cost is not None else max(ZERO, most - known)
        if not self._budget.has_room(more * self._terms.price):
            if is_unsent(work) or work.intended is not None:
                return False
            more = ZERO
        self._budget.kept -= known * self._terms.price
        self._hold(work.name, known + more)
        work.job = replace(work.job, reserved=known + more)
        return True

    def bars(self, work: Work) -> bool:
        """Whether a job must not be sent, since nobody knows what it may cost."""
        return self.broken is not None and is_unsent(work)

    def _known(self, work: Work, most: Decimal) -> Decimal:
        """Units that the budget has counted for a job that was sent."""
        if self._terms.is_free or work.progress.cost is not None:
            return self._units(work)
        return work.job.reserved or most

    def ended(self, work: Work) -> None:
        """The job is over for this run: keep what it cost, or may have cost."""
        self._settle(work.name, self._units(work) * self._terms.price)

    def left(self, work: Work) -> None:
        """The job is left where it stands: what was not sent holds nothing."""
        self._settle(work.name, ZERO if is_unsent(work) else None)

    def close(self) -> None:
        """The account is over for this run: what is held for its jobs is kept."""
        for job in tuple(self._jobs):
            self._settle(job, None)

    def complaint(self, work: Work) -> Failure | None:
        """What is wrong if a job cost more than was declared."""
        cost, most = work.progress.cost, self._terms.declared(work.job.documents)
        if cost is None or most is None or self._terms.is_free:
            return None
        told = units_of(cost)
        if told <= max(most, work.job.reserved):
            return None
        first = work.job.document
        self.broken = self.broken or _above(
            f"{first.id} cost {units_said(told)}, and max_cost of the account "
            f"{self._account} allows {most:f}"
        )
        return self.broken

    def refusal(self, document: Document) -> Failure:
        """Why a document is not started."""
        budget = self._budget
        most = self._most([document])
        return Failure(
            "budget",
            f"the budget of {self._figure(budget.limit or ZERO)} {budget.measure} is "
            f"reached: {self._figure(budget.taken)} are spent or reserved, and "
            f"{document.id} may cost {self._figure(most)}; raise it to go on",
            Blame.ACCOUNT,
            Remedy.STOP,
        )

    def _figure(self, value: Decimal) -> str:
        """Money with two digits or more, units without what says nothing."""
        is_money = self._budget.measure != "units" and value == round(value, 2)
        return f"{value:.2f}" if is_money else f"{value.normalize():f}"

    def _most(self, documents: Sequence[Document]) -> Decimal:
        return (self._terms.declared(documents) or ZERO) * self._terms.price

    def _units(self, work: Work) -> Decimal:
        if self._terms.is_free:
            return ZERO
        cost = work.progress.cost
        return work.job.reserved if cost is None else units_of(cost)

    def _hold(self, job: str, units: Decimal) -> None:
        self._jobs.add(job)
        self.is_used = True
        self._budget.hold(job, units * self._terms.price)

    def _settle(self, job: str, amount: Decimal | None) -> None:
        self._jobs.discard(job)
        self._budget.settle(job, amount)


def units_of(told: float) -> Decimal:
    """A cost as it was told, digit by digit; less than nothing is nothing."""
    return max(ZERO, Decimal(str(told)))


def units_said(value: Decimal) -> str:
    """``1 unit``, ``2.5 units``."""
    return f"{value.normalize():f} unit{'' if value == 1 else 's'}"


def free_till() -> Till:
    """For an account without a budget whose costs nobody declared."""
    return Till("", Budget(None), UNKNOWN)


def _above(what: str) -> Failure:
    return Failure(
        "cost_above_declared",
        f"{what}; nothing new is started until max_cost says what is charged",
        Blame.ACCOUNT,
        Remedy.STOP,
    )
