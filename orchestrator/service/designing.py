"""Designs, imported when the first one is asked for.

They bring the model of invoices and JSON Schema with them: a third of what the start of
a service would take, and converting files needs none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.imports import many

if TYPE_CHECKING:
    from orchestrator.designs import Design


def load() -> None:
    """Import them before the first one is asked for."""
    with many():
        from orchestrator import designs  # noqa: F401, PLC0415  # the point of it


def find(ref: str, folders: Sequence[Path]) -> Design:
    """The design of a reference, as ``invoice@1``.

    Raises:
        UsageError: there is none, or it is broken.
    """
    from orchestrator import designs  # noqa: PLC0415  # the point of it

    return designs.find(ref, folders)


def every(folders: Sequence[Path]) -> Sequence[Design]:
    """All designs.

    Raises:
        UsageError: one is broken.
    """
    from orchestrator import designs  # noqa: PLC0415  # the point of it

    return designs.every(folders)
