"""A delivery in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from orchestrator.model import State
from orchestrator.report.units import number

SHOWN = 20
"""Documents that are not done, and are named."""


class Amounts(Protocol):
    """Sums of a currency."""

    @property
    def net(self) -> Decimal:
        """Without tax."""
        ...

    @property
    def tax(self) -> Decimal:
        """Tax."""
        ...

    @property
    def gross(self) -> Decimal:
        """With tax."""
        ...

    @property
    def due(self) -> Decimal:
        """What is to be paid."""
        ...


class Sum(Protocol):
    """The invoices of a currency."""

    @property
    def invoices(self) -> int:
        """How many."""
        ...

    @property
    def amounts(self) -> Amounts:
        """Their sums."""
        ...


def lines(
    states: Mapping[State, int],
    *,
    delivered: int,
    refusals: int,
    left: Sequence[tuple[str, State, str, str]],
    is_written: bool,
) -> Iterator[str]:
    """How many were delivered, how many were not, and which."""
    parts = [f"{delivered:,} delivered"]
    for state, count in sorted(states.items()):
        if state is not State.DONE and count:
            parts.append(f"{count:,} {state.replace('_', ' ')}")
    yield f"{number(sum(states.values()), 'document')}: {', '.join(parts)}"
    for id_, state, code, message in left[:SHOWN]:
        why = f" {code}: {message}" if code else ""
        yield f"  {state.replace('_', ' ')}  {id_}{why}"
    more = sum(n for state, n in states.items() if state is not State.DONE) - SHOWN
    if more > 0:
        yield f"  … and {more:,} more: orchestrator status MANIFEST --list"
    if refusals:
        yield f"{number(refusals, 'objection')}; nothing was written"
    elif not is_written:
        yield "nothing is done yet; nothing was written"


def totals(sums: Mapping[str, Sum]) -> Iterator[str]:
    """A line for each currency."""
    for currency, mine in sorted(sums.items()):
        a = mine.amounts
        yield (
            f"{currency}  {number(mine.invoices, 'invoice')}  net {a.net:,f}  "
            f"tax {a.tax:,f}  gross {a.gross:,f}  due {a.due:,f}"
        )
