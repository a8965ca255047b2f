"""Tax numbers and bank accounts: their form and their check digits; no I/O.

Numbers are judged only where the rule is known for certain; others are taken as given.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_EU_FORMS = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z0-9+*]\d{5}[A-W][A-I]?",
    "IT": r"\d{11}",
    "LT": r"\d{9}|\d{12}",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{10}01",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
}


def _weighed(digits: str, *weights: int) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + n % 2) for n, d in enumerate(reversed(digits))]
    return sum(d // 10 + d % 10 for d in doubled) % 10 == 0


def _mod_11_10(digits: str) -> bool:
    """ISO 7064, MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[-1])


def _austria(text: str) -> bool:
    doubled = [int(d) * (1 + n % 2) for n, d in enumerate(text[1:8])]
    total = sum(d // 10 + d % 10 for d in doubled)
    return (96 - total) % 10 == int(text[8])


def _greece(text: str) -> bool:
    total = _weighed(text[:8], 256, 128, 64, 32, 16, 8, 4, 2)
    return total % 11 % 10 == int(text[8])


def _france(text: str) -> bool:
    key, siren = text[:2], text[2:]
    if not key.isdigit() or siren.startswith("000"):
        return True
    return int(key) == (12 + 3 * (int(siren) % 97)) % 97 and _luhn(siren)


def _netherlands(text: str) -> bool:
    by_owner = _weighed(text[:8], 9, 8, 7, 6, 5, 4, 3, 2) % 11 == int(text[8])
    return by_owner or _mod_97("NL" + text) == 1


def _portugal(text: str) -> bool:
    check = 11 - _weighed(text, 9, 8, 7, 6, 5, 4, 3, 2) % 11
    return (check if check < 10 else 0) == int(text[8])


def _poland(text: str) -> bool:
    return _weighed(text, 6, 5, 7, 2, 3, 4, 5, 6, 7) % 11 == int(text[9])


_CHECKS: dict[str, Callable[[str], bool]] = {
    "AT": _austria,
    "BE": lambda x: 97 - int(x[:8]) % 97 == int(x[8:]),
    "DE": _mod_11_10,
    "DK": lambda x: _weighed(x, 2, 7, 6, 5, 4, 3, 2, 1) % 11 == 0,
    "EE": lambda x: _weighed(x, 3, 7, 1, 3, 7, 1, 3, 7, 1) % 10 == 0,
    "EL": _greece,
    "FI": lambda x: _weighed(x, 7, 9, 10, 5, 8, 4, 2, 1) % 11 == 0,
    "FR": _france,
    "HR": _mod_11_10,
    "HU": lambda x: _weighed(x, 9, 7, 3, 1, 9, 7, 3, 1) % 10 == 0,
    "IT": _luhn,
    "LU": lambda x: int(x[:6]) % 89 == int(x[6:]),
    "MT": lambda x: _weighed(x, 3, 4, 6, 7, 8, 9, 10, 1) % 37 == 0,
    "NL": _netherlands,
    "PL": _poland,
    "PT": _portugal,
    "SE": lambda x: _luhn(x[:10]),
}


def fault_of_tax_id(scheme: str, value: str) -> str | None:
    """Say what is wrong with a tax number, or nothing."""
    text = re.sub(r"[\s.-]", "", value)
    if scheme == "vat":
        return _fault_of_vat(text)
    if scheme == "jp_qualified" and not re.fullmatch(r"T[0-9]{13}", text):
        return "a registration number is T and 13 digits"
    # The numbers of sole proprietors have 13 digits too, but no check digit is told.
    if scheme == "jp_corporate" and not _is_jp_corporate(text):
        return "is not a corporate number: 13 digits, the first a check digit"
    return None


def _fault_of_vat(text: str) -> str | None:
    country, number = text[:2], text[2:]
    form = _EU_FORMS.get(country)
    if form is None:
        is_plain = re.fullmatch(r"[A-Z]{2,3}[A-Z0-9]{2,20}", text)
        return None if is_plain else "a VAT number starts with its country, as in DE…"
    if not re.fullmatch(form, number, re.ASCII):
        return f"does not have the form of a VAT number of {country}"
    check = _CHECKS.get(country)
    if check and not check(number):
        return f"the check digit of this VAT number of {country} is wrong"
    return None


def _is_jp_corporate(text: str) -> bool:
    if not re.fullmatch(r"[1-9][0-9]{12}", text):
        return False
    weights = (2, 1) * 6
    return int(text[0]) == 9 - _weighed(text[1:], *weights) % 9


def _mod_97(text: str) -> int:
    """ISO 7064, MOD 97-10, with letters as 10 to 35."""
    return int("".join(str(int(each, 36)) for each in text)) % 97


def fault_of_iban(value: str) -> str | None:
    """Say what is wrong with an IBAN, or nothing."""
    text = value.replace(" ", "")
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", text):
        return "does not have the form of an IBAN"
    if _mod_97(text[4:] + text[:4]) != 1:
        return "the check digits of this IBAN are wrong"
    return None


_CARRIES = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)


_RF = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}", re.ASCII)


def is_creditor_reference(value: str) -> bool:
    """Whether a text is a creditor reference (ISO 11649), with right check digits."""
    text = value.replace(" ", "").upper()
    return bool(_RF.fullmatch(text)) and _mod_97(text[4:] + text[:4]) == 1


def fault_of_reference(value: str) -> str | None:
    """Say what is wrong with a structured reference; free texts are never wrong."""
    text = value.replace(" ", "").upper()
    if _RF.fullmatch(text) and not is_creditor_reference(text):
        return "the check digits of this creditor reference are wrong"
    if re.fullmatch(r"[0-9]{27}", text) and not _is_qr_reference(text):
        return "the check digit of this QR reference is wrong"
    return None


def _is_qr_reference(text: str) -> bool:
    """Modulo 10, recursive."""
    carry = 0
    for digit in text[:-1]:
        carry = _CARRIES[(carry + int(digit)) % 10]
    return (10 - carry) % 10 == int(text[-1])
