"""Codes of units, as electronic invoices want them; performs no I/O."""

from __future__ import annotations

from orchestrator.invoices.einvoice.codes import UNITS

_PIECE = {"PCE": "H87", "NPR": "PR"}


def code_of(unit: str | None) -> str | None:
    """Give the code that EN 16931 allows for a unit; ``None`` if there is none.

    Without a unit, C62 (one) is meant. Packages of Recommendation 21 get the X that
    the standard wants before them.
    """
    if unit is None:
        return "C62"
    for code in (unit, _PIECE.get(unit, ""), f"X{unit}"):
        if code in UNITS:
            return code
    return None
