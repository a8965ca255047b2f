"""What a provider's balance says of documents in doubt; performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

Units: TypeAlias = int | float | Decimal

_NEAR = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Window:
    """One account between two looks at its balance; all figures are units.

    Attributes:
        before: The balance when nothing was sent yet.
        after: The balance now.
        known: What was billed in between for documents whose outcome is known.
        doubts: Documents in doubt whose requests were sent in between.
        cost: What one of them costs if it was billed.
    """

    before: Units
    after: Units
    known: Units
    doubts: int
    cost: Units = 1


def billed_of(window: Window) -> int | None:
    """How many of the documents in doubt were billed.

    ``None`` where the balance does not say: it fell by less than what is known, by
    more than all of them cost, or by no whole number of them. Then the account was
    refilled, somebody else used it, or a price is not what it was taken for.
    """
    cost = _exact(window.cost)
    spent = _exact(window.before) - _exact(window.after) - _exact(window.known)
    if cost <= 0:
        return None
    count = (spent / cost).to_integral_value()
    if abs(count * cost - spent) > _NEAR or not 0 <= count <= window.doubts:
        return None
    return int(count)


def line(account: str, window: Window) -> str | None:
    """Say it in words, with its condition; ``None`` where nothing is in doubt."""
    if not window.doubts:
        return None
    billed = billed_of(window)
    doubts = f"account {account}: {window.doubts:,} in doubt"
    if billed is None:
        return (
            f"{doubts}, and the balance does not say how many of them were billed: it "
            f"went from {_shown(window.before)} to {_shown(window.after)}, of which "
            f"{_shown(window.known)} are known"
        )
    return (
        f"{doubts}, balance says {_part(billed, window.doubts)} billed "
        "(if nobody else used the account)"
    )


def _part(billed: int, doubts: int) -> str:
    if billed == 0:
        return "none of them was"
    if billed == doubts:
        return "it was" if doubts == 1 else f"all {doubts:,} were"
    return f"{billed:,} of them {'was' if billed == 1 else 'were'}"


def _exact(value: Units) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _shown(value: Units) -> str:
    return f"{_exact(value).normalize():,f}"
