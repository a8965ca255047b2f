"""Handlers that take requests for files."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from orchestrator.model import Mode
from orchestrator.service.dialects.reportflow import body, designs, filed
from orchestrator.service.dialects.reportflow.admission import is_legacy
from orchestrator.service.dialects.reportflow.fetch import (
    count,
    ended,
    send_file,
    send_zip,
)
from orchestrator.service.dialects.reportflow.filed import Filed
from orchestrator.service.dialects.reportflow.refusal import (
    OVER_TIME,
    TOO_LARGE,
    Refused,
)
from orchestrator.service.jobs import Order
from orchestrator.service.native.context import CONTEXT, answer

MIB = 1024 * 1024
LARGEST = 50 * MIB
LARGEST_LEGACY = 20 * MIB
CHUNK = 256 * 1024
SYNC_A_MINUTE = 30
ASYNC_A_MINUTE = 100
# The framework of the API answers every POST so, and production was seen to; its
# clients take any 2xx with a PDF in it.
CREATED = 201


def later(*, many: bool) -> Handler:
    """``POST /v1/file/async/single`` and ``…/multiple``."""

    async def handler(request: web.Request) -> web.StreamResponse:
        count(request, "async", ASYNC_A_MINUTE)
        files = await _accept(request, Mode.ASYNC, many=many)
        return answer(filed.reply(files, many=many), 202)

    return handler


def now(*, many: bool) -> Handler:
    """``POST /v1/file/sync/single`` and ``…/multiple``."""

    async def handler(request: web.Request) -> web.StreamResponse:
        count(request, "sync", SYNC_A_MINUTE)
        files = await _accept(request, Mode.SYNC, many=many)
        names = [filed.job_id(each.request, each.n) for each in files]
        jobs = await ended(request, names, Refused(504, OVER_TIME))
        more = {
            "File-URL": files[0].url,
            "X-File-Mapping": filed.mapping(files),
        }
        if many:
            return await send_zip(request, jobs, status=CREATED, more=more)
        return await send_file(request, jobs[0], status=CREATED, more=more)

    return handler


async def _accept(request: web.Request, mode: Mode, *, many: bool) -> Sequence[Filed]:
    """Take the request for work, whole or not at all; durable when it returns."""
    context, legacy = request.app[CONTEXT], is_legacy(request)
    text = await _read(request, LARGEST_LEGACY if legacy else LARGEST)
    wanted = body.read(text, many=many, legacy=legacy)
    prepared = await designs.prepare(context.settings, wanted)
    webhook = context.settings.reportflow_webhook
    origin = str(request.url.origin())
    named = filed.new(
        wanted, origin=origin, legacy=legacy, keep_params=webhook is not None
    )
    files = [each for _, each in named]
    orders = [
        _order(each, mode, prepared.ref, params, webhook)
        for each, params in zip(files, prepared.params, strict=True)
    ]
    await context.desk.submit_all(orders)
    return files


def _order(
    about: Filed, mode: Mode, design: str, params: bytes, webhook: str | None
) -> Order:
    extra = {name: getattr(about, name) for name in about.__struct_fields__}
    return Order(
        id=filed.job_id(about.request, about.n),
        mode=mode,
        operation="generate",
        source="",
        target="pdf",
        params=params,
        design=design,
        webhook=webhook,
        dialect="reportflow",
        extra=extra,
    )


async def _read(request: web.Request, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise Refused(413, TOO_LARGE)
    text = bytearray()
    async for chunk in request.content.iter_chunked(CHUNK):
        text += chunk
        if len(text) > limit:
            raise Refused(413, TOO_LARGE)
    return bytes(text)
