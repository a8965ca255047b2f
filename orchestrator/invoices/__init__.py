"""Invoices: exact amounts, rules, words and numbers for print; performs no I/O."""

from __future__ import annotations

from orchestrator.invoices.compute import Computed, compute
from orchestrator.invoices.model import Invoice
from orchestrator.invoices.problem import Problem
from orchestrator.invoices.read import read, schema
from orchestrator.invoices.rules import judge

__all__ = ["Computed", "Invoice", "Problem", "check", "compute", "read", "schema"]


def check(params: object) -> list[Problem]:
    """Give everything that is wrong with the data of an invoice, in order of place."""
    invoice = read(params)
    return invoice if isinstance(invoice, list) else judge(invoice)
