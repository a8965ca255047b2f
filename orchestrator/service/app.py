"""The route table, and what stands before every handler."""

from __future__ import annotations

import re

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web import BaseRequest

from orchestrator.service.auth import Keys
from orchestrator.service.dialects import table
from orchestrator.service.dialects.compdf.counter import Counter
from orchestrator.service.dialects.compdf.mount import PREFIX, make_compdf
from orchestrator.service.dialects.compdf.window import tell as tell_compdf
from orchestrator.service.faults.wire import faults
from orchestrator.service.native import designs, jobs, results, submit
from orchestrator.service.native.context import CONTEXT, Context, answer
from orchestrator.service.problems import Problem
from orchestrator.service.shield import shield

ROUTES = [
    web.get("/healthz", jobs.get_health),
    web.get("/formats", jobs.get_formats),
    web.get("/v1/formats", jobs.get_formats),
    web.post("/v1/jobs", submit.post_job),
    web.put("/v1/jobs/{id}", submit.put_job),
    web.post("/v1/jobs/{id}/execute", submit.execute),
    web.put(r"/v1/uploads/{id}/{n:\d{1,6}}", submit.upload),
    web.put(r"/v1/uploads/{id}/{n:\d{1,6}}/{part:[1-9]\d{0,5}}", submit.upload),
    web.get("/v1/jobs", jobs.list_jobs),
    web.get("/v1/jobs/{id}", jobs.get_job),
    web.get(r"/v1/jobs/{id}/results/{n:\d{1,6}}", results.get_result),
    web.delete("/v1/jobs/{id}", jobs.delete_job),
    web.post("/v1/deletions", jobs.delete_jobs),
    web.get("/v1/bill", jobs.get_bill),
    web.get("/v1/faults", jobs.get_faults),
    web.get("/v1/designs", designs.list_designs),
    web.get("/v1/designs/{name}/{version}", designs.get_design),
]
OPENS = re.compile(
    "([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    "|(?<=/)([0-9a-z]{8})[0-9a-z]{24}(?=/|$)",
    re.IGNORECASE,
)


def make_app(context: Context, compdf: Counter) -> web.Application:
    """The application over the parts of a running service."""
    keys = Keys(context.settings.keys)
    words = {each.name: each.tell for each in table.DIALECTS}
    words["compdf"] = tell_compdf
    rig = faults(context.injector, words)
    app = web.Application(middlewares=[shield(_tell), rig, _guard(keys)])
    app[CONTEXT] = context
    app.add_routes(ROUTES)
    for each in table.DIALECTS:
        app.add_routes(each.routes)
        if each.setup is not None:
            each.setup(app)
    app.add_subapp(PREFIX, make_compdf(context, compdf))
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


def _tell(request: web.Request, problem: Problem) -> web.Response:
    dialect = table.of(request.path)
    if dialect is not None:
        return dialect.tell(request, problem)
    response = answer({"error": problem.view()}, problem.kind.status)
    response.headers.update(problem.headers())
    return response
