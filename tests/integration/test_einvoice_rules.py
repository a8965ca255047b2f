"""The official schemas and Schematron rules have nothing against what we write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings, strategies as st

from orchestrator import invoices
from tests import einvoices, rules
from tests.bills import line, read


def written(params: dict[str, Any]) -> bytes:
    """Give the XML of an invoice."""
    made = invoices.make(read(params))
    assert made is not None
    return made.content


@pytest.mark.parametrize(("syntax", "profile"), einvoices.ALL)
def test_the_official_rules_agree(syntax: str, profile: str) -> None:
    """Schema and Schematron of each profile, over all of the model."""
    judged = 0
    for case in einvoices.CASES:
        params = case() | {"e_invoice": {"format": syntax, "profile": profile}}
        if invoices.check(params, "xml"):
            continue
        judged += 1
        assert rules.faults(written(params), syntax, profile) == [], case.__name__
    assert judged >= len(einvoices.CASES) - 1


def test_the_rules_would_find_a_fault() -> None:
    """A cent more, and both syntaxes are refused: by the schema, and by the rules."""
    for syntax, code in (("factur-x", "BR-CO-10"), ("ubl", "BR-CO-10")):
        params = einvoices.trade() | {"e_invoice": {"format": syntax}}
        content = written(params)
        wrong = content.replace(b">10.00</ram:Line", b">10.01</ram:Line", 1)
        wrong = wrong.replace(b">10.00</cbc:Line", b">10.01</cbc:Line", 1)
        found = rules.faults(wrong, syntax, "en16931")
        assert any(code in each for each in found), found
        broken = content.replace(b"TypeCode", b"TypeKode")
        assert rules.faults(broken, syntax, "en16931")


percents = st.decimals("0", "100", places=2).map(str)
changes = st.lists(
    st.builds(lambda x: {"reason": "r", "percent": x}, percents), max_size=2
)
lines = st.builds(
    line,
    st.decimals("0", "9999", places=4).map(str),
    st.sampled_from(["7", "19", "5.5", "8.1"]),
    st.decimals("-99", "999", places=3).map(str),
    price_base_quantity=st.sampled_from([1, 3, 7, 100]),
    allowances=changes,
    charges=changes,
)
trades = st.builds(
    lambda rows, **rest: einvoices.trade(*rows, **rest),
    st.lists(lines, min_size=1, max_size=5),
    currency=st.sampled_from(["EUR", "JPY", "CHF"]),
    allowances=changes,
    charges=changes,
    policy=st.fixed_dictionaries(
        {
            "price_mode": st.sampled_from(["net", "gross"]),
            "rounding": st.sampled_from(["half_up", "half_even", "floor", "ceil"]),
            "tax_rounding": st.sampled_from(["per_rate", "per_line"]),
        }
    ),
)


@given(trades, st.sampled_from(["factur-x", "ubl"]))
@settings(max_examples=30, deadline=None)
def test_any_arithmetic_satisfies_the_rules(
    params: dict[str, Any], syntax: str
) -> None:
    """Whatever is sold and however it is rounded, the sums hold."""
    params = params | {"e_invoice": {"format": syntax}}
    assume(not invoices.check(params, "xml"))
    assert rules.faults(written(params), syntax, "en16931") == []
