"""Handlers that store files and give them out; the id is the permission."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from orchestrator.service.attachment import disposition
from orchestrator.service.dialects.convertapi import params
from orchestrator.service.dialects.convertapi.accept import wanted
from orchestrator.service.dialects.convertapi.answer import show, url_of, view
from orchestrator.service.dialects.convertapi.fetch import fetched
from orchestrator.service.dialects.convertapi.gather import EMPTY, local_id
from orchestrator.service.dialects.convertapi.ids import is_plain, new_plain
from orchestrator.service.dialects.convertapi.refusal import Refusal, invalid
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.native.reading import pieces, raw
from orchestrator.service.problems import Problem
from orchestrator.service.render.names import ending
from orchestrator.service.shelf import Stored
from orchestrator.service.storage import clean_name

# These take the whole answer for the id, though they accept anything.
BARE = ("convertapi-java", "convertapi-go")
TEXTS = frozenset({"text/plain", "text/*"})
DOCUMENTS = frozenset({"application/json", "*/*", "application/*"})


async def upload(request: web.Request) -> web.Response:
    """``POST /upload``: raw, multipart, or from a URL; no key unless strict."""
    query = {name.lower(): value for name, value in request.query.items()}
    file_id = _own_id(query.get("fileid", ""))
    if "url" in query:
        stored = await _from_url(request, query, file_id)
    elif request.content_type.startswith("multipart/"):
        stored = await _from_part(request, query, file_id)
    else:
        header = request.headers.get("Content-Disposition")
        name = query.get("filename") or params.disposed(header)
        stored = await _take(request, file_id, name, raw(request))
    if _is_bare(request):
        return web.Response(text=stored.id)
    return show(view(stored, url_of(str(request.url.origin()), stored.id)))


async def get_file(request: web.Request) -> web.StreamResponse:
    """``GET`` and ``HEAD /d/{fileId}[/{name}]``, whatever is accepted."""
    stored = _find(request)
    if stored is None:
        return web.Response(status=404)
    named = disposition(stored.name)
    if request.query.get("download", "").lower() == "inline":
        named = f"inline{named.removeprefix('attachment')}"
    return web.FileResponse(
        request.app[CONTEXT].shelf.path(stored.id),
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": named,
            "File-Name": quote(stored.name, safe=" !#$&'()+,;=@[]^_`{}~"),
            "File-Ext": quote(ending(stored.name)),
            "File-Size": str(stored.size),
        },
    )


async def delete_file(request: web.Request) -> web.Response:
    """``DELETE /d/{fileId}[/{name}]``."""
    shelf = request.app[CONTEXT].shelf
    is_removed = await shelf.remove(request.match_info["file"])
    return web.Response(status=200 if is_removed else 404)


def _find(request: web.Request) -> Stored | None:
    return request.app[CONTEXT].shelf.find(request.match_info["file"])


async def _from_url(
    request: web.Request, query: dict[str, str], file_id: str
) -> Stored:
    own = local_id(request, query["url"])
    if own is not None:
        return await _again(request, query, file_id, own)
    header = query.get("headername")
    headers = {header: query.get("headervalue", "")} if header else None
    async with fetched(request, query["url"], headers) as (its_own, chunks):
        name = query.get("filename") or its_own
        return await _take(request, file_id, name, chunks)


async def _again(
    request: web.Request, query: dict[str, str], file_id: str, own: str
) -> Stored:
    """Store once more what is stored here already."""
    shelf = request.app[CONTEXT].shelf
    known = shelf.find(own)
    if known is None:
        raise Refusal(500, 5009, "File id is not valid.")
    stored = await shelf.put(
        file_id,
        clean_name(query.get("filename") or known.name),
        shelf.path(own),
        size=known.size,
        sha256=known.sha256,
    )
    if stored is None or stored.sha256 != known.sha256:
        raise invalid("FileId", "Another file has this id.")
    return stored


async def _from_part(
    request: web.Request, query: dict[str, str], file_id: str
) -> Stored:
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                continue
            header = part.headers.get("Content-Disposition")
            name = params.disposed(header)
            if name is not None:
                name = query.get("filename") or name
                return await _take(request, file_id, name, pieces(part))
    except ValueError as error:
        raise Problem("bad_request", f"multipart: {error}"[:200]) from error
    raise Refusal(400, 4001, "The body has no file.")


async def _take(
    request: web.Request, file_id: str, name: str | None, chunks: AsyncIterator[bytes]
) -> Stored:
    if not name:
        raise Refusal(400, 4001, "The file has no name: set Content-Disposition.")
    shelf = request.app[CONTEXT].shelf
    try:
        stored = await shelf.take(file_id, clean_name(name), chunks)
    except Problem as problem:
        if problem.code == "id_in_use":
            raise invalid("FileId", "Another file has this id.") from None
        raise
    if not stored.size:
        await shelf.remove(file_id)
        raise invalid("File", EMPTY)
    return stored


def _own_id(text: str) -> str:
    if text and not is_plain(text):
        raise invalid("FileId", "FileId must be 32 characters of a-z and 0-9.")
    return text or new_plain()


def _is_bare(request: web.Request) -> bool:
    if request.headers.get("User-Agent", "").lower().startswith(BARE):
        return True
    for kind in wanted(request.headers.get("Accept", "")):
        if kind in DOCUMENTS:
            return False
        if kind in TEXTS:
            return True
    return False
