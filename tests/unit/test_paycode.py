"""Codes to pay with: what they say, and when an invoice has one."""

from __future__ import annotations

from typing import Any

import pytest
from qrbill.bill import QRBill

from orchestrator import designs
from orchestrator.invoices import compute
from orchestrator.invoices.paycode import PayCode, code_for, shown_reference
from tests import bills
from tests.bills import bill, line, read

ACCOUNT = {"iban": "DE89 3704 0044 0532 0130 00"}
PLAIN_SWISS = "CH5800791123000889012"


def _code(params: dict[str, Any], wanted: str | None = None) -> PayCode | None:
    invoice = read(params)
    return code_for(invoice, compute(invoice), wanted)


def test_an_invoice_in_euros_has_a_european_code() -> None:
    """Line by line as EPC069-12 has it; without a reference, the number tells."""
    payment = {**ACCOUNT, "bic": "COBADEFFXXX", "account_holder": "Holder & Sons"}
    code = _code(bill(line("10.00"), payment=payment))
    assert code is not None
    assert code.payload.split("\n") == [
        "BCD",
        "002",
        "1",
        "SCT",
        "COBADEFFXXX",
        "Holder & Sons",
        "DE89370400440532013000",
        "EUR11.90",
        "",
        "",
        "A-1",
    ]


def test_a_creditor_reference_has_a_line_of_its_own() -> None:
    """Structured, it comes instead of a text."""
    code = _code(bill(payment={**ACCOUNT, "reference": "rf18 5390 0754 7034"}))
    assert code is not None
    assert code.payload.endswith("\n\nRF18539007547034")
    assert code.payload.count("\n") == 9


@pytest.mark.parametrize(
    "changes",
    [
        {"payment": {}},
        {"payment": {**ACCOUNT, "means": "Direct debit"}},
        {"payment": {**ACCOUNT, "means": "59"}},
        {"payment": {**ACCOUNT, "prepaid": [{"amount": "11.90"}]}},
        {"currency": "USD", "payment": ACCOUNT},
        {"payment": {"iban": "GB82 WEST 1234 5698 7654 32"}},
        {"style": {"payment_code": "none"}, "payment": ACCOUNT},
    ],
)
def test_what_asks_for_no_transfer_has_no_code(changes: dict[str, Any]) -> None:
    """No account, another way, nothing due, another currency, no BIC, unwanted."""
    params = bill(**changes)
    assert _code(params, params.get("style", {}).get("payment_code")) is None


def test_a_credit_note_asks_for_nothing() -> None:
    """Whoever scans it would pay what he gets back."""
    assert _code(bills.credit_note() | {"payment": ACCOUNT}) is None


def test_a_factor_is_paid_in_the_seller_s_place() -> None:
    """Where no holder of the account is named."""
    code = _code(bill(payment=ACCOUNT, payee={"name": "Factor AG"}))
    assert code is not None
    assert code.payload.split("\n")[5] == "Factor AG"


def test_a_transfer_by_its_code_has_one() -> None:
    """58 is a SEPA credit transfer."""
    assert _code(bill(payment={**ACCOUNT, "means": "58"})) is not None


@pytest.mark.parametrize(
    ("iban", "reference", "kind"),
    [
        ("CH4431999123000889012", "21 00000 00003 13947 14300 09017", "QRR"),
        (PLAIN_SWISS, "RF18539007547034", "SCOR"),
        (PLAIN_SWISS, "Order 7", "NON"),
    ],
)
def test_the_swiss_code_is_what_another_library_makes(
    iban: str, reference: str, kind: str
) -> None:
    """Field by field; that library joins them by CRLF, which both are allowed."""
    params = bills.swiss()
    params["payment"] |= {"iban": iban, "reference": reference}
    code = _code(params)
    assert code is not None
    more = {"additional_information": reference} if kind == "NON" else {}
    theirs = QRBill(
        account=iban,
        creditor=_there("Robert Schneider AG", "Rue du Lac", "1268", "2501", "Biel"),
        amount="14774.25",
        debtor=_there(
            "Pia-Maria Rutschmann-Schnyder",
            "Grosse Marktgasse",
            "28",
            "9400",
            "Rorschach",
        ),
        reference_number=None if kind == "NON" else reference,
        **more,
    )
    assert theirs.ref_type == kind
    assert code.payload.split("\n") == theirs.qr_data().split("\r\n")


