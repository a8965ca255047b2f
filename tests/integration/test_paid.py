"""A manifest for a paid API over real sockets, against a small server of its words."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from orchestrator import load_manifest, run_batch
from orchestrator.errors import AccountError
from orchestrator.model import State, Verdict

PDF = b"%PDF-1.7 paid <</Type /Page>> %%EOF"
MANIFEST = """\
version: 1
providers:
  paid: {{type: {type}, url: "{url}", key: "${{env:KEY}}"}}
defaults: {{provider: paid, output: "out/{{id}}.{{ext}}"}}
documents:
  - {{glob: "in/*.docx"}}
"""


class Paid:
    """Both APIs, sync and upload-first, as far as a good run needs them."""

    def __init__(self) -> None:
        self.bill: Counter[str] = Counter()
        self.deleted: list[str] = []
        self.keys: set[str] = set()
        self.url = ""

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/server/v2/asset/info", self.asset),
                web.post("/server/v2/process/docx/pdf", self.process),
                web.get("/user", self.user),
                web.post("/convert/docx/to/pdf", self.convert),
                web.get("/d/{name}", self.download),
                web.delete("/{path:.*}", self.delete),
            ]
        )
        return app

    async def asset(self, request: web.Request) -> web.Response:
        """The balance; a wrong key is told in the body."""
        if request.headers.get("x-api-key") != "good":
            return web.json_response({"code": "401", "msg": "invalid key"})
        asset = [{"assetTypeName": "files", "asset": 9, "withholdingAsset": 0}]
        data = {"tenantAsset": asset}
        return web.json_response({"code": "200", "msg": "success", "data": data})

    async def user(self, request: web.Request) -> web.Response:
        """The account."""
        if request.headers.get("Authorization") != "Bearer good":
            return web.json_response({"Code": 4015, "Message": "off"}, status=401)
        return web.json_response({"Active": True})

    async def process(self, request: web.Request) -> web.Response:
        """A sync reply in the flat shape."""
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        assert form["language"] == "1"
        if file.file.read() == b"bad":
            return web.json_response({"code": "02203", "msg": "damaged"})
        self.bill[file.filename.split(".")[0]] += 1
        link = f"{self.url}/d/{len(self.bill)}"
        data = {"fileName": file.filename, "downloadUrl": link, "status": "success"}
        return web.json_response({"code": "200", "msg": "success", "data": data})

    async def convert(self, request: web.Request) -> web.Response:
        """A sync reply with one file."""
        form = await request.post()
        file = form["File"]
        assert isinstance(file, web.FileField)
        assert form["StoreFile"] == "true"
        assert len(request.query["JobId"]) == 36
        if file.file.read() == b"bad":
            return web.json_response({"Code": 5002, "Message": "damaged"}, status=500)
        self.bill[file.filename.split(".")[0]] += 1
        made = {"FileName": "a.pdf", "FileSize": len(PDF)}
        made_at = {"Url": f"{self.url}/d/{len(self.bill)}"}
        return web.json_response({"ConversionCost": 1, "Files": [made | made_at]})

    async def download(self, request: web.Request) -> web.Response:
        """A result, for anyone who has its link."""
        self.keys |= {"x-api-key", "authorization"} & {
            each.lower() for each in request.headers
        }
        return web.Response(body=PDF, content_type="application/octet-stream")

    async def delete(self, request: web.Request) -> web.Response:
        """What is deleted."""
        self.deleted.append(request.path)
        return web.Response()


@asynccontextmanager
async def serving(paid: Paid) -> AsyncIterator[Paid]:
    """The server on a free port."""
    runner = web.AppRunner(paid.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    paid.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield paid
    finally:
        await runner.cleanup()


async def run(folder: Path, kind: str, url: str, key: str) -> list[Verdict]:
    """Run a manifest of three documents, one of them bad."""
    inputs = folder / "in"
    inputs.mkdir(exist_ok=True)
    for name, body in (("a", b"one"), ("b", b"two"), ("c", b"bad")):
        (inputs / f"{name}.docx").write_bytes(body)
    path = folder / "m.yaml"
    path.write_text(MANIFEST.format(type=kind, url=url))
    environment = {"KEY": key}
    manifest = load_manifest(path, environment=environment)
    return [each async for each in run_batch(manifest, environment=environment)]


@pytest.mark.parametrize("kind", ["compdf", "convertapi"])
async def test_a_manifest_runs_against_a_paid_api(kind: str, tmp_path: Path) -> None:
    """Two are done and paid for once, one fails for its own reason, the key stays."""
    async with serving(Paid()) as paid:
        verdicts = await run(tmp_path, kind, paid.url, "good")
        states = {each.document.id: each.state for each in verdicts}
        assert states == {"a": State.DONE, "b": State.DONE, "c": State.FAILED}
        reasons = [each.failure.code for each in verdicts if each.failure]
        assert reasons == ["damaged_file"]
        assert paid.bill == {"a": 1, "b": 1}
        assert (tmp_path / "out" / "a.pdf").read_bytes() == PDF
        assert not paid.keys
        gone = [each for each in paid.deleted if each.startswith("/d/")]
        assert len(gone) == (2 if kind == "convertapi" else 0)
        assert len(paid.deleted) == 2 * len(gone)
        assert await run(tmp_path, kind, paid.url, "good") == []
        assert paid.bill == {"a": 1, "b": 1}


@pytest.mark.parametrize("kind", ["compdf", "convertapi"])
async def test_a_refused_account_is_told_before_any_work(
    kind: str, tmp_path: Path
) -> None:
    """Also where HTTP says 200."""
    async with serving(Paid()) as paid:
        with pytest.raises(AccountError, match="account paid"):
            await run(tmp_path, kind, paid.url, "wrong")
        assert not paid.bill


async def test_a_process_runs_a_batch_again(tmp_path: Path) -> None:
    """The lock is given back by whatever thread, as soon as a run is over."""
    async with serving(Paid()) as paid:
        assert len(await run(tmp_path, "compdf", paid.url, "good")) == 3
        assert await run(tmp_path, "compdf", paid.url, "good") == []
        assert paid.bill == {"a": 1, "b": 1}
