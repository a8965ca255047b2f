"""Static faces for the office converter, which knows no variable fonts."""

from __future__ import annotations

from pathlib import Path

from orchestrator.service.render import fonts

LAST_RESORT = "Arimo"


def office_folders(scratch: Path) -> list[Path]:
    """Folders with the faces that stand in for the usual office fonts."""
    return fonts.folders()
