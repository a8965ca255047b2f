"""Parts of a UBL document; performs no I/O."""

from __future__ import annotations

from datetime import date

from orchestrator.invoices.compute import Computed
from orchestrator.invoices.einvoice.terms import (
    Change,
    Group,
    Item,
    Means,
    Rate,
    groups,
    three_lines,
    vat_of,
)
from orchestrator.invoices.einvoice.tree import Element, amount, leaf, number, sub
from orchestrator.invoices.model import Address, Invoice, Party, Payee, Period

_STREET = ("cbc:StreetName", "cbc:AdditionalStreetName")


def add_period(parent: Element, period: Period | None) -> None:
    """Add from when to when, if it is said."""
    if period is not None:
        element = sub(parent, "cac:InvoicePeriod")
        leaf(element, "cbc:StartDate", period.start.isoformat())
        leaf(element, "cbc:EndDate", period.end.isoformat())


def add_party(
    parent: Element,
    said: Party,
    *,
    id_: str | None = None,
    tax_number: str | None = None,
) -> None:
    """Add a seller or a buyer."""
    party = sub(parent, "cac:Party")
    if said.endpoint:
        scheme = said.endpoint.scheme
        leaf(party, "cbc:EndpointID", said.endpoint.id, schemeID=scheme)
    if id_:
        leaf(sub(party, "cac:PartyIdentification"), "cbc:ID", id_)
    if said.trading_name:
        leaf(sub(party, "cac:PartyName"), "cbc:Name", said.trading_name)
    _address(sub(party, "cac:PostalAddress"), said.address)
    for value, scheme in ((vat_of(said), "VAT"), (tax_number, "FC")):
        if value:
            tax = sub(party, "cac:PartyTaxScheme")
            leaf(tax, "cbc:CompanyID", value)
            leaf(sub(tax, "cac:TaxScheme"), "cbc:ID", scheme)
    legal = sub(party, "cac:PartyLegalEntity")
    leaf(legal, "cbc:RegistrationName", said.name)
    leaf(legal, "cbc:CompanyID", said.registration)
    _contact(party, said)


def _contact(party: Element, said: Party) -> None:
    contact = said.contact
    if contact.name or contact.phone or contact.email:
        element = sub(party, "cac:Contact")
        leaf(element, "cbc:Name", contact.name)
        leaf(element, "cbc:Telephone", contact.phone)
        leaf(element, "cbc:ElectronicMail", contact.email)


def _address(element: Element, said: Address) -> None:
    lines = three_lines(said)
    for name, line in zip(_STREET, lines, strict=False):
        leaf(element, name, line)
    leaf(element, "cbc:CityName", said.city)
    leaf(element, "cbc:PostalZone", said.postcode)
    leaf(element, "cbc:CountrySubentity", said.region)
    if len(lines) > len(_STREET):
        leaf(sub(element, "cac:AddressLine"), "cbc:Line", lines[-1])
    leaf(sub(element, "cac:Country"), "cbc:IdentificationCode", said.country)


def add_payee(root: Element, payee: Payee) -> None:
    """Add who is paid, where that is not the seller."""
    element = sub(root, "cac:PayeeParty")
    if payee.id:
        scheme = {"schemeID": payee.scheme} if payee.scheme else {}
        leaf(sub(element, "cac:PartyIdentification"), "cbc:ID", payee.id, **scheme)
    leaf(sub(element, "cac:PartyName"), "cbc:Name", payee.name)
    if payee.registration:
        legal = sub(element, "cac:PartyLegalEntity")
        leaf(legal, "cbc:CompanyID", payee.registration)


def add_delivery(root: Element, invoice: Invoice) -> None:
    """Add when and where to."""
    if not (invoice.ship_to or invoice.tax_point_date):
        return
    delivery = sub(root, "cac:Delivery")
    if invoice.tax_point_date:
        day = invoice.tax_point_date.isoformat()
        leaf(delivery, "cbc:ActualDeliveryDate", day)
    if invoice.ship_to:
        place = sub(delivery, "cac:DeliveryLocation")
        _address(sub(place, "cac:Address"), invoice.ship_to.address)
        party = sub(delivery, "cac:DeliveryParty")
        leaf(sub(party, "cac:PartyName"), "cbc:Name", invoice.ship_to.name)


