"""The routes of this API."""

from __future__ import annotations

import re

from aiohttp import web

from orchestrator.service.dialects.dialect import Dialect
from orchestrator.service.dialects.reportflow.admission import OPEN, admit
from orchestrator.service.dialects.reportflow.designs import (
    get_parameters,
    list_designs,
)
from orchestrator.service.dialects.reportflow.fetch import get_all, get_file, get_link
from orchestrator.service.dialects.reportflow.generate import later, now
from orchestrator.service.dialects.reportflow.hook import announce
from orchestrator.service.dialects.reportflow.refusal import tell

_LINK = re.compile(r"/[^/]+/design/[^/]+/files/[^/]+")


def _owns(path: str) -> bool:
    return path.startswith(OPEN) or _LINK.fullmatch(path) is not None


REPORTFLOW = Dialect(
    name="reportflow",
    routes=[
        web.post("/v1/file/async/single", later(many=False)),
        web.post("/v1/file/async/multiple", later(many=True)),
        web.post("/v1/file/sync/single", now(many=False)),
        web.post("/v1/file/sync/multiple", now(many=True)),
        web.get("/v1/file/download/{request}", get_all),
        web.get("/v1/file/download/{request}/{file}", get_file),
        web.get("/v1/file/designs", list_designs),
        web.get("/v1/file/design/parameter/{design}", get_parameters),
        web.get("/{workspace}/design/{design}/files/{request}", get_link),
    ],
    owns=_owns,
    admit=admit,
    tell=tell,
    announce=announce,
)
