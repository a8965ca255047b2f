"""Tax numbers and bank accounts."""

from __future__ import annotations

import pytest

from orchestrator.invoices.ids import fault_of_iban, fault_of_tax_id

# Numbers that authorities and companies publish, or that official examples use.
RIGHT = [
    "ATU13585627",
    "BE0428759497",
    "DE136695976",
    "DK13585628",
    "EE100931558",
    "EL094259216",
    "ES B58378431",
    "FI20774740",
    "FR40303265045",
    "HR33392005961",
    "HU12892312",
    "IT00743110157",
    "LU15027442",
    "MT11679112",
    "NL004495445B01",
    "PL8567346215",
    "PT501964843",
    "SE123456789701",
    "GB980780684",
    "CHE-123.456.788 MWST",
]


@pytest.mark.parametrize("number", RIGHT)
def test_real_vat_numbers_pass(number: str) -> None:
    """No real number is refused."""
    assert fault_of_tax_id("vat", number) is None


@pytest.mark.parametrize(
    "number",
    [each for each in RIGHT if each[:2] not in {"ES", "GB", "CH"}],
)
def test_one_wrong_digit_is_seen(number: str) -> None:
    """A slip in one digit gives another check digit."""
    place = next(n for n, each in enumerate(number) if each.isdigit())
    if number.startswith(("FR", "BE")):
        place += 3
    wrong = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    assert fault_of_tax_id("vat", wrong)


@pytest.mark.parametrize(
    ("scheme", "value", "is_right"),
    [
        ("jp_qualified", "T1180301018771", True),
        ("jp_qualified", "T8000012050002", True),
        ("jp_qualified", "1180301018771", False),
        ("jp_qualified", "T118030101877", False),
        ("jp_corporate", "1180301018771", True),
        ("jp_corporate", "2180301018771", False),
        ("vat", "DE12", False),
        ("vat", "12345", False),
        ("vat", "", False),
        ("ein", "anything", True),
    ],
)
def test_other_schemes(scheme: str, value: str, is_right: object) -> None:
    """Only what is known for certain is judged."""
    assert (fault_of_tax_id(scheme, value) is None) is is_right


@pytest.mark.parametrize(
    ("iban", "is_right"),
    [
        ("DE89370400440532013000", True),
        ("GB29 NWBK 6016 1331 9268 19", True),
        ("FR1420041010050500013M02606", True),
        ("DE89370400440532013001", False),
        ("DE89", False),
        ("de89370400440532013000", False),
    ],
)
def test_ibans(iban: str, is_right: object) -> None:
    """The check digits are worked out."""
    assert (fault_of_iban(iban) is None) is is_right
