"""Reads a request in any of the five styles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from aiohttp import BodyPartReader, web
from anyio import to_thread

from orchestrator.service.dialects.convertapi import params
from orchestrator.service.dialects.convertapi.access import CREDENTIALS
from orchestrator.service.dialects.convertapi.gather import Gathering
from orchestrator.service.dialects.convertapi.params import Pair
from orchestrator.service.dialects.convertapi.refusal import Refusal
from orchestrator.service.native.reading import pieces, raw
from orchestrator.service.problems import Problem

LARGEST_FORM = 4 * 1024**2
LARGEST_JSON = 128 * 1024**2  # Base64 has to be in memory whole


async def read(request: web.Request, found: Gathering) -> None:
    """Read query and body; where both have a parameter, the query counts.

    Raises:
        Refusal: the body is not what the API takes.
    """
    kind = request.content_type.lower()
    if kind == "multipart/form-data":
        await _read_parts(request, found)
    elif kind == "application/json":
        text = await _whole(raw(request), LARGEST_JSON)
        await _add(found, await to_thread.run_sync(_listed, text) if text else ())
    elif is_raw(request):
        await _read_raw(request, found)
    elif kind == "application/x-www-form-urlencoded":
        text = await _whole(raw(request), LARGEST_FORM)
        await _add(found, params.form(text))
    elif request.can_read_body:
        raise Refusal(415, 415, f"The content type {kind[:80]} is not supported.")
    query = request.query.items()
    await _add(found, ((k, v) for k, v in query if k.lower() not in CREDENTIALS))


def is_raw(request: web.Request) -> bool:
    """Whether the body is the file itself."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in ("", "application/octet-stream") and request.can_read_body


async def read_text(part: BodyPartReader) -> str:
    """The text of a part that is no file."""
    text = await _whole(pieces(part), LARGEST_FORM)
    return text.decode("utf-8", "replace")


async def _read_raw(request: web.Request, found: Gathering) -> None:
    name = params.disposed(request.headers.get("Content-Disposition"))
    if not name:
        raise Refusal(400, 4001, "The header Content-Disposition has no file name.")
    await found.content("File", name, raw(request))


async def _read_parts(request: web.Request, found: Gathering) -> None:
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or not part.name:
                raise Refusal(400, 4001, "A part of the body has no name.")
            name = params.disposed(part.headers.get("Content-Disposition"))
            if name is None:
                await found.add(part.name, await read_text(part))
            else:
                await found.content(part.name, name, pieces(part))
    except ValueError as error:
        raise Problem("bad_request", f"multipart: {error}"[:200]) from error


def _listed(text: bytes) -> list[Pair]:
    return [*params.json(text)]


async def _add(
    found: Gathering, pairs: Iterator[Pair] | list[Pair] | tuple[()]
) -> None:
    for name, value in pairs:
        await found.add(name, value)


async def _whole(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    text = bytearray()
    async for chunk in chunks:
        text += chunk
        if len(text) > limit:
            raise Problem("too_large", f"a body of this kind may have {limit} bytes")
    return bytes(text)
