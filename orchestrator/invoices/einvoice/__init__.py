"""Electronic invoices: the computed invoice as XML, or why not; performs no I/O.

Two small writers of our own stand on one mapping (``terms.py``), because no library
writes both Factur-X with BASIC and UBL, and those that write one of them take five
times as long as it takes to compute an invoice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import localcontext

from orchestrator.invoices.compute import Computed, compute
from orchestrator.invoices.einvoice import cii, faults, ubl
from orchestrator.invoices.einvoice.faults import of_request
from orchestrator.invoices.model import Invoice
from orchestrator.invoices.money import EXACT
from orchestrator.invoices.problem import Problem
from orchestrator.invoices.profile import FACTS, Facts, Syntax

__all__ = ["EFile", "make", "objections", "of_request"]


@dataclass(frozen=True, slots=True)
class EFile:
    """The XML of an invoice, and what it is called."""

    content: bytes
    facts: Facts


def make(invoice: Invoice) -> EFile | None:
    """Write the electronic invoice that is asked for, if one is.

    ``objections`` must have found nothing.
    """
    asked = invoice.e_invoice
    if asked is None:
        return None
    computed = compute(invoice)
    write = ubl.write if asked.format is Syntax.UBL else cii.write
    with localcontext(EXACT):
        content = write(invoice, computed, asked)
    return EFile(content, FACTS[asked.format, asked.profile])


def objections(invoice: Invoice, computed: Computed) -> Iterator[Problem]:
    """Give what the asked profile cannot say, or needs and misses."""
    if invoice.e_invoice is not None:
        with localcontext(EXACT):
            yield from list(faults.of_content(invoice, computed))
