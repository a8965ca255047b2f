"""UN/CEFACT CII (D16B) as Factur-X and ZUGFeRD have it; performs no I/O.

Elements stand in the order of the schema. ``EInvoice.says`` tells what a profile has;
MINIMUM has little more than parties and totals.
"""

from __future__ import annotations

from orchestrator.invoices.compute import Computed
from orchestrator.invoices.einvoice import remarks, terms
from orchestrator.invoices.einvoice.cii_parts import (
    NAMESPACES,
    add_change,
    add_day,
    add_party,
    add_period,
    add_rate,
)
from orchestrator.invoices.einvoice.cii_settlement import add_settlement
from orchestrator.invoices.einvoice.tree import (
    Element,
    amount,
    leaf,
    number,
    serialize,
    sub,
)
from orchestrator.invoices.model import Invoice
from orchestrator.invoices.profile import FACTS, EInvoice, Profile


def write(invoice: Invoice, computed: Computed, asked: EInvoice) -> bytes:
    """Write the invoice as CII."""
    root = Element("rsm:CrossIndustryInvoice")
    _context(root, asked)
    _head(root, invoice, asked)
    trade = sub(root, "rsm:SupplyChainTradeTransaction")
    if asked.says(Profile.BASIC):
        for item, line in zip(
            terms.items(invoice, computed), invoice.lines, strict=True
        ):
            note = remarks.line_note(line, asked, invoice.language)
            _item(trade, item, note, asked)
    _agreement(trade, invoice, asked)
    _delivery(trade, invoice, asked)
    add_settlement(trade, invoice, computed, asked)
    return serialize(root, NAMESPACES)


def _context(root: Element, asked: EInvoice) -> None:
    context = sub(root, "rsm:ExchangedDocumentContext")
    facts = FACTS[asked.format, asked.profile]
    if facts.process:
        process = "ram:BusinessProcessSpecifiedDocumentContextParameter"
        leaf(sub(context, process), "ram:ID", facts.process)
    guideline = sub(context, "ram:GuidelineSpecifiedDocumentContextParameter")
    leaf(guideline, "ram:ID", facts.guideline)


def _head(root: Element, invoice: Invoice, asked: EInvoice) -> None:
    head = sub(root, "rsm:ExchangedDocument")
    leaf(head, "ram:ID", invoice.number)
    leaf(head, "ram:TypeCode", terms.TYPE_CODES[invoice.type])
    add_day(head, "ram:IssueDateTime", invoice.issue_date)
    if asked.says(Profile.BASIC_WL):
        for note in remarks.notes(invoice, asked):
            leaf(sub(head, "ram:IncludedNote"), "ram:Content", note)


def _item(trade: Element, item: terms.Item, note: str | None, asked: EInvoice) -> None:
    line = sub(trade, "ram:IncludedSupplyChainTradeLineItem")
    document = sub(line, "ram:AssociatedDocumentLineDocument")
    leaf(document, "ram:LineID", item.id)
    if note:
        leaf(sub(document, "ram:IncludedNote"), "ram:Content", note)
    product = sub(line, "ram:SpecifiedTradeProduct")
    if asked.is_complete:
        leaf(product, "ram:SellerAssignedID", item.code)
    leaf(product, "ram:Name", item.name)
    if asked.is_complete:
        leaf(product, "ram:Description", item.description)
    agreement = sub(line, "ram:SpecifiedLineTradeAgreement")
    price = sub(agreement, "ram:NetPriceProductTradePrice")
    leaf(price, "ram:ChargeAmount", number(item.price))
    if item.base != 1:
        leaf(price, "ram:BasisQuantity", number(item.base), unitCode=item.unit)
    delivery = sub(line, "ram:SpecifiedLineTradeDelivery")
    quantity = number(item.quantity)
    leaf(delivery, "ram:BilledQuantity", quantity, unitCode=item.unit)
    settlement = sub(line, "ram:SpecifiedLineTradeSettlement")
    add_rate(sub(settlement, "ram:ApplicableTradeTax"), item.tax)
    add_period(settlement, item.period)
    for change in item.changes:
        add_change(settlement, change)
    total = sub(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    leaf(total, "ram:LineTotalAmount", amount(item.net))


def _agreement(trade: Element, invoice: Invoice, asked: EInvoice) -> None:
    agreement = sub(trade, "ram:ApplicableHeaderTradeAgreement")
    said = invoice.references
    leaf(agreement, "ram:BuyerReference", said.buyer_reference)
    tax_number = terms.other_tax_id(invoice.seller)
    seller = sub(agreement, "ram:SellerTradeParty")
    add_party(seller, invoice.seller, asked, tax_number=tax_number)
    buyer_id = said.customer_number or terms.other_tax_id(invoice.buyer)
    buyer = sub(agreement, "ram:BuyerTradeParty")
    add_party(buyer, invoice.buyer, asked, id_=buyer_id, is_buyer=True)
    _reference(agreement, "ram:BuyerOrderReferencedDocument", said.order)
    if asked.says(Profile.BASIC_WL):
        _reference(agreement, "ram:ContractReferencedDocument", said.contract)
    if asked.is_complete and said.project:
        project = sub(agreement, "ram:SpecifiedProcuringProject")
        leaf(project, "ram:ID", said.project)
        leaf(project, "ram:Name", "Project reference")  # the schema insists on a name


def _reference(parent: Element, name: str, number_: str | None) -> None:
    if number_:
        leaf(sub(parent, name), "ram:IssuerAssignedID", number_)


def _delivery(trade: Element, invoice: Invoice, asked: EInvoice) -> None:
    delivery = sub(trade, "ram:ApplicableHeaderTradeDelivery")
    if not asked.says(Profile.BASIC_WL):
        return
    if invoice.ship_to:
        place = sub(delivery, "ram:ShipToTradeParty")
        add_party(place, invoice.ship_to, asked, is_place=True)
    if invoice.tax_point_date:
        event = sub(delivery, "ram:ActualDeliverySupplyChainEvent")
        add_day(event, "ram:OccurrenceDateTime", invoice.tax_point_date)
    if invoice.references.delivery_notes:
        first = invoice.references.delivery_notes[0]
        _reference(delivery, "ram:DespatchAdviceReferencedDocument", first)
