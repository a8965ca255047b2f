"""Codes to pay with: what they say, and whether an invoice has it; no I/O.

Sources: EPC069-12 (Quick Response Code: Guidelines to enable data capture for the
initiation of a SEPA credit transfer), version 002; Swiss Implementation Guidelines
QR-bill 2.3 of SIX, with structured addresses only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from orchestrator.invoices.compute import Computed
from orchestrator.invoices.ids import fault_of_reference, is_creditor_reference
from orchestrator.invoices.model import Invoice, Kind, Party

_LEAST, _MOST = Decimal("0.01"), Decimal("999999999.99")
# Countries and territories whose banks take part in SEPA: in the EEA, and outside of
# it, from where a code needs a BIC.
_EEA = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR"}
    | {"HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT"}
    | {"RO", "SE", "SI", "SK"}
)
_WITH_BIC = frozenset(
    {"AD", "AL", "CH", "GB", "GI", "MC", "MD", "ME", "MK", "RS", "SM", "VA"}
)
# UNTDID 4461: transfers, to any account and within SEPA.
_TRANSFERS = frozenset({"30", "31", "42", "58"})
_SWISS = frozenset({"CH", "LI"})
# The characters that a Swiss code may have (Implementation Guidelines, 4.1.1).
_SWISS_TEXT = re.compile("[\x20-\x7e\xa0-\u017f\u0218-\u021b\u20ac]*")
_HOUSE = re.compile(r"(?P<street>.*\S)\s+(?P<number>\d+\s?[A-Za-z]?)")


class CodeKind(StrEnum):
    """Which code: by its standard."""

    EPC = "epc"
    SWISS = "swiss"


@dataclass(frozen=True, slots=True)
class PayCode:
    """A code to pay with.

    Attributes:
        kind: Its standard.
        payload: What the code says.
        creditor: Lines of account and payee, as the Swiss slip prints them.
        debtor: Lines of the payer; empty where they are filled in by hand.
        reference: A structured reference in groups, or nothing.
        message: A free text for the payee.
        amount: What is to be paid.
    """

    kind: CodeKind
    payload: str
    creditor: tuple[str, ...]
    debtor: tuple[str, ...]
    reference: str
    message: str
    amount: Decimal


class NoCode(ValueError):
    """The invoice lacks what the code needs; ``path`` says where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def code_for(
    invoice: Invoice, computed: Computed, wanted: str | None = None
) -> PayCode | None:
    """Give the code that fits, or the one that is wanted.

    Raises:
        NoCode: a code is wanted that this invoice cannot have.
    """
    if wanted == "none":
        return None
    if wanted is not None:
        return _MAKERS[CodeKind(wanted)](invoice, computed)
    means = invoice.payment.means
    if means is not None and means not in _TRANSFERS:
        return None
    iban = _iban(invoice)
    kind = CodeKind.SWISS if iban[:2] in _SWISS else CodeKind.EPC
    try:
        return _MAKERS[kind](invoice, computed)
    except NoCode:
        return None


def _iban(invoice: Invoice) -> str:
    return (invoice.payment.iban or "").replace(" ", "")


def _due(invoice: Invoice, computed: Computed) -> Decimal:
    due = computed.totals.due
    if invoice.type is Kind.CREDIT_NOTE:
        raise NoCode("type", "a credit note asks for no payment")
    if not _LEAST <= due <= _MOST:
        raise NoCode("lines", f"a code pays {_LEAST} to {_MOST}, and {due} is due")
    return due


def _epc(invoice: Invoice, computed: Computed) -> PayCode:
    """Describe a SEPA transfer (EPC069-12, 2.1)."""
    payment, iban = invoice.payment, _iban(invoice)
    if invoice.currency != "EUR":
        raise NoCode("currency", "an EPC code is for EUR")
    if iban[:2] not in _EEA | _WITH_BIC:
        raise NoCode("payment.iban", "an EPC code needs an IBAN of the SEPA area")
    due = _due(invoice, computed)
    bic = (payment.bic or "").replace(" ", "").upper()
    if bic and not re.fullmatch(r"[A-Z0-9]{8}([A-Z0-9]{3})?", bic):
        raise NoCode("payment.bic", "a BIC has 8 or 11 letters and digits")
    if iban[:2] in _WITH_BIC and not bic:
        raise NoCode("payment.bic", f"an account in {iban[:2]} needs a BIC in the code")
    name = _payee(invoice)[:70].rstrip()
    wording = payment.reference or invoice.number
    is_structured = is_creditor_reference(wording)
    reference = wording.replace(" ", "").upper() if is_structured else ""
    text = "" if is_structured else wording[:140]
    parts = ["BCD", "002", "1", "SCT", bic, name, iban, f"EUR{due:.2f}", ""]
    payload = "\n".join([*parts, reference, text]).rstrip("\n")
    if len(payload.encode()) > 331:
        raise NoCode("payment.reference", "an EPC code holds 331 bytes at most")
    return PayCode(CodeKind.EPC, payload, (), (), reference, text, due)


def _payee(invoice: Invoice) -> str:
    payee = invoice.payee.name if invoice.payee else invoice.seller.name
    return invoice.payment.account_holder or payee


