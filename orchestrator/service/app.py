"""The route table, and what stands before every handler."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web import BaseRequest

from orchestrator.service import dialects
from orchestrator.service.auth import Keys
from orchestrator.service.faults import problem_of
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


def make_app(context: Context) -> web.Application:
    """The application over the parts of a running service."""
    app = web.Application(middlewares=[_errors, _guard(context.keys)])
    app[CONTEXT] = context
    app.add_routes(ROUTES)
    dialects.setup(app)
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
            request.path,
            response.status,
            response.body_length,
            time * 1000,
        )


def _guard(keys: Keys) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path
        if path.startswith("/v1/") and not path.startswith("/v1/uploads/"):
            keys.check(request.headers.get("Authorization", ""))
        return await handler(request)

    return guard


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        told = _tell(problem_of(error, request))
        told.headers.update({k: v for k, v in error.headers.items() if k == "Allow"})
        return told
    except Exception as error:  # noqa: BLE001 -- it is told, and logged if it is a bug
        return _tell(problem_of(error, request))


def _tell(problem: Problem) -> web.Response:
    response = answer({"error": problem.view()}, problem.kind.status)
    response.headers.update(problem.headers())
    return response
