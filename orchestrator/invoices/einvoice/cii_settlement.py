"""What a CII invoice says of money: taxes, payment, totals; performs no I/O."""

from __future__ import annotations

from orchestrator.invoices.compute import Computed
from orchestrator.invoices.einvoice import terms
from orchestrator.invoices.einvoice.cii_parts import (
    add_change,
    add_day,
    add_payee,
    add_period,
)
from orchestrator.invoices.einvoice.tree import Element, amount, leaf, number, sub
from orchestrator.invoices.model import Invoice
from orchestrator.invoices.profile import EInvoice, Profile


def add_settlement(
    trade: Element, invoice: Invoice, computed: Computed, asked: EInvoice
) -> None:
    """Add everything about money."""
    settlement = sub(trade, "ram:ApplicableHeaderTradeSettlement")
    if not asked.says(Profile.BASIC_WL):
        leaf(settlement, "ram:InvoiceCurrencyCode", invoice.currency)
        _minimum(settlement, invoice, computed)
        return
    means = terms.means(invoice)
    leaf(settlement, "ram:PaymentReference", means.reference if means else None)
    leaf(settlement, "ram:TaxCurrencyCode", invoice.tax_currency)
    leaf(settlement, "ram:InvoiceCurrencyCode", invoice.currency)
    if invoice.payee:
        add_payee(settlement, invoice.payee)
    if means:
        _means(settlement, means, asked)
    for group in terms.groups(computed):
        _group(settlement, group, invoice, asked)
    add_period(settlement, invoice.period)
    for change in terms.changes(invoice, computed):
        add_change(settlement, change)
    _terms(settlement, invoice)
    _totals(settlement, invoice, computed, asked)
    _preceding(settlement, invoice)


def _means(settlement: Element, means: terms.Means, asked: EInvoice) -> None:
    element = sub(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
    leaf(element, "ram:TypeCode", means.code)
    if asked.is_complete:
        leaf(element, "ram:Information", means.text)
    if not means.has_account:
        return
    account = sub(element, "ram:PayeePartyCreditorFinancialAccount")
    leaf(account, "ram:IBANID", means.iban)
    if asked.is_complete:
        leaf(account, "ram:AccountName", means.holder)
    leaf(account, "ram:ProprietaryID", means.account)
    if asked.is_complete and means.bic:
        bank = sub(element, "ram:PayeeSpecifiedCreditorFinancialInstitution")
        leaf(bank, "ram:BICID", means.bic)


def _group(
    settlement: Element, group: terms.Group, invoice: Invoice, asked: EInvoice
) -> None:
    element = sub(settlement, "ram:ApplicableTradeTax")
    leaf(element, "ram:CalculatedAmount", amount(group.amount))
    leaf(element, "ram:TypeCode", "VAT")
    leaf(element, "ram:ExemptionReason", group.text)
    leaf(element, "ram:BasisAmount", amount(group.base))
    leaf(element, "ram:CategoryCode", group.tax.category)
    leaf(element, "ram:ExemptionReasonCode", group.code)
    if asked.is_complete:
        day = invoice.tax_point_date
        add_day(element, "ram:TaxPointDate", day, kind="udt:DateString")
    rate = None if group.tax.rate is None else number(group.tax.rate)
    leaf(element, "ram:RateApplicablePercent", rate)


def _terms(settlement: Element, invoice: Invoice) -> None:
    if invoice.payment.terms or invoice.due_date:
        element = sub(settlement, "ram:SpecifiedTradePaymentTerms")
        leaf(element, "ram:Description", invoice.payment.terms)
        add_day(element, "ram:DueDateDateTime", invoice.due_date)


def _totals(
    settlement: Element, invoice: Invoice, computed: Computed, asked: EInvoice
) -> None:
    totals = computed.totals
    name = "ram:SpecifiedTradeSettlementHeaderMonetarySummation"
    element = sub(settlement, name)
    leaf(element, "ram:LineTotalAmount", amount(totals.lines))
    charges = amount(totals.charges) if computed.charges else None
    leaf(element, "ram:ChargeTotalAmount", charges)
    allowances = amount(totals.allowances) if computed.allowances else None
    leaf(element, "ram:AllowanceTotalAmount", allowances)
    leaf(element, "ram:TaxBasisTotalAmount", amount(totals.net))
    _tax_totals(element, invoice, computed)
    if asked.is_complete and totals.rounding:
        leaf(element, "ram:RoundingAmount", amount(totals.rounding))
    leaf(element, "ram:GrandTotalAmount", amount(totals.gross))
    prepaid = amount(totals.prepaid) if totals.prepaid else None
    leaf(element, "ram:TotalPrepaidAmount", prepaid)
    leaf(element, "ram:DuePayableAmount", amount(totals.due))


def _tax_totals(element: Element, invoice: Invoice, computed: Computed) -> None:
    tax = amount(computed.totals.tax)
    leaf(element, "ram:TaxTotalAmount", tax, currencyID=invoice.currency)
    if computed.converted:
        tax = amount(computed.converted.total)
        currency = computed.converted.currency
        leaf(element, "ram:TaxTotalAmount", tax, currencyID=currency)


def _minimum(settlement: Element, invoice: Invoice, computed: Computed) -> None:
    totals = computed.totals
    name = "ram:SpecifiedTradeSettlementHeaderMonetarySummation"
    element = sub(settlement, name)
    leaf(element, "ram:TaxBasisTotalAmount", amount(totals.net))
    tax = amount(totals.tax)
    leaf(element, "ram:TaxTotalAmount", tax, currencyID=invoice.currency)
    leaf(element, "ram:GrandTotalAmount", amount(totals.gross))
    leaf(element, "ram:DuePayableAmount", amount(totals.due))


def _preceding(settlement: Element, invoice: Invoice) -> None:
    for each in invoice.references.preceding:
        element = sub(settlement, "ram:InvoiceReferencedDocument")
        leaf(element, "ram:IssuerAssignedID", each.number)
        kind = "qdt:DateTimeString"
        add_day(element, "ram:FormattedIssueDateTime", each.date, kind=kind)
