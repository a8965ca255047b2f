"""A small ReportFlow for tests: over real sockets, with a bill and bad habits."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

KEY = "ak_test"
PATH = "nobody-guesses-this"
PDF = b"%PDF-1.7\n1 0 obj <</Type /Page>>\nendobj\ntrailer\n%%EOF\n"
DESIGN = "0eGLPoUzbuBv5EEj"
SPEC = [{"name": "total", "type": "number"}, {"name": "name", "type": "text"}]


@dataclass
class Flow:
    """The vendor.

    ``loses`` cuts the line after the work was accepted; ``hook`` is called when a
    request is done: ``calls`` says in which order (see ``_tell``).
    """

    hook: str = ""
    calls: str = "after"
    loses: bool = False
    delay: float = 0.2
    url: str = ""
    bill: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    answers: list[int] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Flow]:
        """Serve."""
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.get("/v1/file/design/parameter/{id}", self._parameters),
                web.post("/v1/file/sync/single", self._sync),
                web.post("/v1/file/async/{kind}", self._async),
                web.get("/v1/file/download/{request}/{file}", self._download),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            await runner.cleanup()

    def event(self, request: str) -> dict[str, Any]:
        """What a webhook says of a request."""
        files = [
            {"fileId": id_, "fileName": name}
            for id_, name in self.files[request].items()
        ]
        return {"event": "file.completed", "requestId": request, "files": files}

    async def call(self, event: Mapping[str, Any], url: str = "") -> int:
        """Call the hook, and give the status (0 = nobody is there)."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(url or self.hook, json=event) as reply,
            ):
                self.answers.append(reply.status)
        except aiohttp.ClientError:
            self.answers.append(0)
        return self.answers[-1]

    def _may(self, request: web.Request) -> None:
        self.asked.append(f"{request.method} {request.path}")
        self.keys.add(request.headers.get("appkey", ""))
        if request.headers.get("appkey") != KEY:
            raise web.HTTPUnauthorized(text='{"statusCode":401,"message":"no"}')

    async def _parameters(self, request: web.Request) -> web.Response:
        self._may(request)
        if request.match_info["id"] != DESIGN:
            raise web.HTTPNotFound(
                text='{"statusCode":404,"message":"指定したデザインが存在しません"}'
            )
        return web.json_response(SPEC)

    async def _accept(self, request: web.Request) -> str:
        self._may(request)
        body = json.loads(await request.text())
        contents = body.get("contents") or [body["content"]]
        id_ = f"req-{len(self.files)}"
        self.files[id_] = {
            f"{id_}-file-{n}": each["fileName"] for n, each in enumerate(contents)
        }
        self.bill += [each["fileName"] for each in contents]
        return id_

    async def _sync(self, request: web.Request) -> web.Response:
        id_ = await self._accept(request)
        self.ready.add(id_)
        self._later(self._tell(id_))
        if self.loses:
            raise _cut(request)
        return web.Response(
            status=201,
            body=PDF,
            content_type="application/pdf",
            headers={"Request-Id": id_, "File-ID": next(iter(self.files[id_]))},
        )

    async def _async(self, request: web.Request) -> web.Response:
        id_ = await self._accept(request)
        if self.calls == "before":
            self.ready.add(id_)
            await self._tell(id_)
        else:
            self._later(self._work(id_))
        if self.loses:
            raise _cut(request)
        files = self.event(id_)["files"]
        url = f"{self.url}/v1/file/download/{id_}"
        reply = {"requestId": id_, "url": url, "files": files}
        return web.json_response(reply, status=202)

    async def _work(self, id_: str) -> None:
        await asyncio.sleep(self.delay)
        self.ready.add(id_)
        await self._tell(id_)

    async def _tell(self, id_: str) -> None:
        event = self.event(id_)
        self.events.append(event)
        if not self.hook or self.calls == "never":
            return
        if self.calls == "forged":
            await self.call(event, self.hook.replace(PATH, "a-guess"))
            stranger = event["files"][0] | {"fileId": "f", "fileName": "x.pdf"}
            await self.call({"event": "file.completed", "requestId": "no"})
            await self.call(event | {"requestId": "no", "files": [stranger]})
            await self.call(event | {"requestId": "no"})
            await asyncio.sleep(0.5)
        for _ in range(3 if self.calls == "doubled" else 1):
            await self.call(event)

    def _later(self, work: Any) -> None:
        self.tasks.add(asyncio.ensure_future(work))

    async def _download(self, request: web.Request) -> web.Response:
        self._may(request)
        id_, file = request.match_info["request"], request.match_info["file"]
        if file not in self.files.get(id_, {}):
            raise web.HTTPNotFound(text='{"statusCode":404,"message":"JOB.NOT_FOUND"}')
        if id_ not in self.ready:
            raise web.HTTPConflict(text='{"statusCode":409,"message":"JOB.NOT_READY"}')
        name = self.files[id_][file]
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=PDF, content_type="application/pdf", headers=headers)


def _cut(request: web.Request) -> Exception:
    """Hang up without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.HTTPBadGateway()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def manifest(
    folder: Path,
    url: str,
    *documents: str,
    mode: str = "async",
    design: str = f"{DESIGN}@3",
    total: object = 1,
) -> Path:
    """A manifest of invoices."""
    head = {
        "version": 1,
        "providers": {
            "flow": {"type": "reportflow", "url": url, "key": "${env:FLOW_KEY}"}
        },
        "webhooks": {"path": "${env:HOOK_PATH}"},
        "defaults": {"provider": "flow", "to": "pdf", "mode": mode},
        "documents": [
            {"id": each, "design": design, "params": {"total": total, "name": each}}
            for each in documents
        ],
    }
    path = folder / "m.yaml"
    # JSON is YAML; a document a line, so that faults can be told apart.
    text = json.dumps(head, indent=1)
    path.write_text(text, "utf-8")
    return path


ENVIRONMENT = {"FLOW_KEY": KEY, "HOOK_PATH": PATH}
