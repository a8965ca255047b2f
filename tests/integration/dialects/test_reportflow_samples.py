"""ReportFlow's own samples, word for word, against this service.

One thing is changed in their text: the origin ``https://….re-port-flow.com`` becomes
that of the service. The keys are the ones that the samples name. Where a sample is a
fragment, the test adds what the page leaves out: the awaiting function around it, its
hundred items, and the receiver's ``app``, ``downloadPDF``, ``sendEmail`` and ``sleep``.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.integration.dialects.flow import Flow, flowing, press
from tests.integration.serving import KEY, ScriptedRenderer

SAMPLES = Path(__file__).parent / "samples" / "reportflow"
ORIGIN = re.compile(r"https://(your-workspace-id|\$?\{[^}]+\})\.re-port-flow\.com")
KEYS = (KEY, "your-app-key", "your-secret-key")
NODE, NPM = shutil.which("node"), shutil.which("npm")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node here")
slow = pytest.mark.timeout(90)  # npm fetches a package once

# Where npm cannot fetch axios: as much of its interface as the samples use.
STAND_IN = """
async function ask(method, url, body, options = {}) {
  const reply = await fetch(url, {
    method, body: body && JSON.stringify(body), headers: options.headers });
  const data = options.responseType === 'arraybuffer'
    ? Buffer.from(await reply.arrayBuffer()) : await reply.json();
  const response = { status: reply.status, data };
  if (!reply.ok) throw Object.assign(new Error(`${reply.status}`), { response });
  return response;
}
exports.post = (url, body, options) => ask('POST', url, body, options);
exports.get = (url, options) => ask('GET', url, undefined, options);
"""
RECEIVER = """
const http = require('http');
const app = { post(path, handler) {
  http.createServer((req, response) => {
    let text = '';
    req.on('data', piece => { text += piece; });
    req.on('end', async () => {
      if (req.url !== path) throw new Error(req.url);
      req.body = JSON.parse(text);
      await handler(req, { status(code) {
        return { json(body) {
          response.writeHead(code).end(JSON.stringify(body));
          console.log('answered', code, JSON.stringify(body));
          setTimeout(() => process.exit(0), 50);
        } };
      } });
    });
  }).listen(Number(process.env.PORT), '127.0.0.1');
} };
async function downloadPDF(url) {
  const headers = { AppKey: process.env.APP_KEY, SecretKey: process.env.SECRET_KEY };
  return (await axios.get(url, { headers, responseType: 'arraybuffer' })).data;
}
async function sendEmail(_, pdf) { console.log('sent', pdf.subarray(0, 5).toString()); }
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node finds axios: the real one, if npm can fetch it."""
    folder = tmp_path_factory.mktemp("node")
    install = ("install", "--no-audit", "--no-fund", "--silent", "axios@1")
    patience = ("--fetch-retries=0", "--fetch-timeout=20000")
    if NPM is not None:
        command = [NPM, *install, *patience]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, cwd=folder, timeout=40, check=False)
    if not (folder / "node_modules" / "axios").exists():
        (folder / "node_modules").mkdir(exist_ok=True)
        (folder / "node_modules" / "axios.js").write_text(STAND_IN)
    return folder


def sample(name: str, url: str) -> str:
    """A sample that asks this service."""
    return ORIGIN.sub(url, (SAMPLES / name).read_text("utf-8"))


async def run(*command: str, folder: Path, **more: str) -> tuple[int, str]:
    """Run a program; its exit code and all that it printed."""
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**environment, **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def node(modules: Path, script: str, **more: str) -> tuple[int, str]:
    """Run a script in an awaiting function."""
    assert NODE is not None
    path = modules / "script.js"
    path.write_text(f"(async () => {{\n{script}\n}})();\n")
    keys = {"APP_KEY": "your-app-key", "SECRET_KEY": "your-secret-key"}
    return await run(NODE, str(path), folder=modules, **keys, **more)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
async def test_curl(tmp_path: Path) -> None:
    """The first sample of the page."""
    async with flowing(tmp_path, press(tmp_path), keys=KEYS) as flow:
        script = sample("single.sh", flow.url)
        code, output = await run("sh", "-c", script, folder=tmp_path)
        assert code == 0
        assert '"url":"' in output
        assert '"fileId":"' in output
        assert await flow.native.bill() == (1, 0, 1)


async def test_python(tmp_path: Path) -> None:
    """Requests, then a plain GET of the URL, right after the 202."""
    pytest.importorskip("requests")
    async with flowing(tmp_path / "data", press(tmp_path), keys=KEYS) as flow:
        script = sample("single.py.txt", flow.url)
        # The substituted origin stands in an f-string without a name in it.
        code, output = await run(sys.executable, "-c", script, folder=tmp_path)
        assert code == 0, output
        assert "PDF generation started: http://127.0.0.1" in output
        assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")


@needs_node
@slow
async def test_node(tmp_path: Path, modules: Path) -> None:
    """Axios, likewise."""
    async with flowing(tmp_path, press(tmp_path), keys=KEYS) as flow:
        script = sample("single.js", flow.url) + sample("usage.js", flow.url)
        code, output = await node(modules, script)
        assert code == 0, output
        assert "PDF generation complete: http://127.0.0.1" in output


@needs_node
@slow
async def test_a_hundred_in_parallel(tmp_path: Path, modules: Path) -> None:
    """Use case 2, with a design that only a stand-in can render."""
    items = (
        "Array.from({ length: 100 }, (_, n) => ({ id: `INV-${n}`, total: n * 100 }))"
    )
    async with flowing(
        tmp_path, press(tmp_path), keys=KEYS, stand_in_designs=True
    ) as flow:
        script = sample("single.js", flow.url) + sample("bulk.js", flow.url)
        script = script.replace("[/* 100 data items */]", items)
        script += (
            "for (const each of results) {\n"
            "  if (each.data.subarray(0, 5).toString() !== '%PDF-') process.exit(3);\n"
            "}\n"
        )
        code, output = await node(modules, script)
        assert code == 0, output[-2000:]
        assert "100 PDFs generated" in output
        assert await flow.native.bill() == (100, 0, 100)


@needs_node
@slow
async def test_the_webhook_receiver(tmp_path: Path, modules: Path) -> None:
    """Use case 3: the notification leads to the file, and is answered with 200."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hook = f"http://127.0.0.1:{port}/webhooks/pdf-completed"
    async with flowing(
        tmp_path,
        press(tmp_path),
        keys=KEYS,
        reportflow_webhook=hook,
        webhook_waits=(0.1,) * 50,  # the sample listens after it has asked
    ) as flow:
        script = sample("single.js", flow.url) + RECEIVER
        script += sample("webhook.js", flow.url)
        code, output = await node(modules, script, PORT=str(port))
        assert code == 0, output
        assert "sent %PDF-" in output
        assert 'answered 200 {"received":true}' in output


