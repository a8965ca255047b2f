"""Invoices: exact amounts, rules, words and numbers for print; performs no I/O."""

from __future__ import annotations

from orchestrator.invoices.compute import Computed, compute
from orchestrator.invoices.einvoice import EFile, make, of_request
from orchestrator.invoices.model import Invoice
from orchestrator.invoices.problem import Problem
from orchestrator.invoices.read import read, schema, without
from orchestrator.invoices.rules import judge

__all__ = [
    "Computed",
    "EFile",
    "Invoice",
    "Problem",
    "check",
    "compute",
    "make",
    "read",
    "schema",
]


def check(params: object, target: str = "pdf") -> list[Problem]:
    """Give everything that is wrong with the data of an invoice, in order of place.

    ``target`` is what is to be made of it: ``pdf``, or ``xml`` for the e-invoice alone.
    """
    invoice = read(params)
    if isinstance(invoice, Invoice):
        return sorted([*judge(invoice), *of_request(invoice, target)])
    return sorted({*invoice, *_rest(params, invoice)})


def _rest(params: object, faults: list[Problem]) -> list[Problem]:
    """Judge what is left without the faulty fields, where that is still an invoice.

    So that a wrong key does not hide a wrong total until the next try.
    """
    paths = {each.path for each in faults}
    rest = read(without(params, paths))
    if not isinstance(rest, Invoice):
        return []
    missed = [each.path for each in faults if each.code != "E_UNKNOWN_FIELD"]
    touched = tuple(each.rpartition(".")[0] or each for each in missed)
    found = judge(rest, with_amounts=not missed)
    return [each for each in found if not each.path.startswith(touched)]
