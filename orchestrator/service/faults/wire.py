"""Lets faults happen to requests: a middleware around every handler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from orchestrator.service.faults import line
from orchestrator.service.faults.injector import Hit, Injector
from orchestrator.service.faults.phases import place_of
from orchestrator.service.faults.script import Call, Fault, Kind, Phase
from orchestrator.service.problems import Problem

Perform = Callable[[web.Request, Handler, Hit], Coroutine[Any, Any, web.StreamResponse]]
Tell = Callable[[web.Request, Problem], web.Response]
"""Answers with a problem in the words of one API."""
NO_WORDS: Mapping[str, Tell] = {}
PAGE = (
    "<!DOCTYPE html>\n<html><head><title>{status}</title></head>"
    "<body><h1>{status}</h1><p>This page stands where an answer should be.</p>"
    "</body></html>\n"
)
REFUSED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>\n"
)
_OWN = {
    401: "unauthorized",
    403: "bad_signature",
    404: "not_found",
    410: "expired",
    429: "too_many",
    500: "internal",
    503: "closing",
    507: "disk_full",
}
"""Statuses for which the service has words of its own."""
SPARED = frozenset({"/healthz", "/v1/bill", "/v1/faults"})
"""Paths that tell the truth about the service, also under faults."""


class Injected(Problem):
    """A refusal that was asked for; its Retry-After is the script's alone."""

    def __init__(self, code: str, retry_after: int | None) -> None:
        super().__init__(code, "refused on purpose; nothing was started")
        self._retry_after = retry_after

    def headers(self) -> dict[str, str]:
        """Headers that go with the answer."""
        after = self._retry_after
        return {} if after is None else {"Retry-After": str(after)}


def faults(injector: Injector, words: Mapping[str, Tell] = NO_WORDS) -> Middleware:
    """The middleware; it stands inside what tells problems in native words.

    Args:
        injector: What happens to whom.
        words: How each dialect tells a problem.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        hit = None
        if request.path not in SPARED:
            hit = injector.pick(_call(request))
        if hit is None:
            return await handler(request)
        try:
            return await _PERFORM[hit.fault.kind](request, handler, hit)
        except Injected as refusal:
            return _told(words, request, hit, refusal)

    return middleware


def _told(
    words: Mapping[str, Tell], request: web.Request, hit: Hit, refusal: Injected
) -> web.StreamResponse:
    """A refusal in the words of the API that was asked, where it has any."""
    tell = words.get(hit.call.dialect)
    if tell is None and hit.call.dialect == "native":
        raise refusal
    response = tell(request, refusal) if tell is not None else None
    if response is None or response.status != hit.fault.status:
        response = _web_page(hit.fault.status)
    response.headers.popall("Retry-After", None)
    response.headers.update(refusal.headers())
    return response


def _call(request: web.Request) -> Call:
    dialect, phase = place_of(request.method, request.path)
    return Call(phase, dialect, request.method, request.path)


# One function for each kind...


async def _refuse(
    request: web.Request, handler: Handler, hit: Hit
) -> web.StreamResponse:
    del request, handler
    hit.note()
    return _answer(hit.fault)


async def _lose(request: web.Request, handler: Handler, hit: Hit) -> web.StreamResponse:
    can_answer = await _done_unheard(request, handler)
    hit.note()
    is_answered = can_answer and hit.fault.status
    return _answer(hit.fault) if is_answered else _broken(request)


async def _reset(
    request: web.Request, handler: Handler, hit: Hit
) -> web.StreamResponse:
    del handler
    hit.note()
    return _broken(request)


async def _cut(request: web.Request, handler: Handler, hit: Hit) -> web.StreamResponse:
    line.cut_after(request, hit.fault.after)
    hit.note()
    return await handler(request)


async def _slow(request: web.Request, handler: Handler, hit: Hit) -> web.StreamResponse:
    hit.note()
    is_fetch = hit.call.phase is Phase.FETCH  # it may be sent while it is read
    if is_fetch:
        await asyncio.sleep(hit.fault.seconds)
    response = await handler(request)
    if not is_fetch:
        await asyncio.sleep(hit.fault.seconds)
    return response


async def _expire(
    request: web.Request, handler: Handler, hit: Hit
) -> web.StreamResponse:
    del request, handler
    hit.note()
    status = hit.fault.status
    return web.Response(text=REFUSED, status=status, content_type="application/xml")


async def _short(
    request: web.Request, handler: Handler, hit: Hit
) -> web.StreamResponse:
    response = await handler(request)
    if isinstance(response, web.Response) and not response.prepared:
        _shorten(response, hit)
    return response


def _shorten(response: web.Response, hit: Hit) -> None:
    body = response.body
    is_good = 200 <= response.status < 300
    if is_good and isinstance(body, bytes) and len(body) > 1:
        hit.note()
        response.body = body[: len(body) // 2]


async def _page(request: web.Request, handler: Handler, hit: Hit) -> web.StreamResponse:
    can_answer = not hit.fault.worked or await _done_unheard(request, handler)
    hit.note()
    return _web_page(200) if can_answer else _broken(request)


async def _redirect(
    request: web.Request, handler: Handler, hit: Hit
) -> web.StreamResponse:
    del request, handler
    hit.note()
    headers = {"Location": hit.fault.to}
    return web.Response(status=hit.fault.status, headers=headers)


async def _forget_id(
    request: web.Request, handler: Handler, hit: Hit
) -> web.StreamResponse:
    """Take the caller's own id out of the query, where an API has it there."""
    kept = [(k, v) for k, v in request.url.query.items() if k.lower() != "jobid"]
    if len(kept) == len(request.url.query):
        return await handler(request)
    hit.note()
    return await handler(request.clone(rel_url=request.rel_url.with_query(kept)))


_PERFORM: dict[Kind, Perform] = {
    Kind.REFUSE: _refuse,
    Kind.LOSE: _lose,
    Kind.RESET: _reset,
    Kind.CUT: _cut,
    Kind.SLOW: _slow,
    Kind.EXPIRE: _expire,
    Kind.SHORT: _short,
    Kind.PAGE: _page,
    Kind.REDIRECT: _redirect,
    Kind.FORGET_ID: _forget_id,
}

# What they are made of...


async def _done_unheard(request: web.Request, handler: Handler) -> bool:
    """Let the work be done, and its answer reach nobody; says whether another can.

    A handler may send its answer by itself: another one cannot come after that.
    """
    speak, is_sent = line.mute(request), False
    try:
        with suppress(Problem, web.HTTPException):
            is_sent = (await handler(request)).prepared
    finally:
        if not is_sent:
            speak()
    return not is_sent


def _broken(request: web.Request) -> web.Response:
    """Break the connection; what is returned reaches nobody."""
    line.reset(request)
    return web.Response(status=500)


def _answer(fault: Fault) -> web.Response:
    code = _OWN.get(fault.status)
    if fault.body == "own" and code is not None:
        raise Injected(code, fault.retry_after)
    page = web.Response(status=fault.status)
    if fault.body != "none":
        page = _web_page(fault.status)
    if fault.retry_after is not None:
        page.headers["Retry-After"] = str(fault.retry_after)
    return page


def _web_page(status: int) -> web.Response:
    text = PAGE.format(status=status)
    return web.Response(text=text, status=status, content_type="text/html")
