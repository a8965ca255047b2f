"""Handlers that look jobs up, and delete them."""

from __future__ import annotations

from importlib.metadata import version

from aiohttp import web

from orchestrator.service.jobs import JobState
from orchestrator.service.native.context import (
    CONTEXT,
    answer,
    job_id,
    number,
    show,
    view,
)
from orchestrator.service.native.reading import read_ids
from orchestrator.service.problems import Problem


async def get_job(request: web.Request) -> web.Response:
    """``GET /v1/jobs/{id}``."""
    desk, name = request.app[CONTEXT].desk, job_id(request)
    try:
        job = await desk.look(desk.find(name))
    except Problem:
        if desk.is_receiving(name):
            return answer({"id": name, "state": JobState.RECEIVING})
        raise
    if desk.has_no_room and job.state in (JobState.QUEUED, JobState.RUNNING):
        why = "the job is accepted, and waits for room on the service's disk"
        raise Problem("disk_full", why)
    return show(request, job)


async def list_jobs(request: web.Request) -> web.Response:
    """``GET /v1/jobs?state=…&after=…&limit=…``."""
    context, query = request.app[CONTEXT], request.query
    state = query.get("state")
    if state is not None and state not in list(JobState):
        raise Problem("bad_request", f"there is no state {state[:20]!r}")
    limit = number(query.get("limit", "100"), "limit", least=1, most=1000)
    jobs = context.desk.page(
        state=JobState(state) if state else None,
        after=query.get("after", ""),
        limit=limit + 1,
    )
    shown = jobs[:limit]
    origin = str(request.url.origin())
    return answer(
        {
            "jobs": [view(job, context, origin) for job in shown],
            "next": shown[-1].id if len(jobs) > limit else None,
        }
    )


async def delete_job(request: web.Request) -> web.Response:
    """``DELETE /v1/jobs/{id}``."""
    await request.app[CONTEXT].desk.delete(job_id(request))
    return web.Response(status=204)


async def delete_jobs(request: web.Request) -> web.Response:
    """``POST /v1/deletions``: those that are known; the others change nothing."""
    await request.app[CONTEXT].desk.delete_all(await read_ids(request))
    return web.Response(status=204)


async def get_bill(request: web.Request) -> web.Response:
    """``GET /v1/bill``."""
    return answer(request.app[CONTEXT].desk.bill())


async def get_faults(request: web.Request) -> web.Response:
    """``GET /v1/faults``."""
    return answer(request.app[CONTEXT].injector.view())


async def get_formats(request: web.Request) -> web.Response:
    """``GET /formats``."""
    return answer({"formats": list(request.app[CONTEXT].desk.formats())})


async def get_health(_: web.Request) -> web.Response:
    """``GET /healthz``."""
    return answer({"status": "ok", "version": version("document-orchestrator")})
