"""OASIS UBL 2.1, Invoice and CreditNote, as EN 16931 and Peppol have it; no I/O.

Elements stand in the order of the schemas, which differ between the two documents.
"""

from __future__ import annotations

from orchestrator.invoices.compute import Computed
from orchestrator.invoices.einvoice import remarks, terms
from orchestrator.invoices.einvoice.tree import Element, amount, leaf, serialize, sub
from orchestrator.invoices.einvoice.ubl_parts import (
    add_change,
    add_delivery,
    add_item,
    add_means,
    add_party,
    add_payee,
    add_period,
    add_tax_total,
)
from orchestrator.invoices.model import Invoice, Kind
from orchestrator.invoices.profile import FACTS, EInvoice

_UBL = "urn:oasis:names:specification:ubl:schema:xsd"
_NAMESPACES = {
    "cac": f"{_UBL}:CommonAggregateComponents-2",
    "cbc": f"{_UBL}:CommonBasicComponents-2",
}
_PROJECT = "50"  # UNTDID 1001: for credit notes, which have no place for a project


def write(invoice: Invoice, computed: Computed, asked: EInvoice) -> bytes:
    """Write the invoice as UBL."""
    is_credit = invoice.type is Kind.CREDIT_NOTE
    name = "CreditNote" if is_credit else "Invoice"
    root = Element(name)
    _head(root, invoice, asked, is_credit=is_credit)
    _references(root, invoice, is_credit=is_credit)
    _parties(root, invoice)
    add_delivery(root, invoice)
    means = terms.means(invoice)
    due = invoice.due_date if is_credit else None
    add_means(root, means, due)
    if invoice.payment.terms:
        leaf(sub(root, "cac:PaymentTerms"), "cbc:Note", invoice.payment.terms)
    currency = invoice.currency
    for change in terms.changes(invoice, computed):
        add_change(root, change, currency)
    add_tax_total(root, invoice, computed)
    _totals(root, computed, currency)
    for item in terms.items(invoice, computed):
        add_item(root, item, currency, is_credit=is_credit)
    return serialize(root, {"": f"{_UBL}:{name}-2", **_NAMESPACES})


def _head(root: Element, invoice: Invoice, asked: EInvoice, *, is_credit: bool) -> None:
    facts = FACTS[asked.format, asked.profile]
    leaf(root, "cbc:CustomizationID", facts.guideline)
    leaf(root, "cbc:ProfileID", facts.process)
    leaf(root, "cbc:ID", invoice.number)
    leaf(root, "cbc:IssueDate", invoice.issue_date.isoformat())
    point = invoice.tax_point_date.isoformat() if invoice.tax_point_date else None
    code = terms.TYPE_CODES[invoice.type]
    if is_credit:
        leaf(root, "cbc:TaxPointDate", point)
        leaf(root, "cbc:CreditNoteTypeCode", code)
    else:
        due = invoice.due_date.isoformat() if invoice.due_date else None
        leaf(root, "cbc:DueDate", due)
        leaf(root, "cbc:InvoiceTypeCode", code)
    for note in remarks.notes(invoice, asked):
        leaf(root, "cbc:Note", note)
    if not is_credit:
        leaf(root, "cbc:TaxPointDate", point)
    leaf(root, "cbc:DocumentCurrencyCode", invoice.currency)
    leaf(root, "cbc:TaxCurrencyCode", invoice.tax_currency)
    leaf(root, "cbc:BuyerReference", invoice.references.buyer_reference)
    add_period(root, invoice.period)


def _references(root: Element, invoice: Invoice, *, is_credit: bool) -> None:
    said = invoice.references
    _reference(root, "cac:OrderReference", said.order)
    for each in said.preceding:
        billing = sub(root, "cac:BillingReference")
        document = sub(billing, "cac:InvoiceDocumentReference")
        leaf(document, "cbc:ID", each.number)
        day = each.date.isoformat() if each.date else None
        leaf(document, "cbc:IssueDate", day)
    first = said.delivery_notes[0] if said.delivery_notes else None
    _reference(root, "cac:DespatchDocumentReference", first)
    _reference(root, "cac:ContractDocumentReference", said.contract)
    if not is_credit:
        _reference(root, "cac:ProjectReference", said.project)
    elif said.project:
        document = sub(root, "cac:AdditionalDocumentReference")
        leaf(document, "cbc:ID", said.project)
        leaf(document, "cbc:DocumentTypeCode", _PROJECT)


def _reference(root: Element, name: str, number: str | None) -> None:
    if number:
        leaf(sub(root, name), "cbc:ID", number)


def _parties(root: Element, invoice: Invoice) -> None:
    seller, buyer = invoice.seller, invoice.buyer
    tax_number = terms.other_tax_id(seller)
    supplier = sub(root, "cac:AccountingSupplierParty")
    add_party(supplier, seller, tax_number=tax_number)
    customer_number = invoice.references.customer_number
    customer = sub(root, "cac:AccountingCustomerParty")
    add_party(customer, buyer, id_=customer_number or terms.other_tax_id(buyer))
    if invoice.payee:
        add_payee(root, invoice.payee)


def _totals(root: Element, computed: Computed, currency: str) -> None:
    totals = computed.totals
    element = sub(root, "cac:LegalMonetaryTotal")
    rows = (
        ("cbc:LineExtensionAmount", totals.lines, True),
        ("cbc:TaxExclusiveAmount", totals.net, True),
        ("cbc:TaxInclusiveAmount", totals.gross, True),
        ("cbc:AllowanceTotalAmount", totals.allowances, bool(computed.allowances)),
        ("cbc:ChargeTotalAmount", totals.charges, bool(computed.charges)),
        ("cbc:PrepaidAmount", totals.prepaid, bool(totals.prepaid)),
        ("cbc:PayableRoundingAmount", totals.rounding, bool(totals.rounding)),
        ("cbc:PayableAmount", totals.due, True),
    )
    for name, value, is_told in rows:
        leaf(element, name, amount(value) if is_told else None, currencyID=currency)