def add_means(root: Element, means: Means | None, due: date | None) -> None:
    """Add how to pay; ``due`` is the day that a credit note has nowhere else."""
    if means is None and due is None:
        return
    element = sub(root, "cac:PaymentMeans")
    named = {"name": means.text} if means and means.text else {}
    code = means.code if means else "1"
    leaf(element, "cbc:PaymentMeansCode", code, **named)
    leaf(element, "cbc:PaymentDueDate", due.isoformat() if due else None)
    if means is None:
        return
    leaf(element, "cbc:PaymentID", means.reference)
    if means.has_account:
        account = sub(element, "cac:PayeeFinancialAccount")
        leaf(account, "cbc:ID", means.iban or means.account)
        leaf(account, "cbc:Name", means.holder)
        if means.bic:
            branch = sub(account, "cac:FinancialInstitutionBranch")
            leaf(branch, "cbc:ID", means.bic)


def add_change(parent: Element, change: Change, currency: str) -> None:
    """Add an allowance or a charge."""
    element = sub(parent, "cac:AllowanceCharge")
    kind = "true" if change.is_charge else "false"
    leaf(element, "cbc:ChargeIndicator", kind)
    leaf(element, "cbc:AllowanceChargeReason", change.reason)
    base = None
    if change.percent is not None and change.base is not None:
        base = amount(change.base)
        leaf(element, "cbc:MultiplierFactorNumeric", number(change.percent))
    leaf(element, "cbc:Amount", amount(change.amount), currencyID=currency)
    leaf(element, "cbc:BaseAmount", base, currencyID=currency)
    if change.tax is not None:
        _category(sub(element, "cac:TaxCategory"), change.tax)


def _category(element: Element, tax: Rate, group: Group | None = None) -> None:
    leaf(element, "cbc:ID", tax.category)
    leaf(element, "cbc:Percent", None if tax.rate is None else number(tax.rate))
    if group is not None:
        leaf(element, "cbc:TaxExemptionReasonCode", group.code)
        leaf(element, "cbc:TaxExemptionReason", group.text)
    leaf(sub(element, "cac:TaxScheme"), "cbc:ID", "VAT")


def add_tax_total(root: Element, invoice: Invoice, computed: Computed) -> None:
    """Add the VAT breakdown, and the tax in the tax office's currency."""
    currency = invoice.currency
    total = sub(root, "cac:TaxTotal")
    tax = amount(computed.totals.tax)
    leaf(total, "cbc:TaxAmount", tax, currencyID=currency)
    for group in groups(computed):
        element = sub(total, "cac:TaxSubtotal")
        leaf(element, "cbc:TaxableAmount", amount(group.base), currencyID=currency)
        leaf(element, "cbc:TaxAmount", amount(group.amount), currencyID=currency)
        _category(sub(element, "cac:TaxCategory"), group.tax, group)
    if computed.converted:
        tax, code = amount(computed.converted.total), computed.converted.currency
        leaf(sub(root, "cac:TaxTotal"), "cbc:TaxAmount", tax, currencyID=code)


def add_item(root: Element, item: Item, currency: str, *, is_credit: bool) -> None:
    """Add a line."""
    line = sub(root, "cac:CreditNoteLine" if is_credit else "cac:InvoiceLine")
    leaf(line, "cbc:ID", item.id)
    name = "cbc:CreditedQuantity" if is_credit else "cbc:InvoicedQuantity"
    leaf(line, name, number(item.quantity), unitCode=item.unit)
    net = amount(item.net)
    leaf(line, "cbc:LineExtensionAmount", net, currencyID=currency)
    add_period(line, item.period)
    for change in item.changes:
        add_change(line, change, currency)
    product = sub(line, "cac:Item")
    leaf(product, "cbc:Description", item.description)
    leaf(product, "cbc:Name", item.name)
    if item.code:
        leaf(sub(product, "cac:SellersItemIdentification"), "cbc:ID", item.code)
    _category(sub(product, "cac:ClassifiedTaxCategory"), item.tax)
    price = sub(line, "cac:Price")
    leaf(price, "cbc:PriceAmount", number(item.price), currencyID=currency)
    if item.base != 1:
        leaf(price, "cbc:BaseQuantity", number(item.base), unitCode=item.unit)
