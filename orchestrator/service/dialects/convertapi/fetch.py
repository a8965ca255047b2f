"""Fetches files by URL, never from the private network unless told so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

from orchestrator.service.address import guarded_session, objection
from orchestrator.service.dialects.convertapi.params import disposed
from orchestrator.service.dialects.convertapi.refusal import Refusal
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.native.reading import CHUNK

HOPS = 5
TIMEOUT = aiohttp.ClientTimeout(total=900, connect=10, sock_read=60)
Fetched = tuple[str, AsyncIterator[bytes]]


@asynccontextmanager
async def fetched(
    request: web.Request, url: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Fetched]:
    """Name and bytes of a remote file.

    Raises:
        Refusal: it cannot be had, or is where this instance does not go.
    """
    allow = request.app[CONTEXT].settings.allow_private_urls
    try:
        async with guarded_session(TIMEOUT, allow_private=allow) as session:
            reply = await _follow(session, url, headers or {}, allow_private=allow)
            async with reply:
                yield _name(reply), reply.content.iter_chunked(CHUNK)
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
        raise _failed(type(error).__name__) from None


async def _follow(
    session: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
) -> aiohttp.ClientResponse:
    """Follow redirects by hand: each address is checked, headers go to the first."""
    for _ in range(HOPS):
        wrong = objection(url, allow_private=allow_private)
        if wrong is not None:
            raise _failed(f"it is {wrong}")
        reply = await session.get(url, headers=headers, allow_redirects=False)
        if reply.status == 200:
            return reply
        reply.release()
        target = reply.headers.get("Location")
        if target is None or reply.status not in (301, 302, 303, 307, 308):
            raise _failed(f"it answered {reply.status}")
        url, headers = str(URL(url).join(URL(target))), {}
    raise _failed("it redirects too often")


def _name(reply: aiohttp.ClientResponse) -> str:
    return (
        disposed(reply.headers.get("Content-Disposition"))
        or reply.url.name
        or reply.url.host
        or "file"
    )


def _failed(why: str) -> Refusal:
    return Refusal(500, 5008, f"The remote file cannot be downloaded: {why}.")
