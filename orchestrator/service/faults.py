"""What an exception that met a request means to the caller."""

from __future__ import annotations

import errno
import logging
import sqlite3

from aiohttp import web

from orchestrator.service.problems import Problem

log = logging.getLogger(__name__)
CODES = {404: "not_found", 405: "wrong_method", 413: "too_large"}
FULL = (errno.ENOSPC, errno.EDQUOT)
FAULT = "the service met a fault; its log has it"


def problem_of(error: Exception, request: web.Request) -> Problem:
    """The problem to tell of; a fault of our own is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, web.HTTPException):
        return Problem(CODES.get(error.status, "bad_request"), error.reason)
    if isinstance(error, ConnectionError):
        return Problem("bad_request", "the request did not arrive whole")
    if isinstance(error, OSError | sqlite3.Error):
        return _machine(error)
    log.error("%s %s", request.method, request.path, exc_info=error)
    return Problem("internal", FAULT)


def _machine(error: OSError | sqlite3.Error) -> Problem:
    log.error("the disk: %s", error)
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in FULL:
        return Problem("disk_full", "no room; nothing was started")
    return Problem("internal", FAULT)
