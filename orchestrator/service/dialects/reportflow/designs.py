"""Which designs there are, for this API: found, described, and checked against."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from anyio import to_thread

from orchestrator.errors import UsageError
from orchestrator.service.designing import every, find
from orchestrator.service.dialects.reportflow import parameters, standin
from orchestrator.service.dialects.reportflow.admission import is_legacy
from orchestrator.service.dialects.reportflow.body import Content, Wanted
from orchestrator.service.dialects.reportflow.refusal import (
    NO_DESIGN,
    NO_VERSION,
    Refused,
)
from orchestrator.service.native.context import CONTEXT, answer
from orchestrator.service.params import encode
from orchestrator.service.settings import ServiceSettings

if TYPE_CHECKING:
    from orchestrator.designs import Design

MOST_FAULTS = 100
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be rendered: a design of ours, and its data for each file."""

    ref: str
    params: tuple[bytes, ...]


async def prepare(settings: ServiceSettings, wanted: Wanted) -> Prepared:
    """Find the design and check the data of every file against it.

    Raises:
        Refused: there is no such design or version, or the data does not fit.
    """
    return await to_thread.run_sync(_prepare, settings, wanted)


async def list_designs(request: web.Request) -> web.Response:
    """``GET /v1/file/designs``."""
    folders = _folders(request.app[CONTEXT].settings)
    found = await to_thread.run_sync(every, folders)
    latest = {each.name: each for each in found if each.ref != standin.DESIGN}
    return answer({"designs": [_view(each) for each in latest.values()]})


async def get_parameters(request: web.Request) -> web.Response:
    """``GET /v1/file/design/parameter/{designId}``."""
    version = request.query.get("version")
    if version is not None and not _VERSION.fullmatch(version):
        raise Refused(400, ["version must be an integer number"])
    settings, name = request.app[CONTEXT].settings, request.match_info["design"]
    design = await to_thread.run_sync(_find, settings, name, version)
    describe = parameters.types if is_legacy(request) else parameters.specs
    return answer(describe({} if design is None else design.schema))


def _prepare(settings: ServiceSettings, wanted: Wanted) -> Prepared:
    design = _find(settings, wanted.design, str(wanted.version))
    if design is None:
        return Prepared(
            standin.DESIGN, tuple(_stood_in(wanted, each) for each in wanted.contents)
        )
    faults = [*_faults(design, wanted.contents)]
    if faults:
        raise Refused(400, faults[:MOST_FAULTS])
    return Prepared(design.ref, tuple(encode(each.params) for each in wanted.contents))


def _faults(design: Design, contents: Sequence[Content]) -> list[str]:
    many = len(contents) > 1
    return [
        f"contents.{n}.params.{each}" if many else f"content.params.{each}"
        for n, content in enumerate(contents)
        for each in design.problems(content.params)
    ]


def _stood_in(wanted: Wanted, content: Content) -> bytes:
    return encode(
        standin.shown(
            design=wanted.design,
            version=wanted.version,
            name=content.name,
            params=content.params,
        )
    )


def _find(settings: ServiceSettings, name: str, version: str | None) -> Design | None:
    """The design, or ``None`` where the stand-in takes its place.

    Raises:
        Refused: there is none.
    """
    folders = _folders(settings)
    if not _is_known(name, folders):
        if settings.stand_in_designs:
            return None
        raise Refused(404, NO_DESIGN)
    try:
        return find(f"{name}@{version}" if version else name, folders)
    except UsageError:
        raise Refused(404, NO_VERSION.format(version=version)) from None


def _is_known(name: str, folders: tuple[Path, ...]) -> bool:
    if not _ID.fullmatch(name):
        return False
    try:
        find(name, folders)
    except UsageError:
        return False
    return True


def _folders(settings: ServiceSettings) -> tuple[Path, ...]:
    return () if settings.designs is None else (settings.designs,)


def _view(design: Design) -> dict[str, Any]:
    from orchestrator.designs.folder import DESCRIPTION  # noqa: PLC0415  # slow

    changed = (design.root / DESCRIPTION).stat().st_mtime
    when = datetime.fromtimestamp(int(changed), UTC)
    return {
        "id": design.id or design.name,
        "label": design.title,
        "latestVersion": design.version,
        "thumbnail": None,
        "updatedAt": f"{when:%Y-%m-%dT%H:%M:%S}.000Z",
    }
