"""Which dialect a path belongs to, and where in its flow a request stands; pure."""

from __future__ import annotations

import re

from orchestrator.service.faults.script import Phase

_Row = tuple[str, str, Phase]
_NATIVE: tuple[_Row, ...] = (
    ("PUT|POST", r"/v1/jobs(/[^/]+)?", Phase.SUBMIT),
    ("PUT", r"/v1/uploads/.+", Phase.UPLOAD),
    ("POST", r"/v1/jobs/[^/]+/execute", Phase.EXECUTE),
    ("GET", r"/v1/jobs(/[^/]+)?", Phase.POLL),
    ("GET|HEAD", r"/v1/jobs/[^/]+/results/.+", Phase.FETCH),
    ("DELETE", r"/v1/jobs/.+", Phase.DELETE),
)
TABLE: dict[str, tuple[_Row, ...]] = {"native": _NATIVE}
DIALECTS = tuple(TABLE)


def phase_of(dialect: str, method: str, path: str) -> Phase:
    """Where a request stands; what belongs to no conversation is ``other``."""
    for methods, pattern, phase in TABLE.get(dialect, ()):
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return phase
    return Phase.OTHER


def dialect_of(path: str) -> str:
    """The dialect that a path belongs to."""
    del path
    return "native"
