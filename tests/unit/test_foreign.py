"""Wordings: invoices in the parameters of somebody else's design."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orchestrator.invoices.control import Control, figures
from orchestrator.invoices.foreign import Wording, WordingError
from tests import bills
from tests.bills import bill, line


def told(
    said: dict[str, Any], params: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The parameters that a wording gives, and the doubts."""
    return Wording(said).params(bills.read(params))


def test_forms() -> None:
    """Each form of a value."""
    said = {
        "n": "number",
        "gross": {"field": "totals.gross", "as": "number"},
        "whole": {"field": "lines[0].quantity", "as": "number"},
        "text": "totals.gross",
        "rate": {"field": "taxes[0].rate", "as": "percent_text"},
        "at": {"field": "issue_date", "as": "datetime_text"},
        "day": {"field": "issue_date", "as": "day_text"},
        "money": {"field": "totals.due", "as": "money_text"},
        "fixed": {"value": Decimal("1.5")},
        "to": {"object": {"name": "buyer.name", "city": "buyer.address.city"}},
        "empty": "due_date",
        "beyond": "lines[7].name",
        "rows": {"each": "lines", "row": {"no": "no", "net": "net", "is": "name"}},
    }
    found, doubts = told(said, bill(line("10.50", "7.5"), line("1.00", 0, quantity=3)))
    assert doubts == []
    assert found == {
        "n": "A-1",
        "gross": Decimal("14.29"),
        "whole": 1,
        "text": "14.29",
        "rate": "7.5%",
        "at": "2026-03-05 00:00:00",
        "day": "March 5, 2026",
        "money": "€14.29",
        "fixed": Decimal("1.5"),
        "to": {"name": "Buyer"},
        "rows": [
            {"no": "1", "net": "10.50", "is": "Thing"},
            {"no": "2", "net": "3.00", "is": "Thing"},
        ],
    }


def test_a_number_that_readers_would_change_is_text() -> None:
    """A double holds fifteen decimal digits, and not always sixteen."""
    said = {"net": {"field": "totals.net", "as": "number"}}
    exact, doubts = told(said, bill(line("1234567890123.45", 0)))
    assert (exact, doubts) == ({"net": Decimal("1234567890123.45")}, [])
    long, doubts = told(said, bill(line("12345678901234.56", 0)))
    assert long == {"net": "12345678901234.56"}
    assert doubts == ["totals.net has more than 15 digits: sent as text"]


@pytest.mark.parametrize(
    ("spec", "where", "words"),
    [
        ("totals.gros", "x", "did you mean 'gross'"),
        ("invoice.number", "x", "does not have"),
        ("lines.name", "x", "does not have"),
        ("due_date.", "x", "is no field"),
        (5, "x", "needs a field"),
        ({"field": "number", "as": "cash"}, "x", "there are text, number"),
        ({"field": "number", "row": {}}, "x", "has row beside field"),
        ({"each": "number", "row": {"a": "no"}}, "x", "is no list"),
        ({"each": "lines"}, "x", "needs parameters"),
        ({"each": "lines", "row": {"a": "unit_prise"}}, "x.a", "unit_price"),
    ],
)
def test_what_is_wrong_is_placed(spec: Any, where: str, words: str) -> None:
    """All faults at once, each under its parameter."""
    with pytest.raises(WordingError) as caught:
        Wording({"x": spec, "y": "nothing"})
    places = {".".join(at): why for at, why in caught.value.faults}
    assert words in places[where]
    assert "y" in places


def test_credit_notes_count_negative() -> None:
    """An invoice and its credit note leave nothing."""
    control = Control()
    control.add(figures(bill(line("10.00", 19), line("5.00", 7))))
    credit = bill(line("10.00", 19), line("5.00", 7), type="credit_note")
    credit["references"] = {"preceding": [{"number": "A-1", "date": "2026-03-05"}]}
    mine = control.sums["EUR"]
    assert (mine.amounts.gross, mine.amounts.tax) == (Decimal("17.25"), Decimal("2.25"))
    control.add(figures(credit))
    assert list(control.differences()) == []
    assert mine.invoices == 2
    assert mine.amounts.gross == 0
    assert set(mine.taxes.values()) == {(Decimal(0), Decimal(0))}


def test_totals_that_contradict_are_told() -> None:
    """A sum by rate that is not the sum of the invoices."""
    control = Control()
    control.add(figures(bill()))
    ((key, (base, tax)),) = control.sums["EUR"].taxes.items()
    control.sums["EUR"].taxes[key] = (base, tax + 1)
    (found,) = control.differences()
    assert found == "EUR: taxes by rate sum to 2.90, and not to 1.90"