@needs_node
@slow
async def test_the_retry_wrapper(tmp_path: Path, modules: Path) -> None:
    """A 503 of a gateway is tried again after a second: one file, one bill."""
    async with (
        flowing(tmp_path, press(tmp_path), keys=KEYS) as flow,
        stumbling(flow) as url,
    ):
        code, output = await node(modules, _retrying(url))
        assert code == 0, output
        assert "complete" in output
        assert await flow.native.bill() == (1, 0, 1)


@needs_node
@slow
async def test_the_retry_wrapper_pays_for_one_file(
    tmp_path: Path, modules: Path
) -> None:
    """A file that is late is no reason to ask for a second one."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with flowing(
        tmp_path, renderer, keys=KEYS, reportflow_wait=0.3, grace=0.0
    ) as flow:
        code, output = await node(modules, _retrying(flow.url))
        assert code != 0
        assert "statusCode: 409" in output
        assert await flow.native.bill() == (1, 0, 1)


def _retrying(url: str) -> str:
    usage = sample("usage.js", url).replace("generatePDFAsync(", "generateWithRetry(")
    sleep = "const sleep = wait => new Promise(done => setTimeout(done, wait));\n"
    return sample("single.js", url) + sample("retry.js", url) + sleep + usage


@asynccontextmanager
async def stumbling(flow: Flow) -> AsyncIterator[str]:
    """A gateway before the service that fails the first request."""
    failed: list[str] = []

    async def forward(request: web.Request) -> web.Response:
        if not failed:
            failed.append(request.path)
            return web.Response(status=503)
        text = await request.read()
        headers = {k: v for k, v in request.headers.items() if "Key" in k}
        async with aiohttp.ClientSession() as session:
            url = flow.url + request.path
            method = request.method
            async with session.request(
                method, url, headers=headers, data=text
            ) as reply:
                return web.Response(
                    status=reply.status,
                    body=await reply.read(),
                    content_type=reply.content_type,
                )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
