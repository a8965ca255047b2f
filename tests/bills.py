"""Invoices to test with: small ones built in place, and whole ones of several lands."""

from __future__ import annotations

import json
from typing import Any

from orchestrator import designs, invoices

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 60">'
    '<circle cx="30" cy="30" r="26" fill="#b4472b"/>'
    '<path d="M18 42 L30 14 L42 42 Z" fill="#fff"/>'
    '<rect x="70" y="16" width="140" height="10" rx="5" fill="#2b2b2b"/></svg>'
)


def bill(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Give a small invoice with these lines."""
    return {
        "number": "A-1",
        "issue_date": "2026-03-05",
        "currency": "EUR",
        "seller": {"name": "Seller", "address": {"country": "DE"}},
        "buyer": {"name": "Buyer", "address": {"country": "DE"}},
        "lines": list(lines) or [line()],
        **changes,
    }


def line(
    price: str = "10.00", rate: str | int = 19, quantity: str | int = 1, **changes: Any
) -> dict[str, Any]:
    """Give a line of an invoice."""
    return {
        "name": "Thing",
        "quantity": quantity,
        "unit_price": price,
        "tax": {"rate": rate},
        **changes,
    }


def computed(params: dict[str, Any]) -> invoices.Computed:
    """Compute an invoice that must be right."""
    assert invoices.check(params) == []
    return invoices.compute(read(params))


def read(params: dict[str, Any]) -> invoices.Invoice:
    """Read an invoice that must be right."""
    invoice = invoices.read(params)
    assert isinstance(invoice, invoices.Invoice)
    return invoice


def english() -> dict[str, Any]:
    """One page, two rates, a discount: the example of the shipped design."""
    text = (designs.find("invoice@1").root / "example.json").read_text(encoding="utf-8")
    example: dict[str, Any] = json.loads(text)
    return example


def credit_note() -> dict[str, Any]:
    """A credit note for a part of it."""
    params = english()
    del params["allowances"], params["due_date"]
    return params | {
        "type": "credit_note",
        "number": "CN-2026-0007",
        "language": "en-GB",
        "references": {
            "preceding": [{"number": "INV-2026-0042", "date": "2026-03-05"}]
        },
        "lines": params["lines"][2:],
        "payment": {"terms": "No payment is needed."},
    }


_GOODS = [
    ("Kabelkanal 40 × 60 mm, weiß", 12, "MTR", "4.35", 19),
    ("Schraubenset M6 verzinkt", 2, "SET", "24.90", 19),
    ("Montagestunde Fachkraft", 6, "HUR", "68.50", 19),
    ("Sicherungsautomat B16", 20, "H87", "3.279", 19),
    ("Fachbuch Elektrotechnik", 1, "H87", "49.80", 7),
    ("Trinkwasser 0,5 l", 4, "H87", "9.60", 7),
]


def german(count: int = 60) -> dict[str, Any]:
    """Many lines over several pages, with a logo, a charge and a prepayment."""
    goods = [_GOODS[n % len(_GOODS)] for n in range(count)]
    lines = [
        line(price, rate, quantity, name=name, unit=unit)
        for name, quantity, unit, price, rate in goods
    ]
    lines[0]["description"] = "Selbstklebend, 2 m Länge, inklusive Endkappen"
    lines[-1]["allowances"] = [{"reason": "Mengenrabatt", "percent": "3"}]
    return bill(
        *lines,
        number="RE-2026-10377",
        due_date="2026-04-04",
        language="de",
        seller={
            "name": "Büro & Werkstatt Albrecht GmbH & Co. KG",
            "address": {
                "lines": ["Speicherstadt 7a"],
                "postcode": "20457",
                "city": "Hamburg",
                "country": "DE",
            },
            "tax_ids": [{"scheme": "vat", "value": "DE136695976"}],
        },
        charges=[{"reason": "Versand", "amount": "38.50", "tax": {"rate": 19}}],
        payment={
            "terms": "Zahlbar innerhalb von 30 Tagen.",
            "iban": "DE89370400440532013000",
            "prepaid": [{"amount": "500.00", "date": "2026-02-20"}],
        },
        style={"accent": "#b4472b", "logo": LOGO},
    )


def japanese() -> dict[str, Any]:
    """A qualified invoice in yen, with both rates."""
    return bill(
        line("4980", 8, 12, name="有機緑茶（茶葉）", description="静岡県産 1kg袋"),
        line("3250", 8, 8, name="抹茶パウダー"),
        line("2780", 10, 6, name="業務用ティーポット", unit="H87"),
        line("4.5", 10, 12345, name="紙コップ（印刷入り）"),
        currency="JPY",
        language="ja",
        seller={
            "name": "株式会社みどり食品",
            "address": {
                "postcode": "150-0001",
                "region": "東京都",
                "city": "渋谷区",
                "lines": ["神宮前4丁目26番18号"],
                "country": "JP",
            },
            "tax_ids": [{"scheme": "jp_qualified", "value": "T1180301018771"}],
        },
        buyer={
            "name": "カフェ・ド・銀座株式会社",
            "address": {"city": "中央区", "lines": ["銀座3丁目"], "country": "JP"},
        },
        policy={"rounding": "floor"},
    )


def chinese() -> dict[str, Any]:
    """An invoice in renminbi, with simplified characters."""
    return bill(
        line("12800.00", 6, 3, name="云服务器年费", unit="ANN"),
        line("350.00", 6, 120, name="技术支持服务", unit="HUR"),
        line("2680.00", 13, 5, name="网络设备", description="含安装调试"),
        currency="CNY",
        language="zh",
        seller={
            "name": "上海明远科技有限公司",
            "address": {"city": "上海市", "lines": ["世纪大道100号"], "country": "CN"},
        },
        buyer={
            "name": "深圳市直骨进出口贸易有限公司",
            "address": {"city": "深圳市", "lines": ["科技园南路8号"], "country": "CN"},
        },
    )


def swiss(count: int = 2) -> dict[str, Any]:
    """An invoice in francs with a QR reference, as the Swiss guidelines show one."""
    goods = [
        line("1949.75", "8.1", 1, name="Beratung Digitalisierung", unit="HUR"),
        line("12345.60", "2.6", 1, name="Kaffeebohnen, 120 kg"),
    ]
    return bill(
        *(goods[n % 2] for n in range(count)),
        number="2026-0815",
        language="de-CH",
        currency="CHF",
        due_date="2026-04-04",
        seller={
            "name": "Robert Schneider AG",
            "address": {
                "lines": ["Rue du Lac 1268"],
                "postcode": "2501",
                "city": "Biel",
                "country": "CH",
            },
            "tax_ids": [{"scheme": "vat", "value": "CHE123456788MWST"}],
        },
        buyer={
            "name": "Pia-Maria Rutschmann-Schnyder",
            "address": {
                "lines": ["Grosse Marktgasse 28"],
                "postcode": "9400",
                "city": "Rorschach",
                "country": "CH",
            },
        },
        payment={
            "terms": "Zahlbar innert 30 Tagen.",
            "iban": "CH4431999123000889012",
            "reference": "210000000003139471430009017",
        },
        policy={"cash_rounding": "0.05"},
    )


def indian() -> dict[str, Any]:
    """An invoice in rupees."""
    return bill(
        line("1234567.00", 18, 3, name="Annual licence"),
        currency="INR",
        language="en-IN",
    )


def gross() -> dict[str, Any]:
    """Prices with tax, paid in coins of five."""
    return bill(
        line("119.03"),
        line("5.35", 7, 20, name="Buch"),
        language="de",
        policy={"price_mode": "gross", "cash_rounding": "0.05"},
    )


def endless() -> dict[str, Any]:
    """Names, numbers and texts as long as they may be."""
    params = english()
    params["seller"]["name"] = "The Most Honourable Trading Company of " * 3
    params["buyer"]["name"] = (
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 2
    )
    params["number"] = "INV/2026/" + "0" * 40 + "42"
    params["lines"][0] |= {
        "name": "x" * 200,
        "unit_price": "123456789012.50",
        "quantity": "1000",
        "unit": "a very long unit",
    }
    params["lines"][1]["description"] = "Lorem ipsum dolor sit amet, consectetur. " * 60
    params["payment"]["terms"] = "Payable within thirty days. " * 200
    params["notes"] = ["A note that is long. " * 200]
    return params
