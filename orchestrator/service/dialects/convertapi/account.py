"""Handlers that tell of the account; here all of it is free."""

from __future__ import annotations

from aiohttp import web

from orchestrator.service.dialects.convertapi.accept import wanted
from orchestrator.service.dialects.convertapi.answer import show
from orchestrator.service.native.context import CONTEXT

TOTAL = 1_000_000_000


async def get_user(request: web.Request) -> web.Response:
    """``GET /user``: what was consumed is the bill of all dialects together."""
    return show(
        {
            "Secret": "",  # the caller knows it; it is not for telling
            "ApiKey": 1,
            "Active": True,
            "Status": "Active",
            "FullName": "orchestrator",
            "Email": "",
            "ConversionsTotal": TOTAL,
            "ConversionsConsumed": _consumed(request),
            "SecondsLeft": TOTAL - _consumed(request),
        }
    )


async def get_statistic(request: web.Request) -> web.Response:
    """``GET /user/statistic``: one number, whatever the dates."""
    consumed = _consumed(request)
    if "text/csv" in wanted(request.headers.get("Accept", "")):
        text = f"ConversionsConsumed\r\n{consumed}\r\n"
        return web.Response(text=text, content_type="text/csv")
    return show([{"ConversionsConsumed": consumed}])


def _consumed(request: web.Request) -> int:
    return request.app[CONTEXT].desk.bill().accepted
