"""Handlers that take conversions, at once or for later."""

from __future__ import annotations

import asyncio

from aiohttp import web

from orchestrator.model import Mode
from orchestrator.service.dialects.convertapi import order as orders
from orchestrator.service.dialects.convertapi.accept import form
from orchestrator.service.dialects.convertapi.answer import late, reply, show
from orchestrator.service.dialects.convertapi.gather import Gathering
from orchestrator.service.dialects.convertapi.order import Aim
from orchestrator.service.dialects.convertapi.params import flag
from orchestrator.service.dialects.convertapi.reading import is_raw, read
from orchestrator.service.jobs import Order
from orchestrator.service.native.context import CONTEXT, Context
from orchestrator.service.storage import Tray


async def convert(request: web.Request) -> web.StreamResponse:
    """``POST /convert/{from}/to/{to}``, and with ``Async=true`` the first async."""
    return await _take(request, generation=1)


async def convert_async(request: web.Request) -> web.StreamResponse:
    """``POST /async/convert/{from}/to/{to}``."""
    return await _take(request, generation=2)


async def _take(request: web.Request, *, generation: int) -> web.StreamResponse:
    context = request.app[CONTEXT]
    early = {name.lower(): value for name, value in request.query.items()}
    name = orders.own_id(early) or ""
    context.desk.check_room(name)
    if not name:
        order = await _accept(request, context, generation)
    else:
        with context.desk.receiving(name):
            order = await _accept(request, context, generation)
    if order.mode is Mode.ASYNC:
        return show({"JobId": order.id})
    return await _finished(request, context, order.id)


async def _accept(request: web.Request, context: Context, generation: int) -> Order:
    tray = context.desk.tray()
    try:
        order = await _read(request, context, tray, generation)
        await context.desk.submit(order, tray)
    except BaseException:
        await tray.discard()
        raise
    return order


async def _read(
    request: web.Request, context: Context, tray: Tray, generation: int
) -> Order:
    source = request.match_info["source"].lower()
    found = Gathering(tray)
    came_raw = is_raw(request)
    await read(request, found)
    texts = found.texts
    is_async = generation == 2 or flag(texts, "Async")
    chosen = form(
        request.headers.get("Accept"),
        is_download="download" in texts,
        is_raw=came_raw and not flag(texts, "StoreFile"),
    )
    await found.finish(request, source)
    aim = orders.aim(source, request.match_info["target"], found.names)
    order = orders.order(
        aim,
        texts,
        chosen,
        is_async=is_async,
        generation=generation,
        allow_private=context.settings.allow_private_urls,
    )
    await found.arrange(_names(context, found, aim), aim.source)
    return order


def _names(context: Context, found: Gathering, aim: Aim) -> list[str]:
    known = {each.source for each in context.desk.formats()}
    return orders.named(found.names, aim, known)


async def _finished(
    request: web.Request, context: Context, name: str
) -> web.StreamResponse:
    timeout = orders.extra_of(context.desk.find(name)).timeout
    try:
        async with asyncio.timeout(timeout):
            job = await context.desk.ended(name)
    except TimeoutError:
        raise late(timeout) from None
    return await reply(request, job)
