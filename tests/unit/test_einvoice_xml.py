"""What the XML says is what the page says, by the eyes of other readers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from facturx.parse_xml import parse_ubl_cii_xml
from lxml import etree

from orchestrator import invoices
from orchestrator.invoices.einvoice.unit import code_of
from tests import einvoices
from tests.bills import computed, line, read

RAM = (
    "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
)
NS = {"ram": RAM}


def written(params: dict[str, Any], syntax: str, profile: str) -> bytes:
    """Give the XML of an invoice that must be right."""
    asked = {"format": syntax, "profile": profile}
    params = params | {"e_invoice": asked}
    assert invoices.check(params, "xml") == []
    made = invoices.make(read(params))
    assert made is not None
    return made.content


def ubl(content: bytes, path: str) -> list[str]:
    """Give the texts at a path of local names."""
    steps = "/".join(f"*[local-name()='{each}']" for each in path.split("/"))
    found = etree.fromstring(content).xpath(f"/*/{steps}/text()")
    assert isinstance(found, list)
    return [str(each) for each in found]


@pytest.mark.parametrize("case", einvoices.CASES)
@pytest.mark.parametrize("syntax", ["factur-x", "ubl"])
def test_another_library_reads_the_same_amounts(
    case: Callable[[], dict[str, Any]], syntax: str
) -> None:
    """Totals, taxes and lines, read by factur-x, are those that were computed."""
    params = case()
    done = computed(params)
    found = parse_ubl_cii_xml(written(params, syntax, "en16931"))
    totals = done.totals
    expected = {
        "BT-106": totals.lines,
        "BT-107": totals.allowances,
        "BT-108": totals.charges,
        "BT-109": totals.net,
        "BT-110": totals.tax,
        "BT-112": totals.gross,
        "BT-113": totals.prepaid,
        "BT-114": totals.rounding,
        "BT-115": totals.due,
    }
    for name, amount in expected.items():
        assert Decimal(found.get(name, "0")) == amount, name
    nets = [Decimal(each["BT-131"]) for each in found["BG-25"]]
    assert nets == [each.net for each in done.lines]
    groups = found["BG-23"]
    assert sum(Decimal(each["BT-116"]) for each in groups) == totals.net
    assert sum(Decimal(each["BT-117"]) for each in groups) == totals.tax
    rates = {(each["BT-118"], Decimal(each.get("BT-119", "0"))) for each in groups}
    assert rates == {(str(x.tax.category), x.tax.rate) for x in done.taxes}
    for name, sums in (("BG-20", totals.allowances), ("BG-21", totals.charges)):
        assert sum(Decimal(x["amount"]) for x in found.get(name, ())) == sums


@pytest.mark.parametrize("case", einvoices.CASES)
def test_both_syntaxes_say_the_same(case: Callable[[], dict[str, Any]]) -> None:
    """Term by term, as factur-x reads them."""
    # Any word but VAT marks the other tax number in UBL; this reader wants LOC.
    one, other = (
        parse_ubl_cii_xml(
            written(case(), syntax, "en16931").replace(b"<cbc:ID>FC<", b"<cbc:ID>LOC<")
        )
        for syntax in ("factur-x", "ubl")
    )
    # The schema of CII insists on a name beside the project's number, and UBL calls
    # the payee's name by another word.
    for each in (one, other):
        each.pop("BT-11-0", None)
        payee = each.get("BG-10", {})
        payee["name"] = payee.pop("biz_name", None) or payee.get("name")
        each["BG-10"] = payee
    assert one == other


@pytest.mark.parametrize("case", einvoices.CASES)
@pytest.mark.parametrize("syntax", ["factur-x", "ubl"])
def test_lines_come_to_their_net(
    case: Callable[[], dict[str, Any]], syntax: str
) -> None:
    """Quantity times price less allowances is the line's amount, to half a unit."""
    content = written(case(), syntax, "en16931")
    tree = etree.fromstring(content)
    names = {
        "factur-x": (
            "IncludedSupplyChainTradeLineItem",
            ("BilledQuantity", "ChargeAmount", "BasisQuantity", "LineTotalAmount"),
            "SpecifiedTradeAllowanceCharge",
            ("Indicator", "ActualAmount"),
        ),
        "ubl": (
            "*Line",
            ("*Quantity", "PriceAmount", "BaseQuantity", "LineExtensionAmount"),
            "AllowanceCharge",
            ("ChargeIndicator", "Amount"),
        ),
    }[syntax]
    row, (quantity, price, base, net), change, (kind, amount) = names
    if syntax == "ubl":
        is_credit = etree.QName(tree).localname == "CreditNote"
        row = "CreditNoteLine" if is_credit else "InvoiceLine"
        quantity = "CreditedQuantity" if is_credit else "InvoicedQuantity"
    for each in tree.iterfind(f".//{{*}}{row}"):
        value = _number(each, quantity) * _number(each, price)
        value /= _number(each, base, "1")
        for part in each.iterfind(f".//{{*}}{change}"):
            sign = 1 if part.findtext(f".//{{*}}{kind}") == "true" else -1
            value += sign * _number(part, amount)
        assert abs(value - _number(each, net)) <= Decimal("0.5")
        if case is einvoices.gross:
            assert value == _number(each, net)


