"""Handlers that give files out, and hold who comes before they are there.

The API has no call for a state. Its clients fetch right after the request and take any
answer but 2xx for a failure, so a GET waits for the file. What is not ready is told
with 409, never 5xx: on that they would ask for a second file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aiohttp import web
from anyio import to_thread

from orchestrator.service.attachment import disposition
from orchestrator.service.dialects.reportflow import filed
from orchestrator.service.dialects.reportflow.filed import Filed
from orchestrator.service.dialects.reportflow.pack import pack
from orchestrator.service.dialects.reportflow.refusal import (
    FAILED,
    GONE,
    NO_FILE,
    NO_JOB,
    NOT_READY,
    TOO_MANY,
    Refused,
)
from orchestrator.service.jobs import ID, Job
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.native.results import copy, send
from orchestrator.service.problems import Problem

DOWNLOADS_A_MINUTE = 100
PAUSE = 2.0
ZIP_NAME = "files.zip"


async def get_link(request: web.Request) -> web.StreamResponse:
    """``GET /{workspace}/design/{design}/files/{uuid}``: the link is the key."""
    first = _first(request)
    if first.design != request.match_info["design"]:
        raise Refused(404, NO_JOB)
    jobs = await _ready(request, _names(first))
    if first.count == 1:
        return await send_file(request, jobs[0])
    return await send_zip(request, jobs)


async def get_all(request: web.Request) -> web.StreamResponse:
    """``GET /v1/file/download/{request}``: a ZIP, also of a single file."""
    count(request, "download", DOWNLOADS_A_MINUTE)
    return await send_zip(request, await _ready(request, _names(_first(request))))


async def get_file(request: web.Request) -> web.StreamResponse:
    """``GET /v1/file/download/{request}/{file}``."""
    count(request, "download", DOWNLOADS_A_MINUTE)
    first, wanted = _first(request), request.match_info["file"]
    if wanted == filed.batch(first.request):
        return await send_zip(request, await _ready(request, _names(first)))
    n = filed.place(first, wanted)
    if n is None:
        raise Refused(404, NO_FILE)
    name = filed.job_id(first.request, n)
    return await send_file(request, (await _ready(request, [name]))[0])


def count(request: web.Request, what: str, most: int) -> None:
    """Count a request where limits are on.

    Raises:
        Refused: there were too many in the last minute.
    """
    wait = request.app[CONTEXT].rates.take(f"reportflow {what}", most)
    if wait is not None:
        raise Refused(429, TOO_MANY, wait=wait)


async def ended(request: web.Request, names: Sequence[str], late: Refused) -> list[Job]:
    """The jobs, when all have made their files; raises ``late`` past the wait.

    Raises:
        Refused: a file could not be made, or is gone.
    """
    context = request.app[CONTEXT]
    try:
        async with asyncio.timeout(context.settings.reportflow_wait):
            jobs = [await context.desk.ended(each) for each in names]
    except TimeoutError:
        raise late from None
    for job in jobs:
        _check_made(job, context.clock.now())
    return jobs


async def send_file(
    request: web.Request,
    job: Job,
    *,
    status: int = 200,
    more: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer with one file, under the name that the caller gave it."""
    about = _about(job)
    named = replace(job, results=(replace(job.results[0], name=about.name),))
    headers = {"File-ID": about.file, **_facts(job, about), **(more or {})}
    return await send(request, named, 0, status=status, more=headers)


async def send_zip(
    request: web.Request,
    jobs: Sequence[Job],
    *,
    status: int = 200,
    more: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer with all files of a request in a ZIP."""
    context, first = request.app[CONTEXT], _about(jobs[0])
    members = [(_about(each).name, context.desk.result(each, 0)) for each in jobs]
    try:
        file, size = await to_thread.run_sync(pack, members, context.settings.data)
    except FileNotFoundError:
        raise Refused(410, GONE) from None
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": disposition(ZIP_NAME),
        "File-ID": filed.batch(first.request),
        **_facts(jobs[0], first),
        **(more or {}),
    }
    with file:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = size
        await response.prepare(request)
        if request.method != "HEAD":
            await copy(request, response, file, size)
        await response.write_eof()
        return response


async def _ready(request: web.Request, names: Sequence[str]) -> list[Job]:
    """The jobs with their files: a GET waits for them, a HEAD never does."""
    late = Refused(409, NOT_READY, wait=PAUSE)
    if request.method == "HEAD":
        desk = request.app[CONTEXT].desk
        if not all(desk.find(each).state.is_ended for each in names):
            raise late
    return await ended(request, names, late)


def _check_made(job: Job, now: float) -> None:
    if job.error is not None:
        raise Refused(422, f"{FAILED}: {_about(job).name}: {job.error[1]}")
    if job.has_expired(now):
        raise Refused(410, GONE)


def _first(request: web.Request) -> Filed:
    """What is remembered of the first file of the request in the path."""
    name = filed.job_id(request.match_info["request"], 0)
    if not ID.fullmatch(name):
        raise Refused(404, NO_JOB)
    return _about(request.app[CONTEXT].desk.find(name))


def _names(first: Filed) -> list[str]:
    return [filed.job_id(first.request, n) for n in range(first.count)]


def _about(job: Job) -> Filed:
    about = filed.of(job.order.extra)
    if about is None:
        raise Problem("not_found", "the job came by another API")
    return about


def _facts(job: Job, about: Filed) -> dict[str, str]:
    expires = datetime.fromtimestamp(int(job.expires or 0), UTC)
    return {
        "Request-Id": about.request,
        "X-Expires-At": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
    }
