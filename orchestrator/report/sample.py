"""What a few documents say of all the others; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestrator.model import State
from orchestrator.report.bill import Line, Terms, amount, units_words
from orchestrator.report.summary import states_line
from orchestrator.report.units import number, span


@dataclass(frozen=True, slots=True)
class Sample:
    """The first documents of a batch.

    Attributes:
        asked: How many were to be tried.
        rest: How many there are beside them.
        states: How those ended that did.
        seconds: How long it took.
        bill: What they cost, as far as known.
    """

    asked: int
    rest: int
    states: Mapping[State, int]
    seconds: float
    bill: Sequence[Line]

    @property
    def ended(self) -> int:
        """Documents that ended."""
        return sum(self.states.values())

    @property
    def is_good(self) -> bool:
        """Whether all of them are done."""
        return self.ended > 0 and self.states.get(State.DONE) == self.ended

    @property
    def units(self) -> Decimal:
        """Units that were charged or may have been."""
        return sum((each.charged + each.possible for each in self.bill), Decimal(0))

    def money(self, terms: Terms) -> Decimal | None:
        """The same in money, if every account that charged has a price."""
        costs = Decimal(0)
        for each in self.bill:
            units, price = each.charged + each.possible, terms.prices.get(each.account)
            if units and price is None:
                return None
            costs += units * (price or 0)
        return costs

    def for_rest(self, value: Decimal) -> Decimal:
        """A figure of these documents, for all the others."""
        return round(value * self.rest / max(1, self.ended), 6)


def sample_lines(sample: Sample, terms: Terms) -> Iterator[str]:
    """What ``run --first`` prints before it asks."""
    cost = _cost(sample.units, sample.money(terms), terms)
    yield (
        f"first {sample.ended:,}: {states_line(sample.states)}, "
        f"{span(sample.seconds)}{cost}"
    )
    if not sample.rest:
        yield "there are no others"
    elif sample.ended:
        money = sample.money(terms)
        cost = _cost(
            sample.for_rest(sample.units),
            None if money is None else sample.for_rest(money),
            terms,
        )
        seconds = float(sample.for_rest(Decimal(str(sample.seconds))))
        yield (
            f"the other {number(sample.rest, 'document')} at that pace: at most about "
            f"{span(seconds)}{cost}"
        )


def sample_fields(sample: Sample, terms: Terms) -> dict[str, Any]:
    """The same as documented fields (docs/cli.md)."""
    money = sample.money(terms)
    return {
        "asked": sample.asked,
        "rest": sample.rest,
        "states": sample.states,
        "seconds": round(sample.seconds, 3),
        "units": float(round(sample.units, 6)),
        "cost": money,
        "rest_units": float(sample.for_rest(sample.units)),
        "rest_cost": None if money is None else sample.for_rest(money),
    }


def _cost(units: Decimal, money: Decimal | None, terms: Terms) -> str:
    if not units:
        return ", nothing to pay"
    if money is None:
        return f", {units_words(units)}"
    price = f"{amount(money, '')} {terms.currency or ''}".rstrip()
    return f", {units_words(units)} ({price})"
