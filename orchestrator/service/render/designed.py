"""From a design and its data to what is compiled or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from orchestrator.service.render.task import Answer, Attached, Sheet
from orchestrator.service.render.work import RenderError

E_INVOICE = "e-invoice"


class Design(Protocol):
    """What a design offers; ``orchestrator.designs`` has them."""

    @property
    def root(self) -> Path:
        """Folder with the template and its assets."""
        ...

    @property
    def main(self) -> str:
        """File name of the template."""
        ...

    @property
    def shipped(self) -> bool:
        """Whether it comes with the package, and is trusted."""
        ...

    @property
    def standards(self) -> tuple[str, ...]:
        """PDF standards that its documents follow."""
        ...

    def prepare(self, params: Mapping[str, Any]) -> Mapping[str, bytes]:
        """Data files for the template; raises an error with ``problems``."""
        ...

    def timestamp(self, params: Mapping[str, Any]) -> int:
        """Date of the document, in seconds since the epoch."""
        ...

    def problems(self, params: Mapping[str, Any], target: str) -> Sequence[object]:
        """Everything that is wrong with the data."""
        ...

    def e_invoice(self, params: Mapping[str, Any]) -> Any:
        """The electronic invoice that the data asks for, or ``None``."""
        ...


def sheet(design: Design, params: Mapping[str, Any]) -> Sheet:
    """Give what is to be compiled, and the file that goes into it.

    Raises:
        RenderError: ``bad_params``, with all faults of the data.
    """
    try:
        files = design.prepare(params)
        when = design.timestamp(params)
        made = design.e_invoice(params)
    except Exception as error:
        if not hasattr(error, "problems"):
            raise
        raise RenderError("bad_params", str(error)) from None
    texts = {name: data.decode() for name, data in files.items()}
    plain = Sheet(
        str(design.root.absolute()), design.main, texts, when, design.standards
    )
    if made is None:
        return plain
    attached = Attached(
        made.facts.file_name,
        made.content.decode(),
        made.facts.level,
        made.facts.version,
        made.facts.relationship,
        "Invoice data as XML",
        when,
    )
    # Only PDF/A-3 may carry files.
    return replace(plain, attached=attached, standards=_archivable(plain.standards))


def _archivable(standards: tuple[str, ...]) -> tuple[str, ...]:
    is_fit = any(each.startswith("a-3") for each in standards)
    return standards if is_fit else ("a-3b",)


def written(design: Design, params: Mapping[str, Any], path: Path) -> Answer:
    """Write the electronic invoice as a file of its own.

    Raises:
        RenderError: ``bad_params``, with all faults of the data.
    """
    problems = design.problems(params, "xml")
    if problems:
        raise RenderError("bad_params", "\n".join(map(str, problems)))
    path.write_bytes(design.e_invoice(params).content)
    return Answer((str(path),), E_INVOICE)
