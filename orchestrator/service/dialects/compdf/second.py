"""The second generation: three ways to hand files over, one key in a header."""

from __future__ import annotations

from aiohttp import web

from orchestrator.model import Mode
from orchestrator.service.dialects.compdf import codes, tools
from orchestrator.service.dialects.compdf.codes import (
    EMPTY,
    INVALID,
    NEEDS_FILE,
    ONE_FILE_ONLY,
    Refusal,
)
from orchestrator.service.dialects.compdf.counter import Counter
from orchestrator.service.dialects.compdf.form import Form
from orchestrator.service.dialects.compdf.tasks import Task
from orchestrator.service.dialects.compdf.tools import Tool
from orchestrator.service.dialects.compdf.window import (
    WINDOW,
    counter,
    failed,
    options,
    read,
    success,
    task_id,
    viewer,
)
from orchestrator.service.storage import clean_name


async def process(request: web.Request) -> web.Response:
    """``POST v2/process/{executeTypeUrl}``: the answer comes when the work is done."""
    task = await _submit(request, Mode.SYNC)
    task = await counter(request).ended(task)
    shown = viewer(request).superset(task)
    error = next((each.error for each in task.files if each.error), None)
    if error is None:
        return success(shown)
    number = codes.failure(error[0], task.files[0].order.source)
    return failed(number, error[1], shown)


async def process_async(request: web.Request) -> web.Response:
    """``POST v2/processAsync/{executeTypeUrl}``: the answer comes at once."""
    task = await _submit(request, Mode.ASYNC)
    return success(viewer(request).task(task))


async def presigned_url(request: web.Request) -> web.Response:
    """``POST v2/presignedUrl[/{executeTypeUrl}]``: a link for one file.

    A form that names a task adds to it; any other opens one.
    """
    desk, form = counter(request), await read(request)
    await form.discard()
    name = clean_name(form.get("fileName")) if form.get("fileName") else ""
    if not name:
        raise Refusal(INVALID, "fileName is missing")
    is_new = not form.get("taskId")
    task = _new(request, desk, form) if is_new else desk.tasks.find(form.get("taskId"))
    key = await desk.promise(task, name, options(form), is_new=is_new)
    life = request.app[WINDOW].context.settings.link_life
    url = viewer(request).upload(key, life)
    return success({"taskId": task.id, "presignedUrl": url, "fileKey": key})


async def start(request: web.Request) -> web.Response:
    """``GET`` or ``POST v2/execute/start?taskId=…``."""
    form = await read(request)
    await form.discard()
    task = await counter(request).start(task_id(form.get("taskId")))
    return success(viewer(request).task(task))


def _new(request: web.Request, desk: Counter, form: Form) -> Task:
    name = request.match_info.get("tool") or form.get("executeTypeUrl")
    tool = tools.check(tools.tool(name), desk.desk.formats())
    return desk.new(tool, form.get("callbackUrl"))


async def _submit(request: web.Request, mode: Mode) -> Task:
    desk = counter(request)
    tool = tools.check(tools.tool(request.match_info["tool"]), desk.desk.formats())
    desk.desk.check_room("")
    form = await read(request)
    try:
        _check_files(tool, form, mode)
        callback = form.get("callbackUrl") if mode is Mode.ASYNC else ""
        return await desk.submit(
            desk.new(tool, callback), form.trays, options(form), mode
        )
    except BaseException:
        await form.discard()
        raise


def _check_files(tool: Tool, form: Form, mode: Mode) -> None:
    if not form.trays:
        raise Refusal(NEEDS_FILE, "the form has no part named file")
    if mode is Mode.SYNC and len(form.trays) > 1 and not tool.takes_many:
        raise Refusal(ONE_FILE_ONLY, "this call takes one file")
    if any(not each.inputs[0].size for each in form.trays):
        raise Refusal(EMPTY, "a file is empty")
