"""What holds for every invoice."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings, strategies as st

from orchestrator import invoices
from orchestrator.invoices.labels import LANGUAGES
from orchestrator.invoices.locale import format_for
from orchestrator.invoices.money import MINOR_UNITS, places
from orchestrator.invoices.printed import printed
from tests.bills import bill, line, read

currencies = st.sampled_from(["EUR", "JPY", "KWD", "CHF"])
rates = st.sampled_from(["7", "19", "5.5", "8.1", "10", "30"])
percents = st.decimals("0", "100", places=2).map(str)
adjustments = st.lists(
    st.builds(lambda x: {"reason": "r", "percent": x}, percents), max_size=2
)
lines = st.builds(
    line,
    st.decimals("0", "9999", places=4).map(str),
    rates,
    st.decimals("-99", "999", places=3).map(str),
    name=st.sampled_from(["a", "b", "c"]),
    price_base_quantity=st.sampled_from([1, 3, 7, 100]),
    allowances=adjustments,
)
policies = st.fixed_dictionaries(
    {
        "price_mode": st.sampled_from(["net", "gross"]),
        "rounding": st.sampled_from(["half_up", "half_even", "floor", "ceil"]),
        "tax_rounding": st.sampled_from(["per_rate", "per_line"]),
    }
)
bills = st.builds(
    lambda rows, **rest: bill(*rows, **rest),
    st.lists(lines, min_size=1, max_size=6),
    currency=currencies,
    policy=policies,
    allowances=adjustments,
    charges=adjustments,
)


@given(bills)
@settings(max_examples=150, deadline=None)
def test_everything_adds_up(params: dict[str, Any]) -> None:
    """Lines to subtotal, groups to totals, and all within the currency's digits."""
    done = invoices.compute(read(params))
    totals = done.totals
    assert sum(each.net for each in done.lines) == totals.lines
    assert sum(each.base for each in done.taxes) == totals.net
    assert sum(each.amount for each in done.taxes) == totals.tax
    assert totals.lines - totals.allowances + totals.charges == totals.net
    assert totals.net + totals.tax == totals.gross == totals.due
    digits = MINOR_UNITS[params["currency"]]
    assert all(places(each) <= digits for each in _amounts(done))
    if params["policy"]["price_mode"] == "gross":
        paid = sum(each.amount for each in done.lines)
        less = sum(each.amount for each in done.allowances)
        more = sum(each.amount for each in done.charges)
        assert totals.gross == paid - less + more


@given(bills)
@settings(max_examples=50, deadline=None)
def test_what_is_printed_adds_up(params: dict[str, Any]) -> None:
    """A reader with a pencil comes to the printed subtotal."""
    page = printed(read(params | {"language": "en"}))
    rows = [_read(each["amount"]) for each in page["table"]["rows"]]
    first = page["totals"][0]
    if first["kind"] == "plain":
        assert _read(first["value"]) == sum(rows)


@given(bills, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_changes_nothing_but_order(params: dict[str, Any], random: Any) -> None:
    """The same lines in another order have the same amounts."""
    shuffled = params | {"lines": random.sample(params["lines"], len(params["lines"]))}
    one, other = invoices.compute(read(params)), invoices.compute(read(shuffled))
    assert one.totals == other.totals
    assert one.taxes == other.taxes
    assert sorted(map(_content, one.lines)) == sorted(map(_content, other.lines))


@given(st.lists(st.decimals("0.01", "99", places=2).map(str), min_size=2, max_size=8))
@settings(deadline=None)
def test_shares_of_gross_lines_do_not_depend_on_order(prices: list[str]) -> None:
    """Who gets the odd cent is a matter of the amounts."""
    gross = {"policy": {"price_mode": "gross"}}
    one, other = (
        invoices.compute(read(bill(*[line(each) for each in order], **gross)))
        for order in (prices, prices[::-1])
    )
    assert sorted(map(_content, one.lines)) == sorted(map(_content, other.lines))


@given(bills)
@settings(max_examples=50, deadline=None)
def test_there_is_no_float(params: dict[str, Any]) -> None:
    """Every amount is a decimal from start to end."""
    done = invoices.compute(read(params))
    assert all(type(each) is Decimal for each in _amounts(done))


@given(bills)
@settings(max_examples=50, deadline=None)
def test_own_totals_pass_and_others_fail(params: dict[str, Any]) -> None:
    """What was computed is accepted as supplied; the least difference is not."""
    totals = invoices.compute(read(params)).totals
    supplied = {key: str(value) for key, value in dataclasses.asdict(totals).items()}
    assert invoices.check(params | {"totals": supplied}) == []
    unit = Decimal(1).scaleb(-MINOR_UNITS[params["currency"]])
    supplied["due"] = str(totals.due + unit)
    found = invoices.check(params | {"totals": supplied})
    assert [each.code for each in found] == ["E_DUE"]


@given(
    st.sampled_from([*LANGUAGES, "de-CH", "en-IN", "fr-CH", "es-MX"]),
    currencies,
    st.decimals(-(10**14), 10**14, places=4),
)
def test_what_is_written_can_be_read(tag: str, currency: str, number: Decimal) -> None:
    """Formatting loses and changes nothing."""
    number = number.quantize(Decimal(1).scaleb(-MINOR_UNITS[currency]))
    assume(number or not number.is_signed())
    write = format_for(tag, currency)
    symbols = write.marks.number_symbols["latn"]
    text = write.amount(number).replace(symbols["group"], "")
    assert _read(text.replace(symbols["decimal"], ".")) == number


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=20,
    ),
    st.sampled_from(sorted(bill())),
)
@settings(max_examples=200, deadline=None)
def test_nonsense_gives_problems_never_exceptions(value: Any, key: str) -> None:
    """Whatever stands in a field, the answer is a list."""
    assert isinstance(invoices.check(value), list)
    assert isinstance(invoices.check(bill(**{key: value})), list)


def _amounts(done: invoices.Computed) -> list[Decimal]:
    totals = [
        getattr(done.totals, each.name) for each in dataclasses.fields(done.totals)
    ]
    of_lines = [x for each in done.lines for x in (each.amount, each.net)]
    of_taxes = [x for each in done.taxes for x in (each.base, each.amount)]
    changes = [*done.allowances, *done.charges]
    return [*totals, *of_lines, *of_taxes, *(x.net for x in changes)]


def _content(line_sum: Any) -> tuple[str, Decimal, Decimal]:
    return (repr(line_sum.line), line_sum.amount, line_sum.net)


def _read(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("−", "-"))