def _swiss(invoice: Invoice, computed: Computed) -> PayCode:
    """Describe a Swiss payment (Implementation Guidelines QR-bill, 4.2.2)."""
    payment, iban = invoice.payment, _iban(invoice)
    if invoice.currency not in {"CHF", "EUR"}:
        raise NoCode("currency", "a Swiss payment slip is for CHF or EUR")
    if iban[:2] not in _SWISS:
        raise NoCode("payment.iban", "a Swiss payment slip needs an IBAN of CH or LI")
    if invoice.style.get("paper") == "us-letter":
        raise NoCode("style.paper", "a Swiss payment slip needs A4")
    if invoice.payee:
        raise NoCode("payee", "a Swiss payment slip needs the address of who is paid")
    due = _due(invoice, computed)
    payee = _Place.of(invoice.seller, _payee(invoice))
    if payee is None:
        message = "a Swiss payment slip needs postcode and city, in Latin letters"
        raise NoCode("seller.address", message)
    payer = _Place.of(invoice.buyer, invoice.buyer.name)
    kind, reference, message = _swiss_reference(iban, payment.reference, invoice.number)
    head = ["SPC", "0200", "1", iban]
    amount = [f"{due:.2f}", invoice.currency]
    fields = [*head, *payee.fields, *[""] * 7, *amount]
    fields += payer.fields if payer else [""] * 7
    payload = "\n".join([*fields, kind, reference, message, "EPD"])
    return PayCode(
        CodeKind.SWISS,
        payload,
        (in_fours(iban), *payee.lines),
        payer.lines if payer else (),
        shown_reference(reference),
        message,
        due,
    )


_MAKERS = {CodeKind.EPC: _epc, CodeKind.SWISS: _swiss}


def _swiss_reference(
    iban: str, reference: str | None, number: str
) -> tuple[str, str, str]:
    """Give type, reference and message; a QR-IBAN takes a QR reference only."""
    text = (reference or "").replace(" ", "")
    if is_qr_iban(iban):
        fault = _fault_of_qr_reference(text)
        if fault:
            raise NoCode("payment.reference", fault)
        return "QRR", text, ""
    if is_creditor_reference(text):
        return "SCOR", text.upper(), ""
    message = (reference or number)[:140]
    return "NON", "", message if _SWISS_TEXT.fullmatch(message) else ""


def is_qr_iban(iban: str) -> bool:
    """Whether an account takes payments with a QR reference only."""
    text = iban.replace(" ", "")
    return (
        text[:2] in _SWISS and text[4:9].isdigit() and 30000 <= int(text[4:9]) <= 31999
    )


def _fault_of_qr_reference(text: str) -> str | None:
    if re.fullmatch(r"[0-9]{27}", text):
        return fault_of_reference(text)
    return "a QR-IBAN needs a QR reference of 27 digits; use the plain IBAN without one"


def reference_faults(invoice: Invoice) -> Iterator[tuple[str, str]]:
    """Give path and fault of a payment reference that a bank would send back."""
    reference = invoice.payment.reference
    if is_qr_iban(_iban(invoice)):
        fault = _fault_of_qr_reference((reference or "").replace(" ", ""))
    else:
        fault = fault_of_reference(reference or "")
    if fault and invoice.type is not Kind.CREDIT_NOTE:
        yield "payment.reference", fault


@dataclass(frozen=True, slots=True)
class _Place:
    """A party with a structured address, as the code and the slip have it."""

    name: str
    street: str
    number: str
    postcode: str
    city: str
    country: str

    @classmethod
    def of(cls, party: Party, name: str) -> _Place | None:
        """Take what fits; no party at all where the code could not hold it."""
        address = party.address
        street, number = _split_house(address.lines[0] if address.lines else "")
        place = cls(
            name[:70].rstrip(),
            street[:70],
            number,
            (address.postcode or "")[:16],
            (address.city or "")[:35],
            address.country,
        )
        is_latin = all(_SWISS_TEXT.fullmatch(each) for each in place.fields)
        return place if place.postcode and place.city and is_latin else None

    @property
    def fields(self) -> list[str]:
        """The fields in the code, after the type of the address: structured."""
        rest = [self.street, self.number, self.postcode, self.city, self.country]
        return ["S", self.name, *rest]

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines on the slip."""
        street = f"{self.street} {self.number}".strip()
        town = f"{self.postcode} {self.city}"
        if self.country != "CH":
            town = f"{self.country}-{town}"
        return tuple(each for each in (self.name, street, town) if each)


def _split_house(line: str) -> tuple[str, str]:
    match = _HOUSE.fullmatch(line)
    if match is None or len(match["number"]) > 16:
        return line, ""
    return match["street"].rstrip(","), match["number"]


def in_fours(text: str) -> str:
    """Write an IBAN as people read it: in groups of four."""
    text = text.replace(" ", "")
    return " ".join(text[n : n + 4] for n in range(0, len(text), 4))


def shown_reference(reference: str) -> str:
    """Write a structured reference as people read it; others stay as they are."""
    text = reference.replace(" ", "")
    if is_creditor_reference(text):
        return in_fours(text.upper())
    if not re.fullmatch("[0-9]{27}", text):
        return reference
    return " ".join([text[:2], *(text[n : n + 5] for n in range(2, 27, 5))])
