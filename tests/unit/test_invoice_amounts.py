"""The amounts of an invoice: worked examples."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orchestrator import invoices
from orchestrator.invoices.printed import printed
from tests.bills import bill, computed, line, read


def _sums(params: dict[str, Any]) -> tuple[str, str, str]:
    totals = computed(params).totals
    return (str(totals.net), str(totals.tax), str(totals.gross))


@pytest.mark.parametrize(("how", "tax"), [("per_rate", "15.33"), ("per_line", "15.34")])
def test_tax_is_rounded_once_a_rate_or_once_a_line(how: str, tax: str) -> None:
    """The two famous answers, one cent apart."""
    params = bill(line("55.55", 23), line("11.11", 23), policy={"tax_rounding": how})
    assert _sums(params) == ("66.66", tax, str(Decimal("66.66") + Decimal(tax)))


def test_a_percentage_is_rounded_where_it_arises() -> None:
    """Rounding only at the end would give 6527.80."""
    discount = [{"reason": "Discount", "percent": 4}]
    params = bill(line("348.35", 22, 16, allowances=discount))
    assert _sums(params) == ("5350.66", "1177.15", "6527.81")


def test_an_allowance_lowers_the_base_of_its_rate() -> None:
    """8500 less 7500 is taxed as 1000."""
    params = bill(line("8500"), allowances=[{"reason": "Credit", "amount": "7500"}])
    assert _sums(params) == ("1000.00", "190.00", "1190.00")


@pytest.mark.parametrize(
    ("rounding", "price", "rate", "how", "tax"),
    [
        ("floor", "105", 10, "per_rate", 31),
        ("floor", "105", 10, "per_line", 30),
        ("half_up", "105", 10, "per_rate", 32),
        ("half_up", "105", 10, "per_line", 33),
        ("floor", "98", 8, "per_rate", 23),
        ("floor", "98", 8, "per_line", 21),
    ],
)
def test_yen_have_no_fractions(
    rounding: str, price: str, rate: int, how: str, tax: int
) -> None:
    """Tax in yen is a whole number, by the rule of the issuer."""
    params = bill(
        *[line(price, rate)] * 3,
        currency="JPY",
        policy={"rounding": rounding, "tax_rounding": how},
    )
    assert computed(params).totals.tax == tax


@pytest.mark.parametrize(
    ("rounding", "net"), [("floor", 55552), ("half_up", 55553), ("half_even", 55552)]
)
def test_unit_prices_may_be_finer_than_the_currency(rounding: str, net: int) -> None:
    """4.5 yen a cup, 12345 cups."""
    policy = {"rounding": rounding}
    params = bill(line("4.5", 10, 12345), currency="JPY", policy=policy)
    assert computed(params).totals.net == net


def test_dinars_have_three_digits() -> None:
    """Three times 1.2345 is 3.704 dinars."""
    params = bill(line("1.2345", 5, 3), currency="KWD")
    assert str(computed(params).lines[0].net) == "3.704"


@pytest.mark.parametrize(
    ("how", "base"), [("per_rate", "1384.62"), ("per_line", "1384.61")]
)
def test_tax_is_taken_out_of_gross_prices(how: str, base: str) -> None:
    """Two lines with 30 % in them; their nets sum to the base."""
    policy = {"price_mode": "gross", "tax_rounding": how}
    done = computed(bill(line("1000", 30), line("800", 30), policy=policy))
    assert str(done.taxes[0].base) == base
    assert sum(each.net for each in done.lines) == done.taxes[0].base
    assert done.totals.gross == 1800


@pytest.mark.parametrize(("how", "tax"), [("per_rate", "249.75"), ("per_line", "250")])
def test_a_thousand_lines_add_up_either_way(how: str, tax: str) -> None:
    """A quarter apart over a thousand lines."""
    params = bill(*[line("3.33", "7.5")] * 1000, policy={"tax_rounding": how})
    assert computed(params).totals.tax == Decimal(tax)


def test_the_samples_of_the_document_api_come_out() -> None:
    """Two of its published examples, in yen at ten percent."""
    first = bill(*[line(each, 10) for each in ("300000", "90000", "12000")])
    assert _sums(first | {"currency": "JPY"}) == ("402000", "40200", "442200")
    second = bill(line("4980", 10), line("500", 10, 3), currency="JPY")
    assert _sums(second) == ("6480", "648", "7128")


def test_a_wrong_total_is_refused() -> None:
    """An older total of that example does not fit its lines."""
    params = bill(line("4980", 10), line("500", 10, 3), currency="JPY")
    problems = invoices.check(params | {"totals": {"gross": 5460}})
    assert [(each.code, each.path) for each in problems] == [
        ("E_TOTAL_GROSS", "totals.gross")
    ]
    assert (problems[0].expected, problems[0].found) == ("7128", "5460")


def test_a_percentage_without_a_rate_touches_each_rate() -> None:
    """Ten percent off everything is ten percent off each tax group."""
    off = [{"reason": "Sale", "percent": 10}]
    done = computed(bill(line("100"), line("50.05", 7), allowances=off))
    assert [(str(each.tax.rate), str(each.base)) for each in done.taxes] == [
        ("19", "90.00"),
        ("7", "45.04"),
    ]
    assert str(done.allowances[0].amount) == "15.01"


def test_a_fixed_amount_must_say_which_rate_it_is_for() -> None:
    """With two rates nobody can know."""
    off = [{"reason": "Sale", "amount": "10.00"}]
    problems = invoices.check(bill(line("100"), line("50", 7), allowances=off))
    assert [(each.code, each.path) for each in problems] == [
        ("E_ALLOWANCE_TAX", "allowances[0].tax")
    ]


def test_equal_rates_are_one_group() -> None:
    """7 and 7.0 are the same rate."""
    assert len(computed(bill(line(rate="7"), line(rate="7.0"))).taxes) == 1


def test_prices_may_be_for_many() -> None:
    """3.00 for a hundred, ten of them, with a percentage on the exact sum."""
    off = [{"reason": "Sale", "percent": 30}]
    params = bill(
        line("10", quantity=1, price_base_quantity=3, allowances=off),
        policy={"rounding": "floor"},
    )
    # A third of ten is not finite; thirty percent of it is exactly one.
    assert str(computed(params).lines[0].allowances[0].amount) == "1.00"
    assert str(computed(params).lines[0].net) == "2.33"


def test_cash_rounding_is_shown_not_hidden() -> None:
    """The due amount is a coin's multiple, and the difference stands beside it."""
    params = bill(
        line("99.97", 7),
        currency="CHF",
        policy={"cash_rounding": "0.05"},
        payment={"prepaid": [{"amount": "20"}, {"amount": "0.50"}]},
    )
    totals = computed(params).totals
    assert str(totals.gross) == "106.97"
    assert (str(totals.prepaid), str(totals.rounding)) == ("20.50", "-0.02")
    assert str(totals.due) == "86.45"


