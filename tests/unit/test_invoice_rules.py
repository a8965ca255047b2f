"""Every fault of an invoice is found, named and placed, all at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from orchestrator import invoices
from tests import bills
from tests.bills import bill, line

JP = {"scheme": "jp_qualified", "value": "T1180301018771"}


def _set(*steps: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(params: dict[str, Any]) -> None:
        owner: Any = params
        for step in steps[:-1]:
            owner = owner[step]
        owner[steps[-1]] = to

    return change


CASES = [
    (_set("tax_currency", to="EUR"), "E_TAX_CURRENCY", "tax_currency"),
    (_set("tax_currency", to="PLN"), "E_REQUIRED", "tax_currency_rate"),
    (_set("tax_currency_rate", to="4.1"), "E_REQUIRED", "tax_currency"),
    (_set("tax_currency_rate", to="-4.1"), "E_RANGE", "tax_currency_rate"),
    (
        _set("totals", to={"tax_converted": "1.00"}),
        "E_TAX_CURRENCY",
        "totals.tax_converted",
    ),
    (
        _set("seller", "endpoint", to={"scheme": "email", "id": "a@b.example"}),
        "E_ENDPOINT",
        "seller.endpoint.scheme",
    ),
    (
        _set("buyer", "endpoint", to={"scheme": "EM", "id": "nobody"}),
        "E_ENDPOINT",
        "buyer.endpoint.id",
    ),
    (_set("payee", to={"name": "Factor", "scheme": "0088"}), "E_REQUIRED", "payee.id"),
    (_set("payee", to={"id": "1"}), "E_REQUIRED", "payee.name"),
    (_set("lines", 0, "quantity", to=1.5), "E_FLOAT", "lines[0].quantity"),
    (_set("lines", 0, "unit_price", to="1,5"), "E_NUMBER", "lines[0].unit_price"),
    (_set("lines", 0, "unit_price", to="-1"), "E_RANGE", "lines[0].unit_price"),
    (_set("lines", 0, "unit_price", to="1e3"), "E_NUMBER", "lines[0].unit_price"),
    (
        _set("lines", 0, "unit_price", to="1.1234567"),
        "E_MINOR_UNITS",
        "lines[0].unit_price",
    ),
    (
        _set("payment", to={"prepaid": [{"amount": "1.005"}]}),
        "E_MINOR_UNITS",
        "payment.prepaid[0].amount",
    ),
    (_set("lines", 0, "net", to="10.01"), "E_LINE_NET", "lines[0].net"),
    (_set("lines", 0, "gross", to="10.00"), "E_PRICE_MODE", "lines[0].gross"),
    (_set("lines", 0, "tax", "rate", to=101), "E_RANGE", "lines[0].tax.rate"),
    (_set("lines", 0, "tax", "rate", to=0), "E_TAX_CATEGORY", "lines[0].tax.rate"),
    (
        _set("lines", 0, "tax", to={"category": "Z", "rate": 5}),
        "E_TAX_CATEGORY",
        "lines[0].tax.rate",
    ),
    (
        _set("lines", 0, "tax", to={"category": "G"}),
        "E_TAX_REASON",
        "lines[0].tax.exemption_text",
    ),
    (
        _set("lines", 0, "tax", to={"category": "AE", "exemption_text": "Reverse"}),
        "E_TAX_ID",
        "lines[0].tax.category",
    ),
    (_set("lines", 0, "tax", to={"category": "X"}), "E_VALUE", "lines[0].tax.category"),
    (_set("lines", to=[]), "E_REQUIRED", "lines"),
    (_set("lines", to=[line()] * 10_001), "E_RANGE", "lines"),
    (_set("lines", to="x"), "E_TYPE", "lines"),
    (_set("lines", to=[line(id="a"), line(id="a")]), "E_LINE_ID", "lines[1].id"),
    (
        _set("lines", 0, "allowances", to=[{"reason": "x"}]),
        "E_ALLOWANCE",
        "lines[0].allowances[0]",
    ),
    (
        _set("charges", to=[{"reason": "x", "amount": "-1"}]),
        "E_RANGE",
        "charges[0].amount",
    ),
    (
        _set("charges", to=[{"reason": "x", "amount": "1", "base": "3"}]),
        "E_ALLOWANCE",
        "charges[0].base",
    ),
    (_set("currency", to="EURO"), "E_CURRENCY", "currency"),
    (_set("currency", to="eur"), "E_CURRENCY", "currency"),
    (
        _set("seller", "address", "country", to="UK"),
        "E_COUNTRY",
        "seller.address.country",
    ),
    (_set("language", to="tlh"), "E_LANGUAGE", "language"),
    (_set("issue_date", to="2026-02-30"), "E_DATE", "issue_date"),
    (_set("issue_date", to="20260301"), "E_DATE", "issue_date"),
    (_set("due_date", to="2026-03-04"), "E_DATE_ORDER", "due_date"),
    (
        _set("period", to={"start": "2026-03-02", "end": "2026-03-01"}),
        "E_DATE_ORDER",
        "period.end",
    ),
    (_set("payment", to={"iban": "DE88370400440532013000"}), "E_IBAN", "payment.iban"),
    (
        _set("seller", "tax_ids", to=[{"scheme": "vat", "value": "DE136695975"}]),
        "E_TAX_ID",
        "seller.tax_ids[0].value",
    ),
    (_set("type", to="credit_note"), "E_REQUIRED", "references.preceding"),
    (_set("type", to="bill"), "E_VALUE", "type"),
    (_set("number", to=""), "E_EMPTY", "number"),
    (_set("number", to=1001), "E_TYPE", "number"),
    (_set("number", to="a\x00b"), "E_TEXT", "number"),
    (_set("seller", "name", to="a\nb"), "E_TEXT", "seller.name"),
    (_set("notes", to=["x" * 10_001]), "E_TOO_LONG", "notes[0]"),
    (_set("totals", to={"lines": "1.00"}), "E_SUM_LINES", "totals.lines"),
    (_set("totals", to={"net": "1.00"}), "E_TOTAL_NET", "totals.net"),
    (_set("totals", to={"tax": "1.00"}), "E_TOTAL_TAX", "totals.tax"),
    (_set("totals", to={"gross": "11.91"}), "E_TOTAL_GROSS", "totals.gross"),
    (_set("totals", to={"due": "11.89"}), "E_DUE", "totals.due"),
    (
        _set("totals", to={"taxes": [{"rate": 19, "base": 11}]}),
        "E_TAX_BASE",
        "totals.taxes[0].base",
    ),
    (
        _set("totals", to={"taxes": [{"rate": 19, "tax": 2}]}),
        "E_TAX",
        "totals.taxes[0].tax",
    ),
    (_set("totals", to={"taxes": [{"rate": 7}]}), "E_TAX_BASE", "totals.taxes[0]"),
]


@pytest.mark.parametrize(("change", "code", "path"), CASES)
def test_one_fault_is_one_problem(
    change: Callable[[dict[str, Any]], None], code: str, path: str
) -> None:
    """Each rule has its code and points to the place, and nothing else is blamed."""
    params = bill()
    assert invoices.check(params) == []
    change(params)
    found = invoices.check(params)
    assert [(each.code, each.path) for each in found] == [(code, path)]
    assert found[0].message


def test_right_totals_pass() -> None:
    """What fits to the cent is no fault, in whatever form it is given."""
    totals = {
        "lines": "10",
        "net": 10,
        "tax": "1.90",
        "gross": "11.9",
        "due": "11.90",
        "taxes": [{"rate": "19.0", "base": "10.00", "tax": "1.90"}],
    }
    assert invoices.check(bill(totals=totals)) == []


def test_all_faults_come_at_once() -> None:
    """A wrong key hides neither a wrong number nor a broken rule."""
    params = bill(line(unit_prise="3"), line() | {"quantity": 1.5}, curency="EUR")
    params |= {"due_date": "2026-01-01", "payment": {"iban": "XX"}, "language": "xx"}
    codes = {(each.code, each.path) for each in invoices.check(params)}
    assert codes == {
        ("E_UNKNOWN_FIELD", "curency"),
        ("E_UNKNOWN_FIELD", "lines[0].unit_prise"),
        ("E_FLOAT", "lines[1].quantity"),
        ("E_LANGUAGE", "language"),
    }
    params["lines"][1]["quantity"] = 1
    params["totals"] = {"due": "1.00"}
    codes = {(each.code, each.path) for each in invoices.check(params)}
    assert ("E_IBAN", "payment.iban") in codes
    assert ("E_DATE_ORDER", "due_date") in codes
    del params["language"]
    codes = {(each.code, each.path) for each in invoices.check(params)}
    assert ("E_DUE", "totals.due") in codes


def test_a_near_miss_is_told() -> None:
    """The key that was meant is named."""
    params = bill(line(unit_prise="3"))
    params["lines"][0]["tax"]["raet"] = 7
    messages = [each.message for each in invoices.check(params)]
    assert "did you mean 'rate'?" in messages[0]
    assert "did you mean 'unit_price'?" in messages[1]


@pytest.mark.parametrize("data", [None, 3, "x", [], {}, {"lines": [None]}])
def test_no_data_raises(data: Any) -> None:
    """Whatever comes, problems come back."""
    assert invoices.check(data)


def test_a_qualified_invoice_rounds_once_a_rate() -> None:
    """Japanese law says so."""
    params = bills.japanese()
    assert invoices.check(params) == []
    params["policy"]["tax_rounding"] = "per_line"
    assert [each.code for each in invoices.check(params)] == ["E_JP_LINE_ROUNDING"]


def test_a_credit_note_has_its_sign_in_its_type() -> None:
    """Negative quantities in it would turn it back into an invoice."""
    params = bills.credit_note()
    assert invoices.check(params) == []
    params["lines"][0]["quantity"] = -1
    assert "E_CREDIT_SIGN" in [each.code for each in invoices.check(params)]


def test_reverse_charge_passes_with_both_numbers() -> None:
    """Category AE with reason and both VAT numbers is right."""
    params = bill(line(tax={"category": "AE", "exemption_text": "Reverse charge"}))
    params["seller"]["tax_ids"] = [{"scheme": "vat", "value": "DE136695976"}]
    params["buyer"]["tax_ids"] = [{"scheme": "vat", "value": "ATU13585627"}]
    assert invoices.check(params) == []


def test_an_absurd_total_is_out_of_range() -> None:
    """Amounts that are fine by themselves may be too large together."""
    params = bill(line("999999999999", quantity=999_999))
    assert [each.code for each in invoices.check(params)] == ["E_RANGE"]


def test_checking_is_fast() -> None:
    """Thousands are checked before anything is sent: a millisecond each at most."""
    params = bills.english()
    invoices.check(params)
    best = min(_seconds(params) for _ in range(20))
    assert best < 0.001


def _seconds(params: dict[str, Any]) -> float:
    start = process_time()
    for _ in range(20):
        invoices.check(params)
    return (process_time() - start) / 20


def test_the_schema_is_json_and_names_the_keys() -> None:
    """Editors and people read it."""
    schema = json.loads(json.dumps(invoices.schema()))
    assert {"number", "lines", "seller"} <= set(schema["required"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"payment": {"iban": "DE88370400440532013000"}},
            (
                "payment.iban: the check digits of this IBAN are wrong: "
                "DE88370400440532013000 [E_IBAN]"
            ),
        ),
        (
            {"references": {"preceding": "A-0"}},
            (
                "references.preceding: a list is needed (in map, its first item is "
                "written with [0]) [E_TYPE]"
            ),
        ),
    ],
)
def test_a_fault_tells_what_was_found_or_how_to_mend_it(
    changes: dict[str, Any], told: str
) -> None:
    """In words of this program."""
    assert [str(each) for each in invoices.check(bill(**changes))] == [told]
