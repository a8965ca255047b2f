"""Which API a path belongs to, and where in its flow a request stands; pure.

A table of its own, so that faults know nothing of how an API is served.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.service.faults.script import Phase

_Row = tuple[str, str, Phase]
_NATIVE: tuple[_Row, ...] = (
    ("PUT|POST", r"/v1/jobs(/[^/]+)?", Phase.SUBMIT),
    ("PUT", r"/v1/uploads/.+", Phase.UPLOAD),
    ("POST", r"/v1/jobs/[^/]+/execute", Phase.EXECUTE),
    ("GET", r"/v1/jobs(/[^/]+)?", Phase.POLL),
    ("GET|HEAD", r"/v1/jobs/[^/]+/results/.+", Phase.FETCH),
    ("DELETE", r"/v1/jobs/.+", Phase.DELETE),
    ("POST", r"/v1/deletions", Phase.DELETE),
)
_COMPDF: tuple[_Row, ...] = (
    ("POST", r"/server/v2/(process|processAsync|presignedUrl)(/.*)?", Phase.SUBMIT),
    ("GET", r"/server/v[12]/task/(taskInfo|list)", Phase.POLL),
    ("GET", r"/server/v1/task/.+", Phase.SUBMIT),
    ("POST", r"/server/v1/file/upload", Phase.UPLOAD),
    ("PUT", r"/server/storage/.+", Phase.UPLOAD),
    ("GET|POST", r"/server/v[12]/execute/start", Phase.EXECUTE),
    ("GET", r"/server/v[12]/file/fileInfo", Phase.POLL),
    ("GET|HEAD", r"/server/storage/.+", Phase.FETCH),
    ("POST", r"/server/v[12]/task/closeTask", Phase.DELETE),
)
_CONVERTAPI: tuple[_Row, ...] = (
    ("GET|POST", r"(?i:/(async/)?convert/.+)", Phase.SUBMIT),
    ("POST", r"(?i:/upload(-from-url)?)", Phase.UPLOAD),
    ("GET", r"(?i:/(async/)?job/.+)", Phase.POLL),
    ("DELETE", r"(?i:/(async/)?job/.+)", Phase.DELETE),
    ("GET|HEAD", r"(?i:/d/.+)", Phase.FETCH),
    ("DELETE", r"(?i:/d/.+)", Phase.DELETE),
    ("GET|POST", r"(?i:/[a-z0-9]+/to/[a-z0-9]+)", Phase.SUBMIT),
    ("GET", r"(?i:/(user|info)(/.*)?)", Phase.OTHER),
)
_REPORTFLOW: tuple[_Row, ...] = (
    ("POST", r"/v1/file/(sync|async)/(single|multiple)", Phase.SUBMIT),
    ("GET|HEAD", r"/v1/file/download/.+", Phase.FETCH),
    ("GET|HEAD", r"/[^/]+/design/[^/]+/files/[^/]+", Phase.FETCH),
    ("GET", r"/v1/file/.+", Phase.OTHER),
)
TABLE: Mapping[str, tuple[_Row, ...]] = {
    "reportflow": _REPORTFLOW,
    "compdf": _COMPDF,
    "convertapi": _CONVERTAPI,
    "native": _NATIVE,
}
DIALECTS = tuple(sorted(TABLE))


def place_of(method: str, path: str) -> tuple[str, Phase]:
    """The API of a request, and where it stands in a conversation.

    What belongs to no conversation is ``other``, and to the native API where no other
    one knows the path.
    """
    for dialect, rows in TABLE.items():
        for methods, pattern, phase in rows:
            if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
                return dialect, phase
    dialect = "compdf" if path.startswith("/server/") else "native"
    return dialect, Phase.OTHER
