"""What a manifest says of costs: the budget, and when to stop; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from orchestrator.manifest import schema
from orchestrator.model import Operation
from orchestrator.settings import BatchSettings, BudgetSettings, StopSettings


@dataclass(frozen=True, slots=True)
class CostFault:
    """Something that a budget needs, and where it should stand."""

    path: tuple[str, ...]
    message: str
    hint: str


def budget(said: schema.Budget | None) -> BudgetSettings | None:
    """The budget as a value."""
    if said is None:
        return None
    if said.units is not None:
        return BudgetSettings(said.units)
    return None if said.money is None else BudgetSettings(said.money, said.currency)


def stop_at(said: schema.StopAt) -> StopSettings:
    """When to stop, as a value."""
    return StopSettings(said.failures, said.codes, said.after)


def faults(
    settings: BatchSettings, used: Collection[tuple[str, Operation]]
) -> Iterator[CostFault]:
    """What is missing for the budget, at each account that documents use."""
    if settings.budget is None:
        return
    for name in sorted({name for name, _ in used}):
        account = settings.accounts[name]
        asked = sorted(operation for of, operation in used if of == name)
        open_ = [str(each) for each in asked if account.at_most(each) is None]
        if open_:
            yield CostFault(
                ("providers", name),
                f"the account {name} declares no max_cost for {', '.join(open_)}, "
                "and a budget is set",
                "as in max_cost: 1, in units for one document; 0 costs nothing",
            )
        is_free = all(account.at_most(each) == 0 for each in asked)
        if settings.budget.currency and account.price is None and not is_free:
            yield CostFault(
                ("providers", name),
                f"the account {name} has no price, and the budget is in money",
                f"as in price: 0.01, in {settings.budget.currency} for a unit",
            )
