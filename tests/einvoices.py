"""Invoices that use all of the model, for all syntaxes of electronic invoices."""

from __future__ import annotations

from typing import Any

from tests.bills import bill, line

FULL: list[tuple[str, str]] = [
    ("factur-x", "basic"),
    ("factur-x", "en16931"),
    ("factur-x", "xrechnung"),
    ("ubl", "en16931"),
    ("ubl", "xrechnung"),
    ("ubl", "peppol"),
]
ALL = [("factur-x", "minimum"), ("factur-x", "basic-wl"), *FULL]


def party(name: str, country: str = "DE", **more: Any) -> dict[str, Any]:
    """Give a seller or buyer with everything that any profile asks for."""
    vat = {"DE": "DE136695976", "FR": "FR83404833048", "IT": "IT00743110157"}
    return {
        "name": name,
        "address": {
            "lines": ["Straße 1 & Co", "2. Stock", "Hof <links>", "Tür 7"],
            "postcode": "10119",
            "city": "Berlin",
            "region": "BE",
            "country": country,
        },
        "tax_ids": [{"scheme": "vat", "value": vat[country]}],
        "registration": "HRB 1",
        "contact": {"name": "Ann", "phone": "+49 30 12345", "email": "ann@a.example"},
        "endpoint": {"scheme": "EM", "id": f"{country.lower()}@a.example"},
        **more,
    }