@pytest.mark.parametrize(
    ("rounding", "taxes"),
    [("half_up", ["18.81", "0.51"]), ("floor", ["18.76", "0.51"])],
)
def test_tax_is_told_in_the_currency_of_the_tax_office(
    rounding: str, taxes: list[str]
) -> None:
    """Each group is converted and rounded; what is printed sums to the total."""
    params = bill(
        line("23.15"),
        line("1.78", 7),
        tax_currency="PLN",
        tax_currency_rate="4.275",
        policy={"rounding": rounding},
    )
    done = computed(params).converted
    assert done is not None
    assert [str(each) for each in done.taxes] == taxes
    assert done.total == sum(map(Decimal, taxes))
    wrong = params | {"totals": {"tax_converted": "1.00"}}
    assert [(x.code, x.expected) for x in invoices.check(wrong)] == [
        ("E_TAX_CONVERTED", str(done.total))
    ]


def test_the_page_tells_both_taxes_and_the_payee() -> None:
    """What is printed of each rate sums to what is printed of all."""
    params = bill(
        line("230.15"),
        line("17.80", 7),
        language="de",
        tax_currency="PLN",
        tax_currency_rate="4.2750",
        payee={"name": "Factoring AG"},
    )
    page = printed(read(params))
    notes = [(x["label"], x["value"]) for x in page["totals"] if x["kind"] == "note"]
    assert notes == [
        ("1 EUR = 4,2750 PLN", ""),
        ("Umsatzsteuer in PLN · 19\xa0%", "186,95"),
        ("Umsatzsteuer in PLN · 7\xa0%", "5,34"),
        ("Umsatzsteuer in PLN", "192,29"),
    ]
    assert ["Zahlungsempfänger", "Factoring AG"] in page["payment"]


def test_tax_in_yen_has_no_fractions() -> None:
    """The other currency's own digits count."""
    params = bill(tax_currency="JPY", tax_currency_rate="162.503")
    done = computed(params).converted
    assert done is not None
    assert str(done.total) == "309"


def test_negative_lines_mirror_positive_ones() -> None:
    """What is taken back is taxed as it was sold."""
    there = computed(bill(line("0.05", 10, 1))).totals
    back = computed(bill(line("0.05", 10, -1))).totals
    assert (there.tax, back.tax) == (Decimal("0.01"), Decimal("-0.01"))
