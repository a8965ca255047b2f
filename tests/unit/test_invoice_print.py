"""What the page shows: words, numbers and dates as a reader expects them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pytest

from orchestrator.invoices.address import set_address
from orchestrator.invoices.labels import LANGUAGES, WORDS, language_of, words_in
from orchestrator.invoices.locale import format_for
from orchestrator.invoices.model import Address
from orchestrator.invoices.page import soft
from orchestrator.invoices.printed import printed
from orchestrator.invoices.units import UNITS
from tests import bills
from tests.bills import bill, line, read

N = "\xa0"


@pytest.mark.parametrize(
    ("tag", "currency", "number", "text"),
    [
        ("en", "EUR", "1234567.5", "€1,234,567.50"),
        ("en", "JPY", "8", "¥8"),
        ("ja", "JPY", "8", "\uffe58"),
        ("de", "EUR", "1234.5", f"1.234,50{N}€"),
        ("de-CH", "CHF", "1234.5", f"CHF{N}1’234.50"),
        ("fr", "EUR", "1234.5", f"1\u202f234,50{N}€"),
        ("fr-CH", "CHF", "1234.5", f"1’234.50{N}CHF"),
        ("en-IN", "INR", "1234567", "₹12,34,567.00"),
        ("en", "KWD", "1.5", f"KWD{N}1.500"),
        ("en", "EUR", "-3", "−€3.00"),
        ("zh", "CNY", "100366", "¥100,366.00"),
    ],
)
def test_money_is_written_as_readers_write_it(
    tag: str, currency: str, number: str, text: str
) -> None:
    """Marks, sides and digits follow language and currency."""
    assert format_for(tag, currency).money(Decimal(number)) == text


def test_no_digit_is_lost_in_writing() -> None:
    """The largest amounts and the finest prices are whole."""
    write = format_for("en", "EUR")
    assert write.amount(Decimal("999999999999999.99")) == "999,999,999,999,999.99"
    assert write.price(Decimal("0.123456")) == "0.123456"
    assert write.price(Decimal(4)) == "4.00"
    assert write.quantity(Decimal("12.500")) == "12.5"
    assert write.percent(Decimal("7.70")) == "7.7%"


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("en-GB", "5 March 2026"),
        ("de", "5. März 2026"),
        ("ja", "2026年3月5日"),
        ("de-XX", "5. März 2026"),
    ],
)
def test_dates_are_long(tag: str, text: str) -> None:
    """An unknown region falls back to its language."""
    assert format_for(tag, "EUR").day(date(2026, 3, 5)) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word(language: str) -> None:
    """Nothing is left empty, and patterns keep their places."""
    words = words_in(language)
    assert set(words) == {*WORDS, *UNITS}
    may_be_empty = {"honorific", "C62"}
    assert not [
        key for key, each in words.items() if not each and key not in may_be_empty
    ]
    english = words_in("en")
    for key in ("page", "per", "preceding_of", "reduced_note"):
        for place in ("{0}", "{1}"):
            assert words[key].count(place) == english[key].count(place)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh-TW", "zh-Hant"),
        ("zh-Hans-CN", "zh"),
        ("de-AT", "de"),
        ("zh-Hant", "zh-Hant"),
    ],
)
def test_tags_find_their_language(tag: str, language: str) -> None:
    """Taiwan and Hong Kong read traditional characters."""
    assert language_of(tag) == language


def test_printed_lines_sum_to_the_printed_subtotal() -> None:
    """What a reader adds up on paper is what stands below."""
    page = printed(read(bills.english()))
    lines = [_number(each["amount"]) for each in page["table"]["rows"]]
    rows = [(each["label"], _number(each["value"])) for each in page["totals"][:-1]]
    assert rows[0] == ("Subtotal", sum(lines))
    net = rows[0][1] + rows[1][1]
    assert rows[2] == ("Net total", net)
    assert page["totals"][-1]["value"] == f"€{net + rows[3][1] + rows[4][1]:,}"


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("−", "-"))


def test_sums_are_carried_exactly() -> None:
    """Each row knows what all rows so far come to, as the reader would add them up."""
    page = printed(read(bills.english()))
    rows = page["table"]["rows"]
    amounts = [_number(each["amount"]) for each in rows]
    assert [_number(each["running"]) for each in rows] == list(accumulate(amounts))


@pytest.mark.parametrize(
    ("tag", "vat"),
    [("de", "USt-IdNr."), ("de-AT", "UID-Nr."), ("de-CH", "MWST-Nr.")],
)
def test_regions_have_words_of_their_own(tag: str, vat: str) -> None:
    """A Swiss reader looks for MWST."""
    seller = {
        "name": "Seller",
        "address": {"country": "DE"},
        "tax_ids": [{"scheme": "vat", "value": "DE136695976"}],
    }
    page = printed(read(bill(language=tag, seller=seller)))
    assert page["seller"]["ids"] == [[vat, "DE136695976"]]


def test_reduced_rates_are_marked_in_japan() -> None:
    """Lines at 8 %, their rate in the breakdown, and a note: the law asks for it."""
    page = printed(read(bills.japanese()))
    assert [each["mark"] for each in page["table"]["rows"]] == ["※", "※", "", ""]
    assert [row[0] for row in page["taxes"]["rows"]] == ["10%", "8% ※"]
    assert page["exemptions"] == ["※は軽減税率対象品目です。"]
    assert page["buyer"]["honorific"] == "御中"
    assert (page["lang"], page["region"]) == ("ja", "JP")


def test_an_honorific_is_not_doubled() -> None:
    """Who is addressed already is not addressed again."""
    params = bills.japanese()
    params["buyer"]["name"] = "佐藤様"
    assert printed(read(params))["buyer"]["honorific"] == ""


def test_gross_prices_show_the_tax_that_is_in_them() -> None:
    """The total comes first, the tax in it after."""
    params = bill(line("119.00"), policy={"price_mode": "gross"})
    totals = printed(read(params))["totals"]
    assert [(each["kind"], each["value"]) for each in totals] == [
        ("due", "€119.00"),
        ("note", "100.00"),
        ("note", "19.00"),
    ]


def test_what_is_not_taxed_says_why_and_shows_no_rate() -> None:
    """No column of dashes for a seller without tax."""
    tax = {"category": "O", "exemption_text": "No sales tax in Oregon."}
    page = printed(read(bill(line(tax=tax))))
    assert page["table"]["has_rate"] is False
    assert page["exemptions"] == ["No sales tax in Oregon."]
    assert [each["kind"] for each in page["totals"]] == ["due"]


def test_tax_is_told_in_the_currency_of_the_tax_office_too() -> None:
    """With the rate of exchange; by rate where there are several."""
    more = {"tax_currency": "CHF", "tax_currency_rate": "0.9512", "language": "de-CH"}
    two = bill(line("1000.00"), line("100.00", 7), **more)
    rows = printed(read(two))["totals"]
    assert [(each["label"], each["value"]) for each in rows[-4:]] == [
        ("1 EUR = 0.9512 CHF", ""),
        ("MWST in CHF · 19%", "180.73"),
        ("MWST in CHF · 7%", "6.66"),
        ("MWST in CHF", "187.39"),
    ]
    rows = printed(read(bill(line("1000.00"), **more)))["totals"]
    assert [each["value"] for each in rows[-2:]] == ["", "180.73"]


def test_who_is_paid_is_named() -> None:
    """A factor stands before the account."""
    page = printed(read(bill(payee={"name": "Factor AG"}, payment={"bank": "B"})))
    assert page["payment"] == [["Payee", "Factor AG"], ["Bank", "B"]]


def test_a_credit_note_shows_no_account() -> None:
    """Payment that all documents of a batch share must not ask for money here."""
    shared = {
        "terms": "None.",
        "bank": "B",
        "iban": "DE89370400440532013000",
        "bic": "COBADEFFXXX",
    }
    shared |= {"account": "1", "account_holder": "H", "means": "Transfer"}
    credit = printed(read(bills.credit_note() | {"payment": shared}))
    assert credit["payment"] == [["Method", "Transfer"]]
    asked = printed(read(bill(payment=shared)))
    assert len(asked["payment"]) == 6


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "code",
    [
        "BG",
        "XBG",
        "BX",
        "XBX",
        "PF",
        "XPX",
        "XPK",
        "PR",
        "SET",
        "HUR",
        "DAY",
        "MON",
        "MTR",
        "LTR",
        "KGM",
        "GRM",
        "TNE",
        "KMT",
        "MTK",
        "MTQ",
        "KWH",
        "H87",
        "EA",
        "DZN",
        "MIN",
        "WEE",
        "ANN",
        "XCT",
        "XBO",
    ],
)
def test_units_have_names(language: str, code: str) -> None:
    """No code of a common unit is printed, whether there is one of it or more."""
    for quantity in ("1", "6"):
        of = line(quantity=quantity, unit=code)
        row = printed(read(bill(of, language=language)))["table"]["rows"][0]
        assert row["unit"] not in {"", code}
    assert (f"{code}:1" in UNITS) == (code in _COUNTED)


_COUNTED = [
    "BG",
    "XBG",
    "BX",
    "XBX",
    "PF",
    "XPX",
    "XPK",
    "PR",
    "SET",
    "DAY",
    "MON",
    "H87",
    "EA",
    "DZN",
    "WEE",
    "ANN",
    "XCT",
    "XBO",
]


def test_a_mere_number_has_no_unit() -> None:
    """C62 is "one"; what the table does not know is taken for a name."""
    for unit, text in (("C62", ""), ("barrique", "barrique")):
        page = printed(read(bill(line(unit=unit))))
        assert page["table"]["rows"][0]["unit"] == text


def test_a_credit_note_asks_for_nothing() -> None:
    """Its title, its words and the invoice that it is about; no day to pay until."""
    page = printed(read(bills.credit_note() | {"due_date": "2026-04-30"}))
    assert page["title"] == "Credit note"
    assert [each[0] for each in page["hero"]] == ["Amount credited"]
    assert ["Original invoice", f"INV-2026-0042 of{N}5{N}Mar{N}2026"] in page["meta"]


def test_nothing_on_the_page_is_a_number() -> None:
    """A template gets texts; only widths are numbers."""
    page = printed(read(bills.german()))
    del page["table"]["widths"]
    for row in page["table"]["rows"]:
        del row["name_ems"]
    assert not list(_numbers(page))


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for item in value.values() for each in _numbers(item)]
    if isinstance(value, list):
        return [each for item in value for each in _numbers(item)]
    return [] if value is None or isinstance(value, str | bool) else [value]


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {
                "lines": ("1 High St",),
                "city": "Leeds",
                "postcode": "LS1",
                "country": "GB",
            },
            ["1 High St", "Leeds", "LS1"],
        ),
        (
            {"city": "Portland", "region": "OR", "postcode": "97205", "country": "US"},
            ["Portland, OR 97205"],
        ),
        (
            {
                "city": "渋谷区",
                "region": "東京都",
                "postcode": "150-0001",
                "country": "JP",
            },
            ["〒150-0001", "東京都渋谷区"],
        ),
        ({"city": "Wien", "postcode": "1010", "country": "AT"}, ["1010 Wien"]),
        ({"city": "Tokyo", "postcode": "150", "country": "JP"}, ["150 Tokyo"]),
    ],
)
def test_addresses_follow_their_country(
    fields: dict[str, Any], lines: list[str]
) -> None:
    """Where the postcode stands, and what comes first; abroad, the country is last."""
    assert set_address(Address(**fields)) == lines
    assert set_address(Address(**fields), "Land") == [*lines, "Land"]


def test_only_long_words_may_break() -> None:
    """Ordinary text is left as it is; CJK breaks by itself."""
    assert soft("plain words") == "plain words"
    assert soft("漢" * 40) == "漢" * 40
    assert soft("a" * 30).split("\u200b") == ["a" * 12, "a" * 12, "a" * 6]


def test_checking_needs_no_babel() -> None:
    """An installation that only sends documents has none."""
    code = (
        "import sys; sys.modules['babel'] = None\n"
        "from tests.bills import bill\n"
        "from orchestrator import designs\n"
        "assert designs.find('invoice').problems(bill()) == []\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0
