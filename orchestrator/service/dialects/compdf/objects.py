"""The object store behind the links: bytes in by PUT, out by GET, no key needed."""

from __future__ import annotations

from xml.sax.saxutils import escape

from aiohttp import web

from orchestrator.service.dialects.compdf import seals
from orchestrator.service.dialects.compdf.form import raw
from orchestrator.service.dialects.compdf.window import WINDOW, counter
from orchestrator.service.native.results import send
from orchestrator.service.problems import Problem
from orchestrator.service.shield import problem_of

# Errors are XML with a code, as object stores have it.
_CODES = {
    "bad_signature": (403, "SignatureDoesNotMatch"),
    "not_found": (404, "NoSuchKey"),
    "wrong_state": (409, "OperationAborted"),
    "length_required": (411, "MissingContentLength"),
    "too_large": (400, "EntityTooLarge"),
    "bad_request": (400, "IncompleteBody"),
    "not_matched": (412, "PreconditionFailed"),
    "bad_range": (416, "InvalidRange"),
    "disk_full": (503, "SlowDown"),
}


async def put_object(request: web.Request) -> web.StreamResponse:
    """``PUT`` of a file that was promised; 200 with an empty body."""
    try:
        _check(request, seals.PUT)
        key = request.match_info["key"]
        await counter(request).receive(key, _length(request), raw(request))
        return web.Response()
    except Exception as error:  # noqa: BLE001 -- told in the words of a store
        return _tell(request, error)


async def get_object(request: web.Request) -> web.StreamResponse:
    """``GET`` of a result, also in ranges."""
    try:
        _check(request, seals.GET)
        desk = counter(request).desk
        return await send(request, desk.find(request.match_info["key"]), 0)
    except ConnectionError:
        raise  # the caller went away in the middle; there is nobody to tell
    except Exception as error:  # noqa: BLE001 -- told in the words of a store
        return _tell(request, error)


def _length(request: web.Request) -> int:
    if request.content_length is None:
        raise Problem("length_required", "an upload needs Content-Length")
    return request.content_length


def _check(request: web.Request, purpose: str) -> None:
    context = request.app[WINDOW].context
    try:
        seals.check_link(
            context.links,
            purpose,
            request.match_info["key"],
            expires=request.query.get("expires", ""),
            signature=request.query.get("signature", ""),
            now=context.clock.now(),
        )
    except Problem as problem:
        if problem.code == "expired":
            raise _Late from problem
        raise


class _Late(Exception):
    """The link is ours, but its time is over."""


def _tell(request: web.Request, error: Exception) -> web.Response:
    if isinstance(error, _Late):
        return _xml(403, "AccessDenied", "Request has expired")
    problem = problem_of(error, f"{request.method} {request.path}")
    if problem.code == "expired":  # the link is good, its object is gone
        return _xml(404, "NoSuchKey", problem.message)
    status, code = _CODES.get(problem.code, (500, "InternalError"))
    return _xml(status, code, problem.message)


def _xml(status: int, code: str, message: str) -> web.Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return web.Response(text=text, status=status, content_type="application/xml")
