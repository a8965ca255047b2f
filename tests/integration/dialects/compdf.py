"""A caller of the ComPDF dialect with nothing but aiohttp, and time that leaps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from orchestrator.clock import SystemClock
from orchestrator.service.render.work import Renderer
from orchestrator.service.run import make_renderer, serve
from orchestrator.service.settings import ServiceSettings
from tests.integration.serving import KEY, SECRET, Client, client, running

Said = tuple[int, Any]


class LeapingClock(SystemClock):
    """The clock of the machine, which a test can put forward."""

    def __init__(self) -> None:
        self.leapt = 0.0

    def now(self) -> float:
        """Seconds since the epoch, and what was leapt."""
        return super().now() + self.leapt

    async def sleep(self, seconds: float) -> None:
        """Wait so long; a leap counts."""
        until = self.now() + seconds
        while self.now() < until:
            await asyncio.sleep(min(0.02, max(0.0, until - self.now())))


@dataclass
class Caller:
    """Speaks the second generation, and the first with a token."""

    session: aiohttp.ClientSession
    url: str
    token: str = ""
    key: str = KEY

    async def ask(self, method: str, path: str, **options: Any) -> Said:
        """Status, and the envelope or the bytes."""
        url = path if path.startswith("http") else f"{self.url}/server/{path}"
        headers = {}
        if path.startswith("v2/"):
            headers["x-api-key"] = self.key
        if path.startswith("v1/") and self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        options.setdefault("headers", headers)
        async with self.session.request(method, url, **options) as reply:
            body = await reply.read()
            is_json = reply.content_type == "application/json"
            return reply.status, json.loads(body) if is_json else body

    async def good(self, method: str, path: str, **options: Any) -> Any:
        """The data of an answer that must be a success."""
        status, said = await self.ask(method, path, **options)
        assert (status, said["code"], said["msg"]) == (200, "200", "success"), said
        return said["data"]

    async def bad(self, method: str, path: str, **options: Any) -> str:
        """The code of an answer that must be a refusal under HTTP 200."""
        status, said = await self.ask(method, path, **options)
        assert status == 200, said
        assert said["msg"] != "success"
        assert said["data"] is None
        code: str = said["code"]
        return code

    async def task(self, wanted: str, version: str = "v2") -> Any:
        """A task as it stands."""
        return await self.good("GET", f"{version}/task/taskInfo?taskId={wanted}")

    async def until(self, wanted: str, *states: str) -> Any:
        """The task, once it stands there."""
        while (task := await self.task(wanted))["taskStatus"] not in states:
            await asyncio.sleep(0.02)
        return task

    async def login(self, public: str = KEY, secret: str = KEY) -> Any:
        """Get a token of the first generation."""
        pair = {"publicKey": public, "secretKey": secret}
        data = await self.good("POST", "v1/oauth/token", json=pair)
        self.token = data["accessToken"]
        return data

    async def fetch(self, url: str) -> bytes:
        """What is behind a download link, asked without any key."""
        async with aiohttp.ClientSession() as nobody, nobody.get(url) as reply:
            assert reply.status == 200
            return await reply.read()


def form(*files: tuple[str, bytes], **fields: str) -> aiohttp.FormData:
    """A form with files and text parts."""
    made = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, text in fields.items():
        made.add_field(name, text)
    for name, data in files:
        made.add_field("file", data, filename=name)
    return made


@asynccontextmanager
async def speaking(
    data: Path, renderer: Renderer | None = None, **changes: Any
) -> AsyncIterator[tuple[Caller, Client]]:
    """A service with a caller in each of two APIs; its renderer copies."""
    async with (
        running(data, renderer, **changes) as native,
        aiohttp.ClientSession() as session,
    ):
        yield Caller(session, native.url), native


def real(data: Path) -> Renderer:
    """The renderer that really converts."""
    return make_renderer(
        ServiceSettings(data=data, keys=(), webhook_secret="", workers=2)
    )


@asynccontextmanager
async def leaping(
    data: Path, renderer: Renderer, **changes: Any
) -> AsyncIterator[tuple[Caller, Client, LeapingClock]]:
    """A service whose clock the test puts forward."""
    clock, stop = LeapingClock(), asyncio.Event()
    facts: dict[str, Any] = {
        "data": data,
        "keys": (KEY,),
        "webhook_secret": SECRET,
        "port": 0,
        "workers": 2,
        "grace": 0.2,
        "allow_private_urls": True,
    }
    settings = ServiceSettings(**{**facts, **changes})
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    served = asyncio.create_task(
        serve(settings, ready=url.set_result, stop=stop, clock=clock, renderer=renderer)
    )
    try:
        async with aiohttp.ClientSession() as session, client(await url) as native:
            yield Caller(session, native.url), native, clock
    finally:
        stop.set()
        await served


@dataclass
class Listener:
    """A receiver of events that answers 200."""

    url: str = ""
    got: list[tuple[dict[str, str], Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Note an event."""
        self.got.append((dict(request.headers), await request.json()))
        return web.Response()

    async def until(self, *names: str) -> None:
        """Wait until these events came."""
        while not set(names) <= set(self.names()):
            await asyncio.sleep(0.02)

    def names(self) -> list[str]:
        """The names of all events that came."""
        return [body["eventName"] for _, body in self.got]


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """A receiver on a port of its own."""
    one = Listener()
    app = web.Application()
    app.router.add_post("/hook", one.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield one
    finally:
        await runner.cleanup()
