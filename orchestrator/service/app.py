"""The route table, and what stands before every handler."""

from __future__ import annotations

import errno
import logging
import re
import sqlite3

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web import BaseRequest

from orchestrator.service.auth import Keys
from orchestrator.service.dialects import table
from orchestrator.service.native import designs, jobs, results, submit
from orchestrator.service.native.context import CONTEXT, Context, answer
from orchestrator.service.problems import Problem

log = logging.getLogger(__name__)
ROUTES = [
    web.get("/healthz", jobs.get_health),
    web.get("/formats", jobs.get_formats),
    web.get("/v1/formats", jobs.get_formats),
    web.post("/v1/jobs", submit.post_job),
    web.put("/v1/jobs/{id}", submit.put_job),
    web.post("/v1/jobs/{id}/execute", submit.execute),
    web.put(r"/v1/uploads/{id}/{n:\d{1,6}}", submit.upload),
    web.get("/v1/jobs", jobs.list_jobs),
    web.get("/v1/jobs/{id}", jobs.get_job),
    web.get(r"/v1/jobs/{id}/results/{n:\d{1,6}}", results.get_result),
    web.delete("/v1/jobs/{id}", jobs.delete_job),
    web.get("/v1/bill", jobs.get_bill),
    web.get("/v1/designs", designs.list_designs),
    web.get("/v1/designs/{name}/{version}", designs.get_design),
]
CODES = {404: "not_found", 405: "wrong_method", 413: "too_large"}
OPENS = re.compile(
    "([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    "|(?<=/)([0-9a-z]{8})[0-9a-z]{24}(?=/|$)",
    re.IGNORECASE,
)
FULL = (errno.ENOSPC, errno.EDQUOT)


def make_app(context: Context) -> web.Application:
    """The application over the parts of a running service."""
    keys = Keys(context.settings.keys)
    app = web.Application(middlewares=[_errors, _guard(keys)])
    app[CONTEXT] = context
    app.add_routes(ROUTES)
    for each in table.DIALECTS:
        app.add_routes(each.routes)
        if each.setup is not None:
            each.setup(app)
    return app


class AccessLog(AbstractAccessLogger):
    """One line a request, without queries (they sign links) and without headers."""

    def log(
        self, request: BaseRequest, response: web.StreamResponse, time: float
    ) -> None:
        """Write the line."""
        self.logger.info(
            "%s %s %d %d %.1f ms",
            request.method,
            _shown(request.path),
            response.status,
            response.body_length,
            time * 1000,
        )


def _shown(path: str) -> str:
    """A path for the log: in dialects, an id may be all that opens a file."""
    return path if table.of(path) is None else OPENS.sub(r"\1\2…", path)


def _guard(keys: Keys) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path
        dialect = table.of(path)
        if dialect is not None:
            dialect.admit(request, keys)
        elif path.startswith("/v1/") and not path.startswith("/v1/uploads/"):
            keys.check(request.headers.get("Authorization", ""))
        return await handler(request)

    return guard


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return _tell(request, problem)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        told = _tell(
            request, Problem(CODES.get(error.status, "bad_request"), error.reason)
        )
        told.headers.update({k: v for k, v in error.headers.items() if k == "Allow"})
        return told
    except ConnectionError:
        return _tell(
            request, Problem("bad_request", "the request did not arrive whole")
        )
    except (OSError, sqlite3.Error) as error:
        return _tell(request, _machine(error))
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return _tell(
            request, Problem("internal", "the service met a fault; its log has it")
        )


def _machine(error: OSError | sqlite3.Error) -> Problem:
    log.error("the disk: %s", error)
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in FULL:
        return Problem("disk_full", "no room; nothing was started")
    return Problem("internal", "the service met a fault; its log has it")


def _tell(request: web.Request, problem: Problem) -> web.Response:
    dialect = table.of(request.path)
    if dialect is not None:
        return dialect.tell(request, problem)
    response = answer({"error": problem.view()}, problem.kind.status)
    response.headers.update(problem.headers())
    return response
