"""Handlers that show designs and the data that they take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from anyio import to_thread

from orchestrator.errors import UsageError
from orchestrator.service.designing import every, find
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.params import encode
from orchestrator.service.problems import Problem

if TYPE_CHECKING:
    from orchestrator.designs import Design


async def list_designs(request: web.Request) -> web.Response:
    """``GET /v1/designs``."""
    try:
        designs = await to_thread.run_sync(every, _folders(request))
    except UsageError as error:
        raise Problem("internal", f"a design of this instance: {error}") from error
    return _answer({"designs": [_view(each) for each in designs]})


async def get_design(request: web.Request) -> web.Response:
    """``GET /v1/designs/{name}/{version}``."""
    ref = f"{request.match_info['name']}@{request.match_info['version']}"
    try:
        design = await to_thread.run_sync(find, ref, _folders(request))
    except UsageError as error:
        raise Problem("not_found", str(error)) from error
    return _answer(_view(design))


def _folders(request: web.Request) -> tuple[Path, ...]:
    folder = request.app[CONTEXT].settings.designs
    return () if folder is None else (folder,)


def _view(design: Design) -> dict[str, object]:
    return {
        "name": design.name,
        "version": design.version,
        "title": design.title,
        "description": design.description,
        "schema": design.schema,
    }


def _answer(value: object) -> web.Response:
    return web.Response(body=encode(value), content_type="application/json")
