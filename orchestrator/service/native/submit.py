"""Handlers that take new work."""

from __future__ import annotations

import secrets

from aiohttp import web

from orchestrator.model import Mode
from orchestrator.service.jobs import Job, JobState
from orchestrator.service.native import record as records
from orchestrator.service.native.context import CONTEXT, Context, job_id, mode, show
from orchestrator.service.native.reading import raw, read_body, read_form
from orchestrator.service.native.results import send
from orchestrator.service.problems import Problem


async def put_job(request: web.Request) -> web.StreamResponse:
    """``PUT /v1/jobs/{id}?mode=…``."""
    return await _submit(request, job_id(request))


async def post_job(request: web.Request) -> web.StreamResponse:
    """``POST /v1/jobs?mode=…``: the service names the job."""
    return await _submit(request, secrets.token_hex(16))


async def execute(request: web.Request) -> web.StreamResponse:
    """``POST /v1/jobs/{id}/execute``."""
    accepted = await request.app[CONTEXT].desk.execute(job_id(request))
    return show(request, accepted.job, 202)


async def _submit(request: web.Request, name: str) -> web.StreamResponse:
    context, chosen = request.app[CONTEXT], mode(request)
    context.desk.check_room(name)
    with context.desk.receiving(name):
        if chosen is Mode.PRESIGNED:
            return show(request, await _create(request, context, name), 201)
        job = await _accept(request, context, name, chosen)
    if chosen is Mode.ASYNC:
        return show(request, job, 202)
    job = await context.desk.ended(name, may_leave=True)
    # What finds no room now is accepted all the same: it is asked for as an async job.
    return (
        await _finished(request, job) if job.state.is_ended else show(request, job, 202)
    )


async def _create(request: web.Request, context: Context, name: str) -> Job:
    record = await read_body(request)
    settings = context.settings
    inputs = records.declared(record, settings.max_body)
    records.check_files(record, len(inputs))
    order = records.order(
        record, name, Mode.PRESIGNED, allow_private=settings.allow_private_urls
    )
    accepted = await context.desk.create(order, inputs)
    is_news = accepted.is_replay or accepted.job.has_parts()
    return await context.desk.look(accepted.job) if is_news else accepted.job


async def _accept(
    request: web.Request, context: Context, name: str, chosen: Mode
) -> Job:
    tray = context.desk.tray()
    try:
        record = await read_form(request, tray)
        records.check_files(record, len(tray.inputs))
        allow = context.settings.allow_private_urls
        order = records.order(record, name, chosen, allow_private=allow)
        return (await context.desk.submit(order, tray)).job
    except BaseException:
        await tray.discard()
        raise


async def _finished(request: web.Request, job: Job) -> web.StreamResponse:
    if job.error is not None:
        raise Problem(*job.error)
    if job.state is JobState.EXPIRED:
        raise Problem("expired", "the result has expired")
    return await send(request, job, 0) if len(job.results) == 1 else show(request, job)


async def upload(request: web.Request) -> web.Response:
    """``PUT /v1/uploads/{id}/{n}[/{part}]?expires=…&signature=…``: no other key."""
    context, name = request.app[CONTEXT], job_id(request)
    n, part = int(request.match_info["n"]), int(request.match_info.get("part", "0"))
    context.links.check(
        name,
        f"{n}/{part}" if part else f"{n}",
        expires=request.query.get("expires", ""),
        signature=request.query.get("signature", ""),
        now=context.clock.now(),
    )
    length = request.content_length
    if length is None:
        raise Problem("length_required", "an upload needs Content-Length")
    if part:
        await context.desk.intake.receive_part(name, n, part, length, raw(request))
    else:
        await context.desk.intake.receive(name, n, length, raw(request))
    return web.Response(status=204)
