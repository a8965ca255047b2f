"""Parts that a CII invoice has in several places; performs no I/O."""

from __future__ import annotations

from datetime import date

from orchestrator.invoices.einvoice.terms import Change, Rate, three_lines, vat_of
from orchestrator.invoices.einvoice.tree import Element, amount, leaf, number, sub
from orchestrator.invoices.model import Address, Party, Payee, Period
from orchestrator.invoices.profile import EInvoice, Profile

_STANDARD = "urn:un:unece:uncefact:data:standard"
NAMESPACES = {
    "rsm": f"{_STANDARD}:CrossIndustryInvoice:100",
    "qdt": f"{_STANDARD}:QualifiedDataType:100",
    "ram": f"{_STANDARD}:ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_STANDARD}:UnqualifiedDataType:100",
}


def add_day(
    parent: Element, name: str, day: date | None, kind: str = "udt:DateTimeString"
) -> None:
    """Add a date, if there is one."""
    if day is not None:
        leaf(sub(parent, name), kind, f"{day:%Y%m%d}", format="102")


def add_period(parent: Element, period: Period | None) -> None:
    """Add from when to when, if it is said."""
    if period is not None:
        element = sub(parent, "ram:BillingSpecifiedPeriod")
        add_day(element, "ram:StartDateTime", period.start)
        add_day(element, "ram:EndDateTime", period.end)


def add_rate(parent: Element, tax: Rate) -> None:
    """Add a VAT category with its rate."""
    leaf(parent, "ram:TypeCode", "VAT")
    leaf(parent, "ram:CategoryCode", tax.category)
    rate = None if tax.rate is None else number(tax.rate)
    leaf(parent, "ram:RateApplicablePercent", rate)


def add_change(parent: Element, change: Change) -> None:
    """Add an allowance or a charge."""
    element = sub(parent, "ram:SpecifiedTradeAllowanceCharge")
    kind = sub(element, "ram:ChargeIndicator")
    leaf(kind, "udt:Indicator", "true" if change.is_charge else "false")
    if change.percent is not None and change.base is not None:
        leaf(element, "ram:CalculationPercent", number(change.percent))
        leaf(element, "ram:BasisAmount", amount(change.base))
    leaf(element, "ram:ActualAmount", amount(change.amount))
    leaf(element, "ram:Reason", change.reason)
    if change.tax is not None:
        add_rate(sub(element, "ram:CategoryTradeTax"), change.tax)


def add_party(
    element: Element,
    party: Party,
    asked: EInvoice,
    *,
    id_: str | None = None,
    tax_number: str | None = None,
    is_buyer: bool = False,
    is_place: bool = False,
) -> None:
    """Fill in a party; ``tax_number`` is that beside the VAT identifier."""
    is_minimum = not asked.says(Profile.BASIC_WL)
    if not is_minimum:
        leaf(element, "ram:ID", id_)
    leaf(element, "ram:Name", party.name)
    if not is_place:
        _organization(element, party, asked, is_buyer=is_buyer)
    if asked.is_complete and not is_place:
        _contact(element, party)
    if not (is_minimum and is_buyer):
        _address(element, party.address, is_minimum=is_minimum)
    if is_place:
        return
    if party.endpoint and not is_minimum:
        place = sub(element, "ram:URIUniversalCommunication")
        leaf(place, "ram:URIID", party.endpoint.id, schemeID=party.endpoint.scheme)
    if is_minimum and is_buyer:
        return
    for scheme, value in (("VA", vat_of(party)), ("FC", tax_number)):
        if value:
            registration = sub(element, "ram:SpecifiedTaxRegistration")
            leaf(registration, "ram:ID", value, schemeID=scheme)


def _organization(
    element: Element, party: Party, asked: EInvoice, *, is_buyer: bool
) -> None:
    has_name = asked.is_complete if is_buyer else asked.says(Profile.BASIC_WL)
    trading_name = party.trading_name if has_name else None
    if party.registration or trading_name:
        organization = sub(element, "ram:SpecifiedLegalOrganization")
        leaf(organization, "ram:ID", party.registration)
        leaf(organization, "ram:TradingBusinessName", trading_name)


def _contact(element: Element, party: Party) -> None:
    said = party.contact
    if not (said.name or said.phone or said.email):
        return
    contact = sub(element, "ram:DefinedTradeContact")
    leaf(contact, "ram:PersonName", said.name)
    if said.phone:
        phone = sub(contact, "ram:TelephoneUniversalCommunication")
        leaf(phone, "ram:CompleteNumber", said.phone)
    if said.email:
        mail = sub(contact, "ram:EmailURIUniversalCommunication")
        leaf(mail, "ram:URIID", said.email)


def _address(element: Element, said: Address, *, is_minimum: bool) -> None:
    address = sub(element, "ram:PostalTradeAddress")
    if is_minimum:
        leaf(address, "ram:CountryID", said.country)
        return
    leaf(address, "ram:PostcodeCode", said.postcode)
    names = ("ram:LineOne", "ram:LineTwo", "ram:LineThree")
    for name, line in zip(names, three_lines(said), strict=False):
        leaf(address, name, line)
    leaf(address, "ram:CityName", said.city)
    leaf(address, "ram:CountryID", said.country)
    leaf(address, "ram:CountrySubDivisionName", said.region)


def add_payee(parent: Element, payee: Payee) -> None:
    """Add who is paid, where that is not the seller."""
    element = sub(parent, "ram:PayeeTradeParty")
    if payee.scheme:
        leaf(element, "ram:GlobalID", payee.id, schemeID=payee.scheme)
    else:
        leaf(element, "ram:ID", payee.id)
    leaf(element, "ram:Name", payee.name)
    if payee.registration:
        organization = sub(element, "ram:SpecifiedLegalOrganization")
        leaf(organization, "ram:ID", payee.registration)
