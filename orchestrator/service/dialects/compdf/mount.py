"""The routes of both generations, and who may use them."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from orchestrator.service.auth import Keys
from orchestrator.service.dialects.compdf import first, objects, second, window
from orchestrator.service.dialects.compdf.counter import Counter
from orchestrator.service.dialects.compdf.seals import check_token
from orchestrator.service.dialects.compdf.window import WINDOW, Window, tell
from orchestrator.service.native.context import CONTEXT, Context
from orchestrator.service.problems import Problem
from orchestrator.service.shield import shield

PREFIX = "/server"
OPEN = ("/v1/oauth/token", "/v1/tool/support")
ROUTES = [
    web.post("/v1/oauth/token", first.oauth_token),
    web.get("/v1/task/taskInfo", window.task_info),
    web.get("/v1/task/list", window.task_list),
    web.post("/v1/task/closeTask", window.close_task),
    web.get("/v1/task/{tool:.+}", first.create_task),
    web.post("/v1/file/upload", first.upload),
    web.get("/v1/file/fileInfo", window.file_info),
    web.get("/v1/execute/start", first.start),
    web.get("/v1/tool/support", window.tool_support),
    web.get("/v1/asset/info", window.asset_info),
    web.post("/v2/process/{tool:.+}", second.process),
    web.post("/v2/processAsync/{tool:.+}", second.process_async),
    web.post("/v2/presignedUrl", second.presigned_url),
    web.post("/v2/presignedUrl/{tool:.+}", second.presigned_url),
    web.get("/v2/execute/start", second.start),
    web.post("/v2/execute/start", second.start),
    web.get("/v2/task/taskInfo", window.task_info),
    web.get("/v2/task/list", window.task_list),
    web.post("/v2/task/closeTask", window.close_task),
    web.get("/v2/file/fileInfo", window.file_info),
    web.get("/v2/tool/support", window.tool_support),
    web.get("/v2/asset/info", window.asset_info),
    web.put("/storage/{key}", objects.put_object),
    web.get("/storage/{key}", objects.get_object),
]


def make_compdf(context: Context, counter: Counter) -> web.Application:
    """The dialect as an application of its own, to be mounted at ``/server``."""
    app = web.Application(middlewares=[shield(tell), _guard(context)])
    app[CONTEXT] = context
    app[WINDOW] = Window(context, counter)
    app.add_routes(ROUTES)
    return app


def _guard(context: Context) -> Middleware:
    keys = Keys(context.settings.keys)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        if path.startswith("/v2/"):
            if not keys.fits(request.headers.get("x-api-key", "")):
                raise Problem("unauthorized", "the header x-api-key fails")
        elif path.startswith("/v1/") and path not in OPEN:
            _check_bearer(request, context)
        return await handler(request)

    return guard


def _check_bearer(request: web.Request, context: Context) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Problem("unauthorized", "the header Authorization: Bearer TOKEN fails")
    keys, now = context.settings.keys, context.clock.now()
    check_token(context.links, keys, given.strip(), now)
