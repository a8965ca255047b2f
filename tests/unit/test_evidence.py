"""What a balance says of documents in doubt, and when it says nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from orchestrator.report.evidence import Window, billed_of, line


@pytest.mark.parametrize(
    ("window", "billed"),
    [
        (Window(100, 89, 10, 3), 1),
        (Window(100, 90, 10, 3), 0),
        (Window(100, 87, 10, 3), 3),
        (Window(100, 86, 10, 3), None),
        (Window(100, 95, 10, 3), None),
        (Window(100, 120, 10, 3), None),
        (Window(100, 86, 10, 3, cost=2), 2),
        (Window(100, 87, 10, 3, cost=2), None),
        (Window(1.1, 0.8, 0.1, 3, cost=0.1), 2),
        (Window(Decimal("1.10"), Decimal("0.80"), 0, 3, cost=Decimal("0.1")), 3),
        (Window(5, 5, 0, 1, cost=0), None),
    ],
)
def test_the_difference_tells(window: Window, billed: int | None) -> None:
    """What the balance lost beyond the known bill, in whole documents."""
    assert billed_of(window) == billed


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 10**6), st.data())
def test_what_was_billed_is_told(
    billed: int, others: int, known: int, data: st.DataObject
) -> None:
    """For any price, to the digit."""
    cents = data.draw(st.integers(1, 10_000))
    cost = Decimal(cents) / 100
    before = Decimal(10**9)
    after = before - known - billed * cost
    assert billed_of(Window(before, after, known, billed + others, cost)) == billed


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window(9, 5, 3, 3), "a: 3 in doubt, balance says 1 of them was billed"),
        (Window(9, 4, 3, 3), "a: 3 in doubt, balance says 2 of them were billed"),
        (Window(9, 6, 3, 3), "a: 3 in doubt, balance says none of them was billed"),
        (Window(9, 5, 3, 1), "a: 1 in doubt, balance says it was billed"),
        (Window(9, 4, 3, 2), "a: 2 in doubt, balance says all 2 were billed"),
    ],
)
def test_it_is_said_in_words(window: Window, said: str) -> None:
    """With the condition under which it is true."""
    told = line("a", window)
    assert told == f"account {said} (if nobody else used the account)"


def test_a_balance_that_says_nothing_is_shown() -> None:
    """With its figures, so that the user can judge."""
    told = line("a", Window(1000, 900.5, 10, 3)) or ""
    assert "does not say" in told
    assert "from 1,000 to 900.5, of which 10 are known" in told
    assert line("a", Window(9, 1, 0, 0)) is None
