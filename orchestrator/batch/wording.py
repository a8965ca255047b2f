"""Documents in the words of their accounts: designs of theirs in the place of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.batch.accounts import Account
from orchestrator.errors import Place
from orchestrator.manifest import Manifest
from orchestrator.model import Document, Original
from orchestrator.settings import TheirDesign

if TYPE_CHECKING:
    from orchestrator.invoices.foreign import Wording, WordingError

EXAMPLES = 5


@dataclass(slots=True)
class Words:
    """Puts documents into the words of their accounts.

    Attributes:
        faults: What is wrong with what the manifest says of it.
        doubts: Words about values that are sent in another way than was asked for.
    """

    faults: list[tuple[Place, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    _known: dict[tuple[str, str], tuple[TheirDesign, Wording | None]] = field(
        default_factory=dict
    )

    @classmethod
    def of(cls, manifest: Manifest, accounts: Mapping[str, Account]) -> Words:
        """Read what accounts say."""
        words = cls()
        if not any(each.settings.designs for each in accounts.values()):
            return words
        # Takes a third of a second: not for those who have none.
        from orchestrator.invoices.foreign import (  # noqa: PLC0415
            Wording,
            WordingError,
        )

        for name, account in accounts.items():
            for ours, their in account.settings.designs.items():
                wording = None
                try:
                    wording = Wording(their.params)
                except WordingError as error:
                    at = ("providers", name, "designs", ours, "params")
                    words.faults += _placed(manifest, at, their, error)
                words._known[name, ours] = (their, wording)
        return words

    def put(self, document: Document) -> Document:
        """The document as it is sent; one whose data have faults keeps no params."""
        known = self._known.get((document.provider, document.design or ""))
        if known is None:
            return document
        from orchestrator.invoices import Invoice, read  # noqa: PLC0415  # see above
        from orchestrator.invoices.compute import Uncomputable  # noqa: PLC0415

        their, wording = known
        original = Original(document.design or "", document.params)
        invoice = read(document.params)
        params: Mapping[str, object] = {}
        if wording is not None and isinstance(invoice, Invoice):
            try:
                params, doubts = wording.params(invoice)
            except Uncomputable:  # a fault of the data, which is told as such
                doubts = []
            for each in doubts[: EXAMPLES - len(self.doubts)]:
                self.doubts.append(f"{document.id}: {each}")
        return replace(document, design=their.design, params=params, original=original)

    def lacks(self, document: Document) -> Iterator[tuple[str, str]]:
        """What of an invoice an account's own design cannot have."""
        if document.original is None:
            return
        if document.original.params.get("e_invoice") is not None:
            why = f"{document.design} is a design of the account, which makes no "
            yield "e_invoice", f"{why}electronic invoices"


def _placed(
    manifest: Manifest, at: tuple[str, ...], their: TheirDesign, error: WordingError
) -> Iterator[tuple[Place, str]]:
    for where, why in error.faults:
        name = ".".join(where)
        if their.file:
            yield manifest.place(*at), f"{their.file}: {name} {why}"
        else:
            yield manifest.place(*at, *where), f"{name} {why}"
