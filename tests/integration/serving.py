"""The service over real sockets, in this process or in one of its own."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from orchestrator.service.render.work import (
    Format,
    Made,
    Rendered,
    Renderer,
    RenderError,
    Work,
)
from orchestrator.service.run import serve
from orchestrator.service.settings import ServiceSettings

KEY = "key-of-the-tests"
SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw=="
RECORD = {"operation": "convert", "source": "txt", "target": "pdf"}
ROOT = Path(__file__).parents[2]


@dataclass
class ScriptedRenderer:
    """A renderer whose output and pace the test decides.

    It copies its first input into ``copies`` results; a text that starts with ``bad``
    cannot be done, one that starts with ``bug`` meets a bug.
    """

    copies: int = 1
    made: list[Work] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def start(self) -> None:
        """Nothing to make ready."""

    def objection(self, work: Work) -> RenderError | None:
        """Everything but ``xyz`` can be done."""
        return RenderError("unsupported", "no xyz") if work.source == "xyz" else None

    async def make(self, work: Work) -> Rendered:
        """Copy, when the gate is open."""
        self.made.append(work)
        await self.gate.wait()
        text = work.inputs[0].read_bytes() if work.inputs else b"no input"
        if text.startswith(b"bad"):
            raise RenderError("damaged_file", "the text is bad")
        if text.startswith(b"bug"):
            raise ZeroDivisionError
        files = []
        for n in range(self.copies):
            path = work.folder / f"out{n}"
            path.write_bytes(text)
            files.append(Made(path, f"result{n}.pdf"))
        return Rendered(files, "scripted 1", ["a warning"])

    def formats(self) -> Sequence[Format]:
        """One thing."""
        return [Format("convert", "txt", "pdf", ("scripted 1",))]

    async def close(self) -> None:
        """Nothing to close."""


class Client:
    """Speaks the native API."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    def form(self, *texts: bytes, **changes: Any) -> aiohttp.FormData:
        """A submission of text files."""
        form = aiohttp.FormData(quote_fields=False)
        record = json.dumps({**RECORD, **changes})
        form.add_field("job", record, content_type="application/json")
        for text in texts:
            form.add_field("file", io.BytesIO(text), filename="letter.txt")
        return form

    async def ask(
        self, method: str, path: str, **options: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, body (JSON where it is) and the response itself."""
        url = path if path.startswith("http") else self.url + path
        async with self.session.request(method, url, **options) as reply:
            body = await reply.read()
            is_json = reply.content_type == "application/json"
            return reply.status, json.loads(body) if is_json else body, reply

    async def submit(
        self, name: str, *texts: bytes, mode: str = "async", **changes: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Submit text files under an id."""
        form = self.form(*texts, **changes)
        return await self.ask("PUT", f"/v1/jobs/{name}?mode={mode}", data=form)

    async def create(self, name: str, *sizes: int | None, **changes: Any) -> Any:
        """Create a pre-signed job."""
        files = [{"name": "letter.txt", "size": size} for size in sizes]
        record = {**RECORD, "files": files, **changes}
        return await self.ask("PUT", f"/v1/jobs/{name}?mode=presigned", json=record)

    async def job(self, name: str) -> Any:
        """A job as it stands."""
        return (await self.ask("GET", f"/v1/jobs/{name}"))[1]

    async def until(self, name: str, *states: str) -> Any:
        """The job, once it is in one of these states."""
        while (job := await self.job(name)).get("state") not in states:
            await asyncio.sleep(0.02)
        return job

    async def bill(self) -> tuple[int, int, int]:
        """Accepted, replays, jobs."""
        bill = (await self.ask("GET", "/v1/bill"))[1]
        return bill["accepted"], bill["replays"], bill["jobs"]


@asynccontextmanager
async def client(url: str, key: str = KEY) -> AsyncIterator[Client]:
    """A client of a service."""
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Client(session, url)


@asynccontextmanager
async def running(
    data: Path, renderer: Renderer | None = None, **changes: Any
) -> AsyncIterator[Client]:
    """A service in this process, on a port of its own."""
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
    stop = asyncio.Event()
    made = renderer or ScriptedRenderer()
    served = asyncio.create_task(
        serve(settings, ready=url.set_result, stop=stop, renderer=made)
    )
    waited: list[asyncio.Future[Any]] = [served, url]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if served.done():
        served.result()
    try:
        async with client(await url) as one:
            yield one
    finally:
        stop.set()
        await served


def spawn(*arguments: str, script: str | None = None) -> subprocess.Popen[bytes]:
    """Start the command, or a script, in a process of its own."""
    what = ["-m", "orchestrator"] if script is None else ["-c", script]
    return subprocess.Popen(
        [sys.executable, *what, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # for a child
    )


async def greeted(process: subprocess.Popen[bytes]) -> str:
    """Send the secrets to a private service; return where it is."""
    assert process.stdin is not None
    assert process.stdout is not None
    line = json.dumps({"key": KEY, "webhook_secret": SECRET})
    process.stdin.write(line.encode() + b"\n")
    process.stdin.flush()
    answer = await asyncio.to_thread(process.stdout.readline)
    url = json.loads(answer)["url"]
    assert isinstance(url, str)
    return url


def finish(process: subprocess.Popen[bytes]) -> None:
    """End a process of a test and let go of its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
