"""A plan as a value: what a run would do, and why; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.model import Stranded
from orchestrator.plan.deadlines import Due, Late

OUTPUT_GUESS = 200_000
"""Bytes that an output is taken to need where nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one account is to do in one mode.

    ``reason`` is why the ``example``, the largest of its documents, takes the mode;
    ``cost`` is in the money of the account's price; ``None`` where it has none.
    ``is_free`` says that the account charges nothing.
    """

    account: str
    provider: str
    mode: str
    documents: int
    bytes: int
    example: str
    reason: str
    cost: Decimal | None
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """What the budget has room for, if every document costs its most.

    Attributes:
        limit: The budget, in units or in ``currency``.
        currency: ``None`` for units.
        taken: What was spent or is reserved.
        most: What is still to be sent may cost at most.
        fits: Documents that are sure to fit, whatever the order.
        open: Documents that may stay open.
    """

    limit: Decimal
    currency: str | None
    taken: Decimal
    most: Decimal
    fits: int
    open: int


def room_of(
    limit: Decimal,
    currency: str | None,
    taken: Decimal,
    costs: Sequence[tuple[str, int, Decimal]],
) -> Room:
    """How far a budget reaches; ``costs`` are accounts, documents, the most of each.

    The dearest come first here, and the first that does not fit ends it, so that the
    number holds in any order. Accounts that never charge go on whatever happens.
    """
    left, fits, is_full = max(Decimal(0), limit - taken), 0, False
    charging = {account for account, _, most in costs if most}
    for account, documents, most in sorted(costs, key=lambda each: -each[2]):
        if account not in charging:
            fits += documents
        elif not is_full:
            count = min(documents, int(left // most)) if most else documents
            fits, left = fits + count, left - count * most
            is_full = count < documents
    todo = sum(documents for _, documents, _ in costs)
    total = sum((documents * most for _, documents, most in costs), Decimal(0))
    return Room(limit, currency, taken, total, fits, todo - fits)


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers of a period that documents would get, or have already.

    ``period`` is a year, as ``2026``, a month, as ``2026-03``, or empty.
    """

    series: str
    period: str
    is_new: bool
    count: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of this manifest would do with this ledger and these files.

    Attributes:
        name: The batch.
        documents: In the manifest.
        new: Not in the ledger.
        changed: In the ledger, asked for differently now; done again.
        same: In the ledger as they are.
        gone: In the ledger and no longer in the manifest.
        states: How the same ones stand in the ledger.
        parts: What is to be done.
        room: Bytes free where the outputs go, ``None`` where unknown.
        needs: Bytes that the outputs may need: a guess.
        budget: What the budget has room for, where there is one.
        again: Changed documents that were paid for, or may have been: ``run`` asks for
            leave to send them again.
        again_examples: The first of their ids.
        numbers: From series, by series and period; only looked at, not reserved.
        dues: What a former run left at providers, and by when it has to be fetched.
        lates: Accounts whose results would expire before they can be fetched.
        stranded: What was left at accounts or servers that the manifest does not have.
    """

    name: str
    documents: int
    new: int
    changed: int
    same: int
    gone: int
    states: Mapping[str, int]
    parts: Sequence[Part]
    room: int | None
    needs: int
    budget: Room | None = None
    again: int = 0
    again_examples: Sequence[str] = ()
    numbers: Sequence[NumberRange] = ()
    dues: Sequence[Due] = ()
    lates: Sequence[Late] = ()
    stranded: Sequence[Stranded] = ()

    @property
    def todo(self) -> int:
        """Documents to be done."""
        return sum(part.documents for part in self.parts)

    @property
    def bytes(self) -> int:
        """Bytes to be sent."""
        return sum(part.bytes for part in self.parts)

    @property
    def cost(self) -> Decimal | None:
        """The estimated cost; ``None`` where no price is known."""
        costs = [part.cost for part in self.parts if part.cost is not None]
        return sum(costs, Decimal(0)) if costs else None

    @property
    def unpriced(self) -> Sequence[str]:
        """Accounts that may charge, and nobody said how much."""
        names = (p.account for p in self.parts if p.cost is None and not p.is_free)
        return sorted(set(names))

    @property
    def has_room(self) -> bool:
        """Whether the disk has room for what the outputs may need."""
        return self.room is None or self.room > self.needs


def needs_of(parts: Sequence[Part]) -> int:
    """Bytes that outputs may need: as much as the inputs, at least a usual page."""
    return sum(max(p.bytes, p.documents * OUTPUT_GUESS) for p in parts)
