"""What was charged, in words and as fields; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from orchestrator.report.units import number


class Line(Protocol):
    """What an account charged for one kind of work; units."""

    account: str
    operation: str
    documents: int
    reserved: Decimal
    spent: Decimal
    guessed: Decimal
    wasted: Decimal
    possible: Decimal

    @property
    def charged(self) -> Decimal:
        """What was charged for certain, or almost."""
        ...


class Terms(Protocol):
    """Prices and the budget."""

    @property
    def prices(self) -> Mapping[str, Decimal]:
        """Money for a unit, by account."""
        ...

    @property
    def limit(self) -> Decimal | None:
        """The budget."""
        ...

    @property
    def currency(self) -> str | None:
        """The currency of a budget in money."""
        ...


def plain(value: Decimal) -> str:
    """A figure without what says nothing: ``1,200``, ``0.5``."""
    return f"{round(value, 6).normalize():,f}"


def units_words(value: Decimal) -> str:
    """``1 unit``, ``2.5 units``."""
    return f"{plain(value)} unit" + ("" if value == 1 else "s")


def amount(value: Decimal, currency: str | None) -> str:
    """Money with two digits or more, or units."""
    if currency is None:
        return plain(value)
    is_round = round(value, 2) == round(value, 6)
    return f"{value:,.2f}" if is_round else plain(value)


def bill_lines(bill: Sequence[Line], terms: Terms, taken: Decimal) -> Iterator[str]:
    """The bill of a batch; nothing where nothing was charged and no budget is set."""
    for each in bill:
        yield f"bill of {each.account}, {each.operation}: {_words(each, terms)}"
    if terms.limit is not None:
        measure = terms.currency or "units"
        yield (
            f"budget: {amount(taken, terms.currency)} of "
            f"{amount(terms.limit, terms.currency)} {measure} spent or reserved"
        )


def _words(line: Line, terms: Terms) -> str:
    said = [f"{units_words(line.spent + line.guessed)} for {_documents(line)}"]
    if line.guessed:
        said[0] += f" ({plain(line.guessed)} of them guessed: one a document)"
    parts = (
        (line.wasted, "wasted"),
        (line.possible, "possibly spent"),
        (line.reserved, "reserved"),
    )
    said += [f"{plain(units)} {word}" for units, word in parts if units]
    price = terms.prices.get(line.account)
    if price is not None:
        most = line.charged + line.possible + line.reserved
        low, high = price * line.charged, price * most
        cost = amount(low, "")
        if low != high:
            cost += f" to {amount(high, '')}"
        said.append(f"at {price:f}: {cost} {terms.currency or ''}".rstrip())
    return ", ".join(said)


def _documents(line: Line) -> str:
    return number(line.documents, "document")


def balance_lines(
    before: Mapping[str, float], after: Mapping[str, float], run: Sequence[Line]
) -> Iterator[str]:
    """What accounts had at the start and have now, beside the bill of the run."""
    for name, had in before.items():
        if name not in after:
            yield f"account {name}: {had:,.10g} units were left at the start"
            continue
        fewer = Decimal(str(had)) - Decimal(str(after[name]))
        charged = sum((each.charged for each in run if each.account == name), Decimal())
        maybe = sum(
            (each.possible + each.reserved for each in run if each.account == name),
            Decimal(),
        )
        most = f" to {plain(charged + maybe)}" if maybe > 0 else ""
        yield (
            f"account {name}: {had:,.10g} units were left at the start, "
            f"{after[name]:,.10g} are now: {plain(fewer)} fewer; the bill of this run "
            f"says {plain(charged)}{most}"
        )


def bill_fields(bill: Sequence[Line], terms: Terms, taken: Decimal) -> dict[str, Any]:
    """The bill and the budget as documented fields (docs/cli.md)."""
    limit = terms.limit
    return {
        "bill": [_fields(each, terms) for each in bill],
        "budget": None
        if limit is None
        else {
            "limit": limit,
            "currency": terms.currency,
            "taken": taken.normalize(),
        },
    }


def _fields(line: Line, terms: Terms) -> dict[str, Any]:
    price = terms.prices.get(line.account)
    names = ("spent", "guessed", "wasted", "possible", "reserved")
    units = {name: float(round(getattr(line, name), 6)) for name in names}
    return {
        "account": line.account,
        "operation": line.operation,
        "documents": line.documents,
        **units,
        "price": price,
        "cost": None if price is None else price * line.charged,
    }
