"""Turns whatever goes wrong in a handler into a problem that an API can tell."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from orchestrator.service.problems import Problem

log = logging.getLogger(__name__)
CODES = {404: "not_found", 405: "wrong_method", 413: "too_large"}
Tell = Callable[[web.Request, Problem], web.Response]
FULL = (errno.ENOSPC, errno.EDQUOT)


def shield(tell: Tell) -> Middleware:
    """What stands before handlers; every dialect tells problems in its own words."""

    @web.middleware
    async def shielded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            code = CODES.get(error.status, "bad_request")
            told = tell(request, Problem(code, error.reason))
            allow = {k: v for k, v in error.headers.items() if k == "Allow"}
            told.headers.update(allow)
            return told
        except Exception as error:  # noqa: BLE001 -- it is logged below
            where = f"{request.method} {request.path}"
            return tell(request, problem_of(error, where))

    return shielded


def problem_of(error: Exception, where: str) -> Problem:
    """The problem that an error stands for; a fault of ours goes to the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ConnectionError):
        return Problem("bad_request", "the request did not arrive whole")
    if isinstance(error, OSError | sqlite3.Error):
        return _machine(error)
    log.error("%s", where, exc_info=error)
    return Problem("internal", "the service met a fault; its log has it")


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk has no room."""
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in FULL


def _machine(error: OSError | sqlite3.Error) -> Problem:
    log.error("the disk: %s", error)
    if is_full(error):
        return Problem("disk_full", "no room; nothing was started")
    return Problem("internal", "the service met a fault; its log has it")
