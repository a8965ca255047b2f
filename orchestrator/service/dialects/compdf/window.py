"""What the handlers of both generations reach for, and the calls that are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from orchestrator.service.dialects.compdf import codes, tools
from orchestrator.service.dialects.compdf.codes import INVALID, NO_TASK_ID, Refusal
from orchestrator.service.dialects.compdf.counter import Counter
from orchestrator.service.dialects.compdf.form import Form, Reader
from orchestrator.service.dialects.compdf.views import Viewer
from orchestrator.service.native.context import Context
from orchestrator.service.problems import Problem

ALLOWANCE = 1_000_000
"""Files that the account of a rehearsal begins with."""
LARGEST_PAGE = 500
_KNOWN = ("taskId", "fileName", "language", "callbackUrl", "executeTypeUrl", "fileKey")


@dataclass(frozen=True, slots=True)
class Window:
    """The parts of the service that these handlers use."""

    context: Context
    counter: Counter


WINDOW = web.AppKey("window", Window)


def counter(request: web.Request) -> Counter:
    """Who does the work."""
    return request.app[WINDOW].counter


def viewer(request: web.Request) -> Viewer:
    """Who shows things to this caller."""
    context = request.app[WINDOW].context
    return Viewer(context.links, str(request.url.origin()), context.clock.now())


def success(data: object) -> web.Response:
    """The envelope of what worked."""
    return _envelope(codes.SUCCESS, "success", data)


def failed(number: str, message: str, data: object) -> web.Response:
    """The envelope of a request that worked, for a file that did not."""
    return _envelope(number, message, data)


def tell(_: web.Request, problem: Problem) -> web.Response:
    """The envelope of what did not."""
    status = codes.status(problem)
    response = _envelope(codes.number(problem), problem.message, None, status)
    response.headers.update(problem.headers())
    return response


async def read(request: web.Request) -> Form:
    """The form of a request."""
    return await Reader(counter(request).desk.tray).read(request)


def options(form: Form) -> dict[str, Any]:
    """The options in a form."""
    return tools.options(form.fields, _KNOWN)


def task_id(found: str) -> str:
    """The id that a request names.

    Raises:
        Refusal: it names none.
    """
    if not found:
        raise Refusal(NO_TASK_ID, "taskId is missing")
    return found


async def task_info(request: web.Request) -> web.Response:
    """``task/taskInfo?taskId=…``."""
    task = counter(request).tasks.find(task_id(request.query.get("taskId", "")))
    return success(viewer(request).task(task))


async def file_info(request: web.Request) -> web.Response:
    """``file/fileInfo?fileKey=…``."""
    task, file = counter(request).tasks.file(request.query.get("fileKey", ""))
    return success(viewer(request).file(task, file))


async def task_list(request: web.Request) -> web.Response:
    """``task/list?page=…&size=…``; the Python client says ``pageSize``."""
    query, tasks = request.query, counter(request).tasks
    page = _number(query.get("page", "1"), "page", 2**31)
    size = _number(query.get("size", query.get("pageSize", "10")), "size", LARGEST_PAGE)
    found = tasks.page(page, size)
    shown = viewer(request).page(found, page=page, size=size, total=tasks.count())
    return success(shown)


async def close_task(request: web.Request) -> web.Response:
    """``task/closeTask?taskId=…``: the answer has no data."""
    form = await read(request)
    await form.discard()
    await counter(request).close(task_id(form.get("taskId")))
    return web.json_response({"code": codes.SUCCESS, "msg": "success"})


async def tool_support(request: web.Request) -> web.Response:
    """``tool/support``: what this instance can do."""
    return success(tools.supported(counter(request).desk.formats()))


async def asset_info(request: web.Request) -> web.Response:
    """``asset/info``: what is left, counted down by the bill."""
    left = ALLOWANCE - counter(request).desk.bill().accepted
    asset = {"assetTypeName": "API", "asset": left, "withholdingAsset": 0}
    return success({"tenantAsset": [asset]})


def _number(text: str, name: str, most: int) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 11
    if not is_number or not 1 <= int(text) <= most:
        raise Refusal(INVALID, f"{name} is a number from 1 to {most}")
    return int(text)


def _envelope(
    number: str, message: str, data: object, status: int = 200
) -> web.Response:
    body = msgspec.json.encode({"code": number, "msg": message, "data": data})
    return web.Response(body=body, status=status, content_type="application/json")
