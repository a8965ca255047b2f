"""The dialects of this service; performs no I/O."""

from __future__ import annotations

from orchestrator.service.dialects.convertapi.routes import CONVERTAPI
from orchestrator.service.dialects.dialect import Dialect
from orchestrator.service.dialects.reportflow.routes import REPORTFLOW
from orchestrator.service.hooks import NATIVE

DIALECTS: tuple[Dialect, ...] = (REPORTFLOW, CONVERTAPI)
ANNOUNCE = {**NATIVE, **{each.name: each.announce for each in DIALECTS}}
LIVES = {each.name: each.life for each in DIALECTS if each.life is not None}


def of(path: str) -> Dialect | None:
    """The dialect that a path belongs to; ``None`` for the native API."""
    return next((each for each in DIALECTS if each.owns(path)), None)
