"""Every provider in each of its modes, and who may be in doubt there, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from orchestrator.batch.accounts import providers
from orchestrator.model import Document, Input, Mode, Operation
from orchestrator.wire.flow import Limits, Provider
from tests.model import Service
from tests.vendors import ComPdf, ConvertApi, FirstGeneration, ReportFlow

ACCOUNT = "a"
MODELS: dict[str, type[Service]] = {
    "local": Service,
    "compdf": ComPdf,
    "convertapi": ConvertApi,
    "reportflow": ReportFlow,
}
SEVERAL = 3
"""Documents of a job that carries more than one, where the API takes it."""
IN_PARTS = 40 << 20
"""Bytes of a file that goes in three parts."""
NARROW = Limits(width=2, uploads=1)
WIDE = Limits(width=4, uploads=2)
"""Two parts of a file go at a time."""


@dataclass(frozen=True, slots=True)
class Case:
    """One provider in one mode.

    Attributes:
        name: Of the provider.
        model: What stands on the other side.
        mode: How documents travel.
        documents: How many there are, all of them in one job where the API takes it.
        hooks: Whether webhooks come in.
        extra: What is particular about it, for the table.
        at_once: Whether each document travels in a job of its own, beside the others.
        size: Bytes of an input.
        limits: Of the account.
    """

    name: str
    model: type[Service]
    mode: Mode
    documents: int = 1
    hooks: bool = False
    extra: str = ""
    at_once: bool = False
    size: int = 10
    limits: Limits = NARROW

    @property
    def provider(self) -> Provider:
        """The real table, without the rates: they wait in real time."""
        found = replace(providers()[self.name], rates={})
        return replace(found, fits=None) if self.at_once else found

    @property
    def target(self) -> str:
        """What a document becomes."""
        return "pdf"

    def make(self, folder: str) -> list[Document]:
        """The documents, with outputs in a folder."""
        return [self._document(f"d{n}", n, folder) for n in range(self.documents)]

    def _document(self, id_: str, n: int, folder: str) -> Document:
        is_design = self.provider.operations == {Operation.GENERATE}
        return Document(
            id=id_,
            operation=Operation.GENERATE if is_design else Operation.CONVERT,
            source="" if is_design else "txt",
            target=self.target,
            output=f"{folder}/{id_}.{self.target}",
            provider=ACCOUNT,
            inputs=() if is_design else (Input(f"/in/{id_}.txt", self.size),),
            design="design@1" if is_design else None,
            mode=self.mode,
            n=n,
        )

    def excuse(self, *, billed: bool, trusted: bool) -> str | None:
        """Why a document may be in doubt here; ``None`` where it could be known.

        ``trusted`` says whether the account ever answered for an id of ours.
        """
        if self.name == "reportflow":
            if not self.hooks:
                return "the API has no lookup"
            return None if billed else "no webhook comes for what never arrived"
        if self.name == "compdf" and self.mode is not Mode.PRESIGNED:
            return None if billed else "a list proves no absence"
        if self.name == "convertapi" and not billed and not trusted:
            return "no id of ours was ever answered for"
        return None


def cases() -> Iterator[Case]:
    """Every pair of provider and mode, and what is particular about some."""
    for name, model in MODELS.items():
        provider = providers()[name]
        for mode in provider.flows:
            yield Case(name, model, mode)
            if provider.fits is not None and mode is Mode.ASYNC:
                yield Case(name, model, mode, SEVERAL, extra=f"{SEVERAL} in one job")
            has_echo = provider.adoption is not None
            if has_echo or (name == "compdf" and mode is Mode.ASYNC):
                yield Case(name, model, mode, hooks=True, extra="webhooks")
    for extra, limits in (("in parts", NARROW), ("parts beside", WIDE)):
        yield Case(
            "local",
            Service,
            Mode.PRESIGNED,
            extra=extra,
            size=IN_PARTS,
            limits=limits,
        )
    for mode in (Mode.ASYNC, Mode.PRESIGNED):
        yield Case("convertapi", FirstGeneration, mode, extra="older paths")
    for name, model in MODELS.items():
        yield Case(
            name, model, Mode.ASYNC, SEVERAL, extra=f"{SEVERAL} at once", at_once=True
        )
