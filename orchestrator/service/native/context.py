"""What every handler reaches for."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from orchestrator.clock import Clock
from orchestrator.model import Mode
from orchestrator.service.depot import Depot
from orchestrator.service.desk import Desk
from orchestrator.service.faults.injector import Injector
from orchestrator.service.jobs import ID, Job
from orchestrator.service.links import Links
from orchestrator.service.problems import Problem
from orchestrator.service.rates import Rates
from orchestrator.service.settings import ServiceSettings
from orchestrator.service.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the service that handlers use."""

    desk: Desk
    links: Links
    depot: Depot
    clock: Clock
    settings: ServiceSettings
    rates: Rates
    shelf: Shelf
    injector: Injector = field(default_factory=Injector)


CONTEXT = web.AppKey("context", Context)


def job_id(request: web.Request) -> str:
    """The id in the path.

    Raises:
        Problem: it is not one.
    """
    text = request.match_info["id"]
    if not ID.fullmatch(text):
        raise Problem("bad_request", "an id is 1 to 64 of A-Z a-z 0-9 - _")
    return text


def number(text: str, name: str, *, least: int = 0, most: int = 2**31) -> int:
    """A plain number of a path or a query.

    Raises:
        Problem: it is not one.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Problem("bad_request", f"{name} is a number, not {text[:20]!r}")
    if not least <= int(text) <= most:
        raise Problem("bad_request", f"{name} is a number from {least} to {most}")
    return int(text)


def mode(request: web.Request) -> Mode:
    """The mode in the query.

    Raises:
        Problem: there is no such mode.
    """
    text = request.query.get("mode", "")
    if text not in list(Mode):
        raise Problem("bad_request", f"mode is one of {', '.join(Mode)}, not {text!r}")
    return Mode(text)


def answer(value: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


def show(request: web.Request, job: Job, status: int = 200) -> web.Response:
    """An answer that shows a job."""
    context = request.app[CONTEXT]
    origin = str(request.url.origin())
    return answer(view(job, context, origin), status)


def view(job: Job, context: Context, origin: str) -> dict[str, object]:
    """A job as the API shows it; links are signed afresh each time."""
    order = job.order
    error = None if job.error is None else Problem(*job.error)
    return {
        "id": job.id,
        "state": job.state,
        "mode": order.mode,
        "operation": order.operation,
        "source": order.source,
        "target": order.target,
        "design": order.design,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "expires": job.expires,
        "converter": job.converter or None,
        "warnings": job.warnings,
        "units": 1,
        "uploads": _uploads(job, context, origin),
        "results": _results(job),
        "error": error and {**error.view(), "retry": False},
    }


def _uploads(job: Job, context: Context, origin: str) -> list[dict[str, object]]:
    if not job.is_presigned or job.state.is_ended:
        return []
    uploads: list[dict[str, object]] = []
    for n, each in enumerate(job.inputs):
        for part in job.parts(n) or (None,):
            link = context.depot.upload(job, n, part, origin=origin)
            shown = {"url": link.url, "expires": link.expires, "received": True}
            if not each.is_received:
                shown["received"] = part is not None and part.n in each.parts
            if part is not None:
                shown |= {"part": part.n, "offset": part.offset, "size": part.size}
            uploads.append({"file": n, **shown})
    return uploads


def _results(job: Job) -> list[dict[str, object]]:
    return [
        {
            "n": n,
            "name": each.name,
            "url": f"/v1/jobs/{job.id}/results/{n}",
            "size": each.size,
            "sha256": each.sha256,
        }
        for n, each in enumerate(job.results)
    ]
