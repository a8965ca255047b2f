"""Invoices: exact money, one order of computation, checked totals; performs no I/O."""
