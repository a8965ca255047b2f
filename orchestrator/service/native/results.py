"""Sends results, whole or in part.

A result never changes under its URL, so its hash is its ETag and conditions are
decided by the hash alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import IO

from aiohttp import ETag, hdrs, web
from anyio import to_thread

from orchestrator.service.attachment import disposition, kind
from orchestrator.service.jobs import Job, Result
from orchestrator.service.native.context import CONTEXT, job_id
from orchestrator.service.problems import Problem

CHUNK = 1024 * 1024


async def get_result(request: web.Request) -> web.StreamResponse:
    """``GET /v1/jobs/{id}/results/{n}``."""
    job = request.app[CONTEXT].desk.find(job_id(request))
    return await send(request, job, int(request.match_info["n"]))


async def send(
    request: web.Request,
    job: Job,
    n: int,
    *,
    status: int = 200,
    more: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer with a result's bytes; ``more`` headers are added.

    Raises:
        Problem: the result is not there, or the caller's conditions fail.
    """
    context = request.app[CONTEXT]
    path = context.desk.result(job, n)
    result = job.results[n]
    headers = {**_headers(job, result), **(more or {})}
    if _has(request.if_none_match, result):
        return web.Response(status=304, headers=headers)
    if request.if_match is not None and not _has(request.if_match, result):
        raise Problem("not_matched", "the result is not the one of If-Match")
    if result.stored:
        return _elsewhere(request, context.depot.result(job, n), headers, result)
    start, stop = _range(request, result)
    if (start, stop) != (0, result.size):
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{result.size}"
    return await _stream(request, path, (start, stop), status, headers)


def _elsewhere(
    request: web.Request, link: str | None, headers: dict[str, str], result: Result
) -> web.StreamResponse:
    """Send the caller to the store, by a link that is fresh each time.

    A link is signed for GET alone, so HEAD is answered here.
    """
    if link is None:
        why = "the result is in a store that this instance was started without"
        raise Problem("storage_down", why)
    if request.method == "HEAD":
        return web.Response(headers={**headers, "Content-Length": str(result.size)})
    moved = {"Location": link, "Cache-Control": "no-store", "Job-Id": headers["Job-Id"]}
    return web.Response(status=307, headers=moved)


def _headers(job: Job, result: Result) -> dict[str, str]:
    return {
        "Job-Id": job.id,
        "Job-Converter": job.converter,
        "ETag": f'"{result.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Type": kind(result.name),
        "Content-Disposition": disposition(result.name),
    }


def _has(tags: tuple[ETag, ...] | None, result: Result) -> bool:
    return tags is not None and any(each.value in (result.sha256, "*") for each in tags)


def _range(request: web.Request, result: Result) -> tuple[int, int]:
    """First byte and the one behind the last that are asked for.

    Raises:
        Problem: there are no such bytes.
    """
    size = result.size
    condition = request.headers.get(hdrs.IF_RANGE)
    if condition is not None and condition != f'"{result.sha256}"':
        return 0, size
    try:
        wanted = request.http_range
    except ValueError as error:
        raise Problem("bad_range", f"the result has {size} bytes") from error
    if wanted.start is None:
        return 0, size
    start, stop, _ = wanted.indices(size)
    if start >= stop:
        raise Problem("bad_range", f"the result has {size} bytes")
    return start, stop


async def _stream(
    request: web.Request,
    path: Path,
    part: tuple[int, int],
    status: int,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    start, stop = part
    if stop - start <= CHUNK:
        body = await to_thread.run_sync(_read_once, path, start, stop - start)
        return web.Response(body=body, status=status, headers=headers)
    file = await to_thread.run_sync(_open, path, start)
    try:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = stop - start
        await response.prepare(request)
        if request.method != "HEAD":
            await copy(request, response, file, stop - start)
        await response.write_eof()
        return response
    finally:
        file.close()


async def copy(
    request: web.Request,
    response: web.StreamResponse,
    file: IO[bytes],
    left: int,
) -> None:
    """Send bytes; a fault now can only be told by breaking the connection."""
    while left:
        chunk = await to_thread.run_sync(file.read, min(CHUNK, left))
        if not chunk:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("a result is shorter than it was")
        await response.write(chunk)
        left -= len(chunk)


def _open(path: Path, start: int) -> BufferedReader:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise Problem("expired", "the result was removed meanwhile") from error
    file.seek(start)
    return file


def _read_once(path: Path, start: int, size: int) -> bytes:
    with _open(path, start) as file:
        return file.read(size)
