"""What a batch may spend: the manifest's words and the ledger's facts put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.batch.accounts import Account
from orchestrator.engine.budget import ZERO, Budget, Terms, Till, units_said
from orchestrator.errors import UsageError
from orchestrator.ledger import record
from orchestrator.ledger.bill import Committed
from orchestrator.model import Failure
from orchestrator.settings import BudgetSettings

_GONE = Terms(lambda _: Decimal(1))
"""An account that left the manifest: what it did not tell counts one a document."""


@dataclass(frozen=True, slots=True)
class Spending:
    """The budget of a run, and the terms of its accounts."""

    budget: Budget
    terms: Mapping[str, Terms]
    broken: Mapping[str, str]

    def till(self, account: str) -> Till:
        """The budget as an account sees it."""
        return Till(
            account,
            self.budget,
            self.terms[account],
            broken=self.broken.get(account, ""),
        )


def spending_of(
    said: BudgetSettings | None,
    accounts: Mapping[str, Account],
    rows: Iterable[Committed],
) -> Spending:
    """The budget of a run.

    Args:
        said: The manifest's budget, if it has one.
        accounts: Accounts by name.
        rows: What jobs of former runs have cost, or may have cost.

    Raises:
        UsageError: the budget is in money, and an account of the ledger that cost
            something has no price any more.
    """
    is_money = said is not None and said.currency is not None
    terms = {name: _terms(each, is_money=is_money) for name, each in accounts.items()}
    kept, broken = ZERO, {}
    for row in rows:
        of_account = terms.get(row.account, _GONE)
        units = _units(row, of_account)
        if units and is_money and not _is_priced(row.account, accounts):
            raise UsageError(
                f"the ledger holds {units_said(units)} of the account "
                f"{row.account}, and the manifest has no price for it: a budget in "
                "money cannot count them; keep the account, with its price"
            )
        kept += units * of_account.price
        if why := _excess(row, of_account):
            broken[row.account] = why
    limit = said.limit if said else None
    measure = said.currency if said and said.currency else "units"
    return Spending(Budget(limit, kept, measure=measure), terms, broken)


def free_of(accounts: Mapping[str, Account]) -> list[str]:
    """Accounts that never charge: they are at the private service."""
    return [name for name, each in accounts.items() if each.settings.is_private]


def terms_text(said: BudgetSettings | None, accounts: Mapping[str, Account]) -> str:
    """Prices and budget as the ledger keeps them, for whoever reads it alone."""
    prices = {
        name: f"{each.settings.price:f}"
        for name, each in accounts.items()
        if each.settings.price is not None and not each.settings.is_private
    }
    free = free_of(accounts)
    budget = {"limit": f"{said.limit:f}", "currency": said.currency} if said else None
    return json.dumps({"budget": budget, "prices": prices, "free": free})


def stops_text(stopped: Mapping[str, Failure]) -> str:
    """Why a run stopped to start documents, as the ledger keeps it, by account."""
    return record.text(stopped)


def _terms(account: Account, *, is_money: bool) -> Terms:
    settings = account.settings
    price = (settings.price or ZERO) if is_money else Decimal(1)
    return Terms(settings.at_most, price, is_free=settings.is_private)


def _is_priced(name: str, accounts: Mapping[str, Account]) -> bool:
    account = accounts.get(name)
    return account is not None and account.settings.price is not None


def _units(row: Committed, terms: Terms) -> Decimal:
    """Units of some jobs: told, or reserved, or the most that is declared now."""
    if terms.is_free:
        return ZERO
    if row.cost is not None:
        return row.cost * row.jobs
    if row.reserved or row.operation is None:
        return row.reserved * row.jobs
    return (terms.at_most(row.operation) or ZERO) * row.documents * row.jobs


def _excess(row: Committed, terms: Terms) -> str:
    """What a job has cost beyond what is declared now, in words."""
    most = None if row.operation is None else terms.at_most(row.operation)
    if terms.is_free or most is None or row.cost is None:
        return ""
    if row.cost <= most * row.documents:
        return ""
    each = row.cost / row.documents
    return (
        f"a document of an earlier run cost {units_said(each)}, and max_cost "
        f"of the account {row.account} allows {most:f}"
    )
