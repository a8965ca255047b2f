"""What a profile cannot say is refused before anything is sent, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import invoices
from tests import einvoices
from tests.bills import bill, line

EN = {"format": "factur-x", "profile": "en16931"}
XRECHNUNG = {"format": "ubl", "profile": "xrechnung"}
PEPPOL = {"format": "ubl", "profile": "peppol"}


def paths(
    params: dict[str, Any], asked: dict[str, str], target: str = "xml"
) -> list[str]:
    """Where the faults are; all must be of this kind."""
    found = invoices.check(params | {"e_invoice": asked}, target)
    assert {each.code for each in found} <= {"E_E_INVOICE"}
    return [each.path for each in found]


def taxed(category: str, **more: Any) -> dict[str, Any]:
    """An invoice in one category without tax."""
    tax = {"category": category, "rate": 0, "exemption_text": "Reason"}
    return einvoices.trade(line("10.00", 0, tax=tax), **more)


def test_what_is_asked_for_must_exist() -> None:
    """Profiles belong to syntaxes, UBL is no PDF, and XML needs to be asked for."""
    params = einvoices.trade()
    assert paths(params, {"format": "ubl", "profile": "basic"}) == ["e_invoice.profile"]
    assert paths(params, PEPPOL, "pdf") == ["e_invoice.format"]
    assert paths(params, EN, "pdf") == paths(params, EN) == []
    missing = invoices.check(params, "xml")
    assert [(x.path, x.code) for x in missing] == [("e_invoice", "E_REQUIRED")]
    unknown = invoices.check(params | {"e_invoice": {"profile": "en16930"}})
    assert [(x.path, x.code) for x in unknown] == [("e_invoice.profile", "E_VALUE")]


def test_a_bare_invoice_lacks_much() -> None:
    """All of it is told at once."""
    found = paths(bill(), EN)
    assert found == ["due_date", "seller.tax_ids", "seller.tax_ids"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (einvoices.trade(currency="KWD"), ["currency"]),
        (
            einvoices.trade(tax_currency="KWD", tax_currency_rate="0.3"),
            ["tax_currency"],
        ),
        (einvoices.trade(line(unit="Stunden"), line(unit="BX")), ["lines[0].unit"]),
        (einvoices.trade(payment={"means": "30"}), ["payment.iban"]),
        (
            einvoices.trade(payee={"name": "P", "id": "1", "scheme": "9999"}),
            ["payee.scheme"],
        ),
        (
            einvoices.trade(
                seller=einvoices.party("S", endpoint={"scheme": "9999", "id": "1"})
            ),
            ["seller.endpoint.scheme"],
        ),
        (taxed("K"), ["ship_to", "tax_point_date"]),
        (taxed("O"), ["buyer.tax_ids", "seller.tax_ids"]),
        (
            einvoices.trade(
                *[line("0.10", 5) for _ in range(500)],
                policy={"tax_rounding": "per_line"},
            ),
            ["policy.tax_rounding"],
        ),
    ],
)
def test_what_en_16931_does_not_know(
    params: dict[str, Any], expected: list[str]
) -> None:
    """Each rule names the field that mends it."""
    assert paths(params, EN) == expected


def test_one_category_has_one_code() -> None:
    """The texts of two reasons can be joined, their codes cannot."""
    params = taxed("E")
    other = {"category": "E", "rate": 0, "exemption_code": "VATEX-EU-132"}
    params["lines"].append(line("1.00", 0, tax=other))
    expected = ["lines[1].tax.exemption_code"]
    assert paths(params, EN) == expected
    other["exemption_code"] = "VATEX-EU-NO"
    assert paths(params, EN) == expected * 2


def test_small_profiles_have_no_cash_rounding() -> None:
    """BASIC cannot say by how much the total was rounded."""
    basic = {"format": "factur-x", "profile": "basic"}
    assert paths(einvoices.cash(), basic) == ["policy.cash_rounding"]
    assert paths(einvoices.cash(), EN) == []


def test_xrechnung_asks_for_more() -> None:
    """Contact, places, endpoints, a reference and a way to pay."""
    params = bill(due_date="2026-04-04", seller=einvoices.party("S"))
    del params["seller"]["contact"], params["seller"]["address"]["city"]
    assert paths(params, XRECHNUNG) == [
        "buyer.address.city",
        "buyer.address.postcode",
        "buyer.endpoint",
        "payment.means",
        "references.buyer_reference",
        "seller.address.city",
        "seller.contact.email",
        "seller.contact.name",
        "seller.contact.phone",
    ]
    assert paths(einvoices.outside(), XRECHNUNG) == ["lines[0].tax.category"]


def test_peppol_asks_for_more() -> None:
    """Endpoints, a reference, types that it has, and periods within the period."""
    month = {"start": "2026-02-01", "end": "2026-02-28"}
    longer = {"start": "2026-01-31", "end": "2026-02-28"}
    params = einvoices.trade(line(period=longer), period=month, references={})
    del params["buyer"]["endpoint"]
    expected = ["buyer.endpoint", "lines[0].period", "references.buyer_reference"]
    assert paths(params, PEPPOL) == expected
    assert paths(einvoices.trade(type="self_billed"), PEPPOL) == ["type"]
    corrected = einvoices.corrected() | {"buyer": einvoices.party("B", "FR")}
    assert paths(corrected, PEPPOL) == ["type"]
