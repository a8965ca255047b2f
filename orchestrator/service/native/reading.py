"""Reads request bodies piece by piece; memory does not grow with them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, MultipartReader, web

from orchestrator.service.native.record import MOST_FILES, Record, parse
from orchestrator.service.problems import Problem
from orchestrator.service.storage import Tray, clean_name

LARGEST_RECORD = 16 * 1024 * 1024
CHUNK = 256 * 1024


async def read_body(request: web.Request) -> Record:
    """The record that is the whole body."""
    return parse(await _limited(request.content.iter_chunked(CHUNK)))


async def read_form(request: web.Request, tray: Tray) -> Record:
    """The record and the files of a multipart body, or a bare record in JSON.

    Raises:
        Problem: the body is not what the API takes.
    """
    # As aiohttp reads it takes as long as the rest of the request.
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await read_body(request)
    if kind != "multipart/form-data":
        why = "the body must be multipart/form-data, or JSON where there are no files"
        raise Problem("bad_request", why)
    try:
        return await _read_parts(await request.multipart(), tray)
    except ValueError as error:
        raise Problem("bad_request", f"multipart: {error}"[:200]) from error


async def raw(request: web.Request) -> AsyncIterator[bytes]:
    """The bytes of a body."""
    async for chunk in request.content.iter_chunked(CHUNK):
        yield chunk


async def _read_parts(reader: MultipartReader, tray: Tray) -> Record:
    first = await reader.next()
    if not isinstance(first, BodyPartReader) or first.name != "job":
        raise Problem("bad_request", "the first part must be named job")
    record = parse(await _limited(pieces(first)))
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name != "file":
            raise Problem("bad_request", "parts behind the first are named file")
        if len(tray.inputs) >= MOST_FILES:
            raise Problem("bad_request", f"at most {MOST_FILES} files")
        name = clean_name(part.filename or f"file.{record.source}")
        await tray.receive(name, record.source, pieces(part))
    return record


async def pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    """The bytes of a part."""
    while not part.at_eof():
        chunk = await part.read_chunk(CHUNK)
        if chunk:
            yield bytes(chunk)


async def _limited(chunks: AsyncIterator[bytes]) -> bytes:
    text = bytearray()
    async for chunk in chunks:
        text += chunk
        if len(text) > LARGEST_RECORD:
            raise Problem("too_large", f"job: at most {LARGEST_RECORD} bytes")
    return bytes(text)
