"""What an invoice says, as values; performs no I/O.

Field names follow EN 16931 where it has the idea. The input says what was sold; amounts
that can be computed may be given, and are then checked, never believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, with_config

from orchestrator.invoices.fields import (
    Amount,
    Country,
    Currency,
    Day,
    Factor,
    Language,
    Name,
    Note,
    Percent,
    Positive,
    Price,
    Quantity,
)
from orchestrator.invoices.money import Rounding
from orchestrator.invoices.profile import EInvoice

_CLOSED = ConfigDict(extra="forbid")


class Kind(StrEnum):
    """What the document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    CORRECTED = "corrected"
    SELF_BILLED = "self_billed"
    PREPAYMENT = "prepayment"


class Category(StrEnum):
    """Why a tax rate applies (UNCL 5305)."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE = "AE"
    INTRA = "K"
    EXPORT = "G"
    OUTSIDE = "O"
    CANARY = "L"
    CEUTA = "M"


class PriceMode(StrEnum):
    """Whether the prices are without tax or with it."""

    NET = "net"
    GROSS = "gross"


class TaxRounding(StrEnum):
    """Whether tax is rounded once for each rate, or for each line."""

    PER_RATE = "per_rate"
    PER_LINE = "per_line"


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """Category and rate (percent); categories without tax say why."""

    category: Category = Category.STANDARD
    rate: Percent = Decimal(0)
    exemption_code: Name | None = None
    exemption_text: Note | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a party is; ``lines`` are street and building."""

    lines: tuple[Name, ...] = ()
    postcode: Name | None = None
    city: Name | None = None
    region: Name | None = None
    country: Country


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class TaxId:
    """A number at an authority; the scheme says which, ``vat`` or ``jp_qualified``."""

    scheme: Name
    value: Name


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person or desk to turn to."""

    name: Name | None = None
    phone: Name | None = None
    email: Name | None = None
    web: Name | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where electronic invoices reach a party (BT-34, BT-49).

    ``scheme`` is a code of the Electronic Address Scheme list: 9930 for a German VAT
    number, 0088 for a GLN, EM for e-mail.
    """

    scheme: Name
    id: Name


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Who is paid, where that is not the seller (BG-10): a factor, for example.

    ``scheme`` is the ISO 6523 code of the list that ``id`` is from, if it is from one.
    """

    name: Name
    id: Name | None = None
    scheme: Name | None = None
    registration: Name | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Seller, buyer, or the place that the goods go to."""

    name: Name
    trading_name: Name | None = None
    address: Address
    tax_ids: tuple[TaxId, ...] = ()
    registration: Name | None = None
    contact: Contact = field(default_factory=Contact)
    endpoint: Endpoint | None = None

    def has_tax_id(self, scheme: str) -> bool:
        """Whether the party has a number of this scheme."""
        return any(each.scheme == scheme for each in self.tax_ids)


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An allowance or a charge: an amount, or a percentage of a base.

    Without ``tax``, a document's percentage applies to each tax group by itself.
    Amounts are without tax in price mode ``net``, with it in ``gross``.
    """

    reason: Name
    amount: Amount | None = None
    percent: Percent | None = None
    base: Amount | None = None
    tax: Tax | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From the first day to the last, both included."""

    start: Day
    end: Day


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing sold: quantity times price, for each ``price_base_quantity``.

    ``net`` and ``gross`` are optional and checked. ``reduced_rate`` marks the line as
    one at a reduced rate; unsaid, the 8 % lines of a Japanese qualified invoice are.
    """

    id: Name | None = None
    name: Name
    description: Note | None = None
    item_code: Name | None = None
    quantity: Quantity
    unit: Name | None = None
    unit_price: Price
    price_base_quantity: Positive = Decimal(1)
    allowances: tuple[Adjustment, ...] = ()
    charges: tuple[Adjustment, ...] = ()
    tax: Tax
    period: Period | None = None
    reduced_rate: bool | None = None
    net: Amount | None = None
    gross: Amount | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Preceding:
    """An earlier invoice that this document is about."""

    number: Name
    date: Day | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Other papers of the same trade."""

    order: Name | None = None
    contract: Name | None = None
    project: Name | None = None
    buyer_reference: Name | None = None
    customer_number: Name | None = None
    delivery_notes: tuple[Name, ...] = ()
    preceding: tuple[Preceding, ...] = ()


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Prepaid:
    """What was paid before the invoice was issued."""

    amount: Amount
    date: Day | None = None
    reference: Name | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """How and when to pay."""

    terms: Note | None = None
    means: Name | None = None
    account_holder: Name | None = None
    bank: Name | None = None
    iban: Name | None = None
    bic: Name | None = None
    account: Name | None = None
    reference: Name | None = None
    prepaid: tuple[Prepaid, ...] = ()


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How amounts are computed; one policy for the whole document.

    ``cash_rounding`` is the smallest coin, 0.05 for CHF; the difference is shown.
    """

    price_mode: PriceMode = PriceMode.NET
    rounding: Rounding = Rounding.HALF_UP
    tax_rounding: TaxRounding = TaxRounding.PER_RATE
    cash_rounding: Positive | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedTax:
    """A tax group that the caller computed; it is checked."""

    category: Category = Category.STANDARD
    rate: Percent
    base: Amount | None = None
    tax: Amount | None = None


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """Totals that the caller computed; each is checked."""

    lines: Amount | None = None
    allowances: Amount | None = None
    charges: Amount | None = None
    net: Amount | None = None
    tax: Amount | None = None
    gross: Amount | None = None
    rounding: Amount | None = None
    prepaid: Amount | None = None
    due: Amount | None = None
    tax_converted: Amount | None = None
    taxes: tuple[SuppliedTax, ...] = ()


@with_config(_CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The whole document; ``style`` belongs to the design that prints it.

    ``tax_currency_rate`` says how many units of ``tax_currency`` one unit of
    ``currency`` is, on the day that the law names.
    """

    number: Name
    type: Kind = Kind.INVOICE
    issue_date: Day
    due_date: Day | None = None
    tax_point_date: Day | None = None
    period: Period | None = None
    currency: Currency
    tax_currency: Currency | None = None
    tax_currency_rate: Factor | None = None
    language: Language = "en"
    seller: Party
    buyer: Party
    ship_to: Party | None = None
    payee: Payee | None = None
    references: References = field(default_factory=References)
    lines: tuple[Line, ...]
    allowances: tuple[Adjustment, ...] = ()
    charges: tuple[Adjustment, ...] = ()
    payment: Payment = field(default_factory=Payment)
    policy: Policy = field(default_factory=Policy)
    totals: Supplied = field(default_factory=Supplied)
    notes: tuple[Note, ...] = ()
    e_invoice: EInvoice | None = None
    style: Mapping[str, Any] = field(default_factory=dict)

    def is_jp_qualified(self) -> bool:
        """Whether the seller issues qualified invoices under Japanese law."""
        return self.seller.has_tax_id("jp_qualified")
