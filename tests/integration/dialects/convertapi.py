"""What tests of the ConvertAPI dialect share: a service, and a world beside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from orchestrator.service.render.rendering import Rendering, RenderSettings
from tests.integration.serving import KEY, Client

INPUTS = Path(__file__).parents[3] / "manifests" / "in"
DOCX = INPUTS / "offer.docx"
PDF = b"%PDF-"
RESULT = "/convert/txt/to/pdf"
OWN = "d3bd2056-4330-4cf3-9b18-483a2412dd6b"
PLAIN = "rwvd6vtq58eurfwv5zw5h2ci2pgno1pn"
LETTER = {"File": "", "StoreFile": "true"}


def real(scratch: Path) -> Rendering:
    """A renderer that really converts, without LibreOffice."""
    return Rendering(RenderSettings(scratch=scratch, workers=2, libreoffice=False))


async def upload(
    one: Client, data: bytes = b"some text", name: str = "letter.txt"
) -> str:
    """Store a file; return its id."""
    status, body, _ = await one.ask("POST", f"/upload?filename={name}", data=data)
    assert status == 200, body
    file_id = body["FileId"]
    assert isinstance(file_id, str)
    return file_id


async def convert(one: Client, path: str = RESULT, **fields: Any) -> Any:
    """Convert with a form; the reply must be good."""
    status, body, _ = await one.ask("POST", path, data=fields)
    assert status == 200, body
    return body


async def polled(one: Client, path: str) -> Any:
    """Poll until a job has ended; the last status and body."""
    while True:
        status, body, _ = await one.ask("GET", path)
        if status != 202:
            return status, body
        assert body == b""
        await asyncio.sleep(0.02)


@asynccontextmanager
async def stranger(url: str) -> AsyncIterator[Client]:
    """A client without a key."""
    async with aiohttp.ClientSession() as session:
        yield Client(session, url)


@dataclass
class World:
    """A host beside the service: it has files, and it takes webhooks."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    called: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Give a file, redirect, or note a webhook."""
        name = request.path.strip("/")
        if name in self.moved:
            return web.Response(status=302, headers={"Location": self.moved[name]})
        if name in self.files:
            return web.Response(body=self.files[name])
        if name != "hook":
            return web.Response(status=404)
        kind = request.headers.get("Content-Type", "")
        text = await request.text()
        self.called.append((request.method, dict(request.query), kind + text))
        return web.Response(status=200)

    async def until_called(self, count: int = 1) -> None:
        """Wait for so many webhooks."""
        while len(self.called) < count:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def world(**files: bytes) -> AsyncIterator[World]:
    """A host on a port of its own."""
    one = World(files={f"{name}.txt": data for name, data in files.items()})
    app = web.Application()
    app.router.add_route("*", "/{name:.*}", one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


async def ran(*command: str, cwd: Path, stdin: str = "") -> str:
    """The output of a program that must end well."""
    env = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**env, "KEY": KEY},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin.encode())
    assert process.returncode == 0, errors.decode() + output.decode()
    return output.decode()