def _number(element: Any, name: str, default: str = "") -> Decimal:
    return Decimal(element.findtext(f".//{{*}}{name}") or default)


def test_every_field_is_said() -> None:
    """Whatever the data has stands in the XML, as a field or in a note."""
    params = einvoices.rich()
    for syntax, profile in einvoices.FULL:
        text = "".join(etree.fromstring(written(params, syntax, profile)).itertext())
        for each in _texts(params):
            assert each in text, (syntax, profile, each)


def _texts(value: Any) -> list[str]:
    """The words of the data that are no amounts, dates or codes of our own."""
    if isinstance(value, dict):
        skipped = {"language", "type", "category", "policy", "unit"}
        return [
            text
            for key, each in value.items()
            if key not in skipped and not key.endswith(("date", "start", "end"))
            for text in _texts(each)
        ]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    text = str(value)
    is_number = text.replace(".", "").replace("-", "").isdigit()
    spaced = {"DE89 3704 0044 0532 0130 00", "DE 136695976"}
    known = {"vat", "tax_number", "eori"}
    return [] if is_number or text in spaced | known else [text]


def test_a_credit_note_asks_for_no_money() -> None:
    """The account of the seller is not told, as it is not on the page."""
    content = written(einvoices.credit(), "ubl", "en16931")
    assert b"<CreditNote " in content
    assert b"DE89370400440532013000" not in content
    assert ubl(content, "PaymentMeans/PaymentMeansCode") == ["ZZZ"]
    path = "AdditionalDocumentReference"
    assert ubl(content, f"{path}/ID") == ["P-1"]
    assert ubl(content, f"{path}/DocumentTypeCode") == ["50"]


def test_tax_in_another_currency() -> None:
    """BT-6 and BT-111, and the rate in a note."""
    params = einvoices.trade(
        line("100.00"), tax_currency="PLN", tax_currency_rate="4.2"
    )
    content = written(params, "ubl", "en16931")
    assert ubl(content, "TaxCurrencyCode") == ["PLN"]
    assert ubl(content, "TaxTotal/TaxAmount") == ["19.00", "79.80"]
    assert ubl(content, "Note") == ["1 EUR = 4.2 PLN"]


def test_huge_numbers_are_exact() -> None:
    """Products of many digits are not rounded on the way."""
    price = "999999999.123457"
    lines = [
        line(price, quantity="99999.999999", allowances=[{"reason": "r", "percent": 1}])
    ]
    params = einvoices.trade(*lines)
    content = written(params, "ubl", "en16931")
    found = ubl(content, "InvoiceLine/AllowanceCharge/BaseAmount")
    exact = Decimal("99999999911345.700000876543")
    assert found == [f"{exact.quantize(Decimal('0.01')):f}"]


def test_units() -> None:
    """Codes are kept, packages get their X, nothing means one, words mean nothing."""
    found = [code_of(x) for x in ("H87", "PCE", "BX", "XBX", None, "Stück", "h87")]
    assert found == ["H87", "H87", "XBX", "XBX", "C62", None, None]
