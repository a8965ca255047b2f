"""The first generation: a token, a task, its files, then its start."""

from __future__ import annotations

import msgspec
from aiohttp import web

from orchestrator.service.auth import Keys
from orchestrator.service.dialects.compdf import seals, tasks, tools
from orchestrator.service.dialects.compdf.codes import BAD_KEYS, Refusal
from orchestrator.service.dialects.compdf.form import single
from orchestrator.service.dialects.compdf.window import (
    WINDOW,
    counter,
    options,
    read,
    success,
    task_id,
)

LONGEST_BODY = 64 * 1024


class Pair(msgspec.Struct, rename="camel"):
    """The two halves of a key; here they are the same."""

    public_key: str
    secret_key: str


async def oauth_token(request: web.Request) -> web.Response:
    """``POST v1/oauth/token``: a token for a pair of keys.

    Raises:
        Refusal: the pair is wrong.
    """
    context = request.app[WINDOW].context
    pair = await _pair(request)
    keys = Keys(context.settings.keys)
    if pair is None or not keys.fits(pair.public_key) or not keys.fits(pair.secret_key):
        raise Refusal(BAD_KEYS, "the keys are wrong")
    return success(
        {
            "accessToken": seals.token(
                context.links, pair.secret_key, context.clock.now()
            ),
            "tokenType": "bearer",
            "expiresIn": str(seals.TOKEN_LIFE),
            "scope": "server",
            "projectName": "local",
        }
    )


async def create_task(request: web.Request) -> web.Response:
    """``GET v1/task/{executeTypeUrl}``."""
    desk = counter(request)
    tool = tools.check(tools.tool(request.match_info["tool"]), desk.desk.formats())
    task = desk.new(tool, request.query.get("callbackUrl", ""))
    await desk.open(task)
    return success({"taskId": task.id})


async def upload(request: web.Request) -> web.Response:
    """``POST v1/file/upload``: one file for a task, parts in any order."""
    desk = counter(request)
    desk.desk.check_room("")
    form = await read(request)
    try:
        task = desk.tasks.find(task_id(form.get("taskId")))
        tasks.check_place(task, request.app[WINDOW].context.clock.now())
        key = await desk.put(task, single(form), options(form))
    except BaseException:
        await form.discard()
        raise
    return success({"fileKey": key, "fileUrl": ""})


async def start(request: web.Request) -> web.Response:
    """``GET v1/execute/start?taskId=…``."""
    task = await counter(request).start(task_id(request.query.get("taskId", "")))
    return success({"taskId": task.id})


async def _pair(request: web.Request) -> Pair | None:
    body = await request.content.read(LONGEST_BODY)
    try:
        return msgspec.json.decode(body, type=Pair)
    except msgspec.DecodeError:
        return None
