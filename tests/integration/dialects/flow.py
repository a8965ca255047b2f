"""ReportFlow's API for tests: bodies, headers, and a service that speaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from orchestrator.service.render.work import Renderer
from orchestrator.service.run import make_renderer
from orchestrator.service.settings import ServiceSettings
from tests.integration.serving import KEY, Client, running

SAMPLE = "550e8400-e29b-41d4-a716-446655440000"
PARAMS = {
    "customerName": "John Doe",
    "invoiceNumber": "INV-2024-001",
    "amount": 10000,
}
LEGACY = {"AppKey": KEY, "SecretKey": KEY}
CURRENT = {"appkey": KEY}


@dataclass(frozen=True)
class Reply:
    """What came of a request."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, Any, str]:
        """The error in the body; its status is that of the reply."""
        body = self.json
        assert set(body) == {"statusCode", "message", "error"}
        assert body["statusCode"] == self.status
        return self.status, body["message"], body["error"]


class Flow:
    """Speaks ReportFlow with a service."""

    def __init__(self, session: aiohttp.ClientSession, native: Client) -> None:
        self.session = session
        self.native = native
        self.url = native.url

    async def ask(
        self, method: str, path: str, headers: Any = None, **options: Any
    ) -> Reply:
        """Ask; no credentials unless the headers have them."""
        url = path if path.startswith("http") else self.url + path
        async with self.session.request(
            method, url, headers=headers or {}, **options
        ) as reply:
            return Reply(reply.status, reply.headers, await reply.read())

    async def single(
        self, how: str = "async", headers: Any = CURRENT, **changes: Any
    ) -> Reply:
        """Ask for one file."""
        path = f"/v1/file/{how}/single"
        return await self.ask("POST", path, headers, json=wanted(**changes))

    async def multiple(
        self, names: list[str], how: str = "async", headers: Any = CURRENT, **more: Any
    ) -> Reply:
        """Ask for several files."""
        contents = [{"fileName": each, "params": PARAMS, **more} for each in names]
        body = {"designId": SAMPLE, "version": 1, "contents": contents}
        path = f"/v1/file/{how}/multiple"
        return await self.ask("POST", path, headers, json=body)

    async def until_made(self, url: str, headers: Any = None) -> Reply:
        """HEAD an address until the file is there."""
        while (reply := await self.ask("HEAD", url, headers)).status != 200:
            assert reply.status == 409
            await asyncio.sleep(0.02)
        return reply


def wanted(
    *, design: Any = SAMPLE, version: Any = 1, name: Any = "invoice.pdf", **content: Any
) -> dict[str, Any]:
    """The body of a request for one file."""
    whole = {"fileName": name, "params": PARAMS, **content}
    return {"designId": design, "version": version, "content": whole}


@asynccontextmanager
async def flowing(
    data: Path, renderer: Renderer | None = None, **changes: Any
) -> AsyncIterator[Flow]:
    """A service in this process, and a client of the dialect."""
    limitless = aiohttp.TCPConnector(limit=0)
    async with (
        running(data, renderer, **changes) as native,
        aiohttp.ClientSession(connector=limitless) as session,
    ):
        yield Flow(session, native)


def press(data: Path) -> Renderer:
    """The real renderer."""
    return make_renderer(ServiceSettings(data=data, keys=(), webhook_secret=""))