def _there(name: str, street: str, number: str, pcode: str, city: str) -> Any:
    return {
        "name": name,
        "street": street,
        "house_num": number,
        "pcode": pcode,
        "city": city,
        "country": "CH",
    }


def test_a_payer_without_an_address_is_filled_in_by_hand() -> None:
    """Seven empty fields, and corners on the slip."""
    params = bills.swiss()
    params["buyer"]["address"] = {"city": "Bern", "country": "CH"}
    code = _code(params)
    assert code is not None
    assert code.debtor == ()
    assert code.payload.split("\n")[20:27] == [""] * 7


def test_a_foreign_payer_has_the_country_before_the_postcode() -> None:
    """As on letters that leave the country."""
    params = bills.swiss()
    params["buyer"]["address"]["country"] = "DE"
    code = _code(params)
    assert code is not None
    assert code.debtor[-1] == "DE-9400 Rorschach"


@pytest.mark.parametrize(
    ("payment", "message"),
    [
        ({"reference": None}, "needs a QR reference"),
        ({"reference": "RF18539007547034"}, "needs a QR reference"),
        ({"reference": "210000000003139471430009018"}, "check digit of this QR"),
        ({"iban": PLAIN_SWISS, "reference": "RF19539007547034"}, "check digits"),
    ],
)
def test_references_that_a_bank_would_send_back_are_faults(
    payment: dict[str, Any], message: str
) -> None:
    """Before anything is sent, code or not."""
    params = bills.swiss()
    params["payment"] |= payment
    params["payment"] = {k: v for k, v in params["payment"].items() if v}
    problems = designs.find("invoice").problems(params)
    assert [(each.code, each.path) for each in problems] == [
        ("E_PAYMENT_REFERENCE", "payment.reference")
    ]
    assert message in problems[0].message


@pytest.mark.parametrize(
    ("changes", "wanted", "path"),
    [
        ({"currency": "USD", "payment": ACCOUNT}, "epc", "currency"),
        ({"payment": {}}, "epc", "payment.iban"),
        ({"payment": ACCOUNT}, "swiss", "payment.iban"),
        ({"payment": {"iban": PLAIN_SWISS}}, "swiss", "seller.address"),
        ({"payment": {"iban": PLAIN_SWISS}}, "epc", "payment.bic"),
        ({"payment": {**ACCOUNT, "bic": "ABC"}}, "epc", "payment.bic"),
        ({"lines": [line("0")], "payment": ACCOUNT}, "epc", "lines"),
        ({"payee": {"name": "F"}, "payment": {"iban": PLAIN_SWISS}}, "swiss", "payee"),
    ],
)
def test_a_code_that_is_wanted_and_cannot_be_is_a_fault(
    changes: dict[str, Any], wanted: str, path: str
) -> None:
    """With the field that is in the way."""
    params = bill(**changes, style={"payment_code": wanted})
    problems = designs.find("invoice").problems(params)
    assert [(each.code, each.path) for each in problems] == [("E_PAYMENT_CODE", path)]


def test_references_are_written_in_groups() -> None:
    """As banks print them; anything else stays as it is."""
    groups = "21 00000 00003 13947 14300 09017"
    assert shown_reference("210000000003139471430009017") == groups
    assert shown_reference("rf18539007547034") == "RF18 5390 0754 7034"
    assert shown_reference("INV-2026-0042") == "INV-2026-0042"
