"""What a rehearsed run would cost, in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.report.units import number


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the estimate.

    ``guessed`` are units that nobody told: one for each document. ``price`` is money
    for a unit, ``None`` where the manifest has none.
    """

    account: str
    provider: str
    operation: str
    documents: int
    units: Decimal
    guessed: Decimal
    price: Decimal | None

    @property
    def cost(self) -> Decimal | None:
        """Price times units."""
        return None if self.price is None else self.price * self.units


def lines(
    items: Sequence[Item],
    bill: tuple[int, int] | None,
    faults: Mapping[str, int],
) -> Iterator[str]:
    """What ``run --rehearse`` prints at its end.

    Args:
        items: Units by account and operation.
        bill: What the private service accepted for work, and what it took for a
            repetition; ``None`` where it could not be asked.
        faults: Faults that were injected, by kind.
    """
    yield "rehearsed: nothing was sent to any provider. The real run would cost:"
    for each in items:
        what = f"{each.account} ({each.provider}), {each.operation}"
        yield f"  {what:<36} {number(each.documents, 'document'):>16}  {_price(each)}"
    if not items:
        yield "  nothing: no document was done"
    guessed = sum(each.guessed for each in items)
    if guessed:
        yield f"  {_plain(guessed)} of these units were not told: one a document"
    if bill is not None:
        accepted, replays = bill
        yield (
            f"the service's own bill: {number(accepted, 'job')} accepted, "
            f"{number(replays, 'repetition')}"
        )
    if faults:
        told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(faults.items()))
        yield f"faults injected: {sum(faults.values()):,} ({told})"
    yield (
        "polls, rates and settle times were shortened: its duration is not the real one"
    )


def _price(item: Item) -> str:
    units = f"{_plain(item.units)} unit{'' if item.units == 1 else 's'}"
    if item.cost is None:
        return units
    return f"{units} at {item.price:f}: {item.cost:f}"


def _plain(value: Decimal) -> str:
    whole = value.to_integral_value()
    return f"{whole:,}" if whole == value else f"{value:f}"
