"""Whose number a document has, and of which invoice it is a form; performs no I/O.

An issuer never uses a number twice, but one invoice may be made in several forms: as a
page, and as XML beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from orchestrator.model import Document

# Keys of the data that say how the invoice is shown, and not what it is.
_SHOWN = {"e_invoice", "style"}

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Bill:
    """A numbered document: its issuer, its number, its form and a hash of the rest."""

    issuer: str
    number: str
    form: str
    content: str


def bill_of(document: Document) -> Bill:
    """Read it from the data of a document."""
    params = document.said.params
    rest = {key: each for key, each in params.items() if key not in _SHOWN}
    shown = _encoder.encode([document.target, params.get("e_invoice")])
    content = hashlib.sha256(_encoder.encode(rest)).hexdigest()
    number = str(params.get("number"))
    return Bill(_issuer(params), number, shown.decode(), content)


def _issuer(params: Mapping[str, object]) -> str:
    """A tax number if there is one, else the name."""
    seller = params.get("seller")
    if not isinstance(seller, Mapping):
        return ""
    ids = seller.get("tax_ids")
    first = ids[0] if isinstance(ids, list) and ids else None
    value = first.get("value") if isinstance(first, Mapping) else None
    return str(value or seller.get("name"))
