"""Handlers for jobs that run by themselves: look, and delete."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from orchestrator.service.dialects.convertapi.answer import reply
from orchestrator.service.dialects.convertapi.ids import job_id
from orchestrator.service.dialects.convertapi.order import NAME
from orchestrator.service.dialects.convertapi.refusal import Refusal
from orchestrator.service.jobs import Job
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.problems import Problem

REMEMBERED = 100_000
BUSY = "No concurrent poll requests are allowed."


class Polls:
    """Who polls which job: one at a time, and the first is answered at once."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._seen: OrderedDict[str, None] = OrderedDict()

    @contextmanager
    def turn(self, name: str) -> Iterator[bool]:
        """Hold a job's only turn; tells whether it is the first.

        Raises:
            Refusal: another poll of this job is open.
        """
        if name in self._open:
            raise Refusal(503, 503, BUSY)
        is_first = name not in self._seen
        self._seen[name] = None
        self._seen.move_to_end(name)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self._open.add(name)
        try:
            yield is_first
        finally:
            self._open.discard(name)


POLLS = web.AppKey("convertapi_polls", Polls)


async def get_job(request: web.Request) -> web.StreamResponse:
    """``GET /job/{id}`` and ``GET /async/job/{id}``; they need no key."""
    context = request.app[CONTEXT]
    name = job_id(request.match_info["id"]) or ""
    job = _find(request, name)
    if job is None:
        return web.Response(status=202 if context.desk.is_receiving(name) else 404)
    with request.app[POLLS].turn(name) as is_first:
        if not is_first and not job.state.is_ended:
            await _hold(request, name)
        job = _find(request, name)
    if job is None:
        return web.Response(status=404)
    return await reply(request, job) if job.state.is_ended else web.Response(status=202)


async def delete_job(request: web.Request) -> web.Response:
    """``DELETE /job/{id}`` and ``DELETE /async/job/{id}``."""
    name = job_id(request.match_info["id"]) or ""
    if _find(request, name) is None:
        return web.Response(status=404)
    await request.app[CONTEXT].desk.delete(name)
    return web.Response()


async def _hold(request: web.Request, name: str) -> None:
    """Wait a while for the end of a job."""
    context = request.app[CONTEXT]
    try:
        async with asyncio.timeout(context.settings.hold):
            await context.desk.ended(name)
    except (TimeoutError, Problem):
        return


def _find(request: web.Request, name: str) -> Job | None:
    """A job of this dialect that can still be asked for."""
    context = request.app[CONTEXT]
    try:
        job = context.desk.find(name)
    except Problem:
        return None
    is_gone = job.has_expired(context.clock.now())
    return None if is_gone or job.order.dialect != NAME else job