def trade(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give an invoice between two such parties."""
    return bill(*lines) | {
        "seller": party("Seller GmbH"),
        "buyer": party("Käufer AG"),
        "due_date": "2026-04-04",
        "references": {"buyer_reference": "04011000-12345-03"},
        "payment": {"iban": "DE89370400440532013000"},
        **more,
    }


def rich() -> dict[str, Any]:
    """Everything that one invoice can have at once."""
    lines = [
        line("4800.005", quantity="1.5", unit="SET", item_code="C-1", id="a"),
        line(
            "110.00",
            quantity="36.5",
            unit="HUR",
            description="Long\ntext",
            allowances=[
                {"reason": "Volume", "percent": "5"},
                {"reason": "Loyal", "amount": "1.10"},
            ],
            charges=[{"reason": "Night", "percent": "2.5", "base": "100.00"}],
            period={"start": "2026-02-01", "end": "2026-02-28"},
        ),
        line("7.77", rate=7, quantity="1000", unit="XPK", price_base_quantity=100),
        line("9.99", rate=7, quantity="-2"),
        line("0", rate=19, quantity=3),
        line("50.00", 0, tax={"category": "Z", "rate": 0}, unit="BX"),
        line("80.00", 0, tax={"category": "E", "rate": 0, "exemption_text": "Why"}),
        line("20.00", 0, tax={"category": "E", "rate": 0, "exemption_text": "How"}),
    ]
    return trade(
        *lines,
        type="invoice",
        language="de",
        tax_point_date="2026-02-28",
        period={"start": "2026-02-01", "end": "2026-02-28"},
        tax_currency="PLN",
        tax_currency_rate="4.2345",
        seller=party(
            "Seller GmbH",
            trading_name="Sell & Co",
            tax_ids=[
                {"scheme": "vat", "value": "DE 136695976"},
                {"scheme": "tax_number", "value": "30/123/45678"},
                {"scheme": "eori", "value": "DE123"},
            ],
            contact={
                "name": "Ann",
                "phone": "+49 30 12345",
                "email": "ann@a.example",
                "web": "shop.example",
            },
        ),
        buyer=party("Käufer AG", trading_name="Kauf"),
        ship_to=party("Lager"),
        payee={
            "name": "Factor",
            "id": "4000001000005",
            "scheme": "0088",
            "registration": "HRB 2",
        },
        references={
            "order": "PO-1",
            "contract": "C-1",
            "project": "P-1",
            "buyer_reference": "04011000-12345-03",
            "customer_number": "K-1",
            "delivery_notes": ["LS-7", "LS-8"],
            "preceding": [
                {"number": "OLD-1", "date": "2025-01-01"},
                {"number": "OLD-2"},
            ],
        },
        allowances=[{"reason": "Loyalty", "percent": "2"}],
        charges=[{"reason": "Freight", "amount": "12.34", "tax": {"rate": "19.0"}}],
        payment={
            "terms": "Net 30\nThanks",
            "bank": "Bank",
            "account_holder": "Seller GmbH",
            "iban": "DE89 3704 0044 0532 0130 00",
            "bic": "COBADEFFXXX",
            "reference": "RF18539007547034",
            "prepaid": [
                {"amount": "100.00", "date": "2026-01-05", "reference": "A"},
                {"amount": "5.00"},
            ],
        },
        notes=["First & foremost", "Second\nline"],
    )


def gross() -> dict[str, Any]:
    """Prices with tax, where nets do not divide evenly."""
    return trade(
        line("9.99", 19, 3, allowances=[{"reason": "Deal", "percent": "10"}]),
        line("0.99", 7, 7, charges=[{"reason": "Box", "amount": "0.50"}]),
        line("1.00", 19, -1),
        line("3.33", 19, "0.333"),
        allowances=[{"reason": "Loyal", "percent": "3"}],
        charges=[{"reason": "Freight", "amount": "4.90", "tax": {"rate": 19}}],
        policy={"price_mode": "gross"},
    )


def credit() -> dict[str, Any]:
    """A credit note."""
    return trade(
        line("10.00", quantity=2),
        type="credit_note",
        references={
            "buyer_reference": "04011000-12345-03",
            "project": "P-1",
            "preceding": [{"number": "A-0", "date": "2026-01-01"}],
        },
        payment={
            "means": "Wire",
            "terms": "We pay",
            "iban": "DE89370400440532013000",
        },
    )


def cash() -> dict[str, Any]:
    """Francs, rounded to five hundredths, and no IBAN."""
    return trade(
        line("9.97", "8.1", 3),
        currency="CHF",
        policy={"cash_rounding": "0.05", "rounding": "half_even"},
        payment={"means": "10"},
        references={"buyer_reference": "B", "order": "O"},
    )


def yen() -> dict[str, Any]:
    """A currency without decimals, in another script, tax rounded down."""
    return trade(
        line("105", 10, 3, name="電卓"),
        line("4.5", 8, 12345, name="紙"),
        currency="JPY",
        language="ja",
        policy={"rounding": "floor"},
        notes=["お振込手数料は貴社にてご負担ください。"],
    )


def _untaxed(category: str, **more: Any) -> dict[str, Any]:
    tax = {"category": category, "rate": 0, "exemption_text": "Reason"}
    return trade(line("10.00", 0, tax=tax), **more)


def intra() -> dict[str, Any]:
    """Goods to another state of the union."""
    buyer = party("Acheteur", "FR")
    return _untaxed("K", buyer=buyer, tax_point_date="2026-03-01", ship_to=buyer)


def reverse() -> dict[str, Any]:
    """The buyer owes the tax; the reason has a code."""
    params = _untaxed("AE", buyer=party("Compratore", "IT"))
    params["lines"][0]["tax"]["exemption_code"] = "VATEX-EU-AE"
    return params


def export() -> dict[str, Any]:
    """Out of the union."""
    return _untaxed("G")


def outside() -> dict[str, Any]:
    """Outside of VAT altogether, with an allowance."""
    nobody: dict[str, Any] = {"tax_ids": [{"scheme": "tax_number", "value": "1"}]}
    return _untaxed(
        "O",
        seller=party("Verein", **nobody),
        buyer=party("Mitglied", **nobody),
        allowances=[{"reason": "Half", "percent": "50"}],
    )


def islands() -> dict[str, Any]:
    """The Canary Islands and Ceuta have taxes of their own."""
    return trade(
        line("10.00", 7, tax={"category": "L", "rate": "7"}),
        line("10.00", 4, tax={"category": "M", "rate": "4"}),
    )


def corrected() -> dict[str, Any]:
    """A corrected invoice with a negative total."""
    references = {"buyer_reference": "B", "preceding": [{"number": "A-0"}]}
    return trade(line("10.00", quantity=-2), type="corrected", references=references)


CASES = (
    rich,
    gross,
    credit,
    cash,
    yen,
    intra,
    reverse,
    export,
    outside,
    islands,
    corrected,
)
