"""ReportFlow's requests and files, as both generations of its clients see them."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pypdfium2
import pytest

from tests.integration.dialects.flow import (
    CURRENT,
    LEGACY,
    PARAMS,
    SAMPLE,
    flowing,
    press,
    wanted,
)
from tests.integration.serving import KEY, ScriptedRenderer


def _text(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return str(document[0].get_textpage().get_text_range())


async def test_a_legacy_link_is_a_pdf_without_a_key(tmp_path: Path) -> None:
    """The seed's two requests: accepted at once, then held until the file is there."""
    async with flowing(tmp_path, press(tmp_path)) as flow:
        accepted = await flow.single(headers=LEGACY)
        assert accepted.status == 202
        url = accepted.json["url"]
        assert f"/design/{SAMPLE}/files/" in url
        made = await flow.ask("GET", url)
        assert (made.status, made.headers["Content-Type"]) == (200, "application/pdf")
        assert "INV-2024-001" in _text(made.body)
        assert 'filename="invoice.pdf"' in made.headers["Content-Disposition"]
        assert made.headers["File-ID"] == accepted.json["fileId"]
        head = await flow.ask("HEAD", url)
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["Content-Length"]) == len(made.body)
        assert await flow.native.bill() == (1, 0, 1)


async def test_a_current_url_is_a_zip_and_needs_the_key(tmp_path: Path) -> None:
    """The same files by request and by file; the ZIP is the same each time."""
    async with flowing(tmp_path, press(tmp_path)) as flow:
        accepted = (await flow.single(passthrough={"pageId": "abc", "n": 1.50})).json
        request, file = accepted["requestId"], accepted["files"][0]
        assert accepted["url"] == f"{flow.url}/v1/file/download/{request}"
        assert file["passthrough"] == {"pageId": "abc", "n": 1.5}
        assert file["share"]["shareType"] == "workspace"
        assert accepted["fileId"] == file["fileId"]
        assert (await flow.ask("GET", accepted["url"])).status == 412
        packed = await flow.ask("GET", accepted["url"], CURRENT)
        assert packed.headers["Content-Type"] == "application/zip"
        assert 'filename="files.zip"' in packed.headers["Content-Disposition"]
        again = await flow.ask("GET", accepted["url"], CURRENT)
        assert again.body == packed.body
        one = await flow.ask(
            "GET", f"/v1/file/download/{request}/{file['fileId']}", CURRENT
        )
        assert one.headers["File-ID"] == file["fileId"]
        with zipfile.ZipFile(io.BytesIO(packed.body)) as inside:
            assert inside.namelist() == ["invoice.pdf"]
            assert inside.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)
            assert inside.read("invoice.pdf") == one.body
        head = await flow.ask("HEAD", accepted["url"], CURRENT)
        assert int(head.headers["Content-Length"]) == len(packed.body)


@pytest.mark.parametrize("headers", [LEGACY, CURRENT])
async def test_many_files_travel_as_one_zip(
    headers: dict[str, str], tmp_path: Path
) -> None:
    """One design, several contents, in order; each is billed."""
    names = ["b.pdf", "請求書-1", "a.PDF"]
    async with flowing(tmp_path, press(tmp_path)) as flow:
        accepted = (await flow.multiple(names, headers=headers)).json
        shown = [each["fileName"] for each in accepted["files"]]
        assert shown == ["b.pdf", "請求書-1.pdf", "a.PDF"]
        assert accepted["fileId"] == f"batch_{accepted['requestId']}"
        packed = await flow.ask("GET", accepted["url"], headers)
        with zipfile.ZipFile(io.BytesIO(packed.body)) as inside:
            assert inside.namelist() == shown
            assert inside.testzip() is None
        path = f"/v1/file/download/{accepted['requestId']}"
        whole = await flow.ask("GET", f"{path}/{accepted['fileId']}", headers)
        assert whole.body == packed.body
        last = accepted["files"][2]["fileId"]
        assert (await flow.ask("GET", f"{path}/{last}", headers)).body[:5] == b"%PDF-"
        assert await flow.native.bill() == (3, 0, 3)


@pytest.mark.parametrize("headers", [LEGACY, CURRENT])
async def test_sync_replies_are_the_files(
    headers: dict[str, str], tmp_path: Path
) -> None:
    """Their handles are in the headers, and find them again."""
    async with flowing(tmp_path, press(tmp_path)) as flow:
        reply = await flow.single(how="sync", headers=headers, name="請求書")
        assert (reply.status, reply.headers["Content-Type"]) == (201, "application/pdf")
        assert "filename*=UTF-8''" in reply.headers["Content-Disposition"]
        mapping = reply.headers["X-File-Mapping"]
        assert mapping.isascii()
        (file,) = json.loads(unquote(mapping))
        assert file["fileName"] == "請求書.pdf"
        assert file["fileId"] == reply.headers["File-ID"]
        path = f"/v1/file/download/{reply.headers['Request-Id']}/{file['fileId']}"
        assert (await flow.ask("GET", path, headers)).body == reply.body
        again = await flow.ask("GET", reply.headers["File-URL"], headers)
        assert again.status == 200
        packed = await flow.multiple(["a", "b"], how="sync", headers=headers)
        assert packed.status == 201
        with zipfile.ZipFile(io.BytesIO(packed.body)) as inside:
            assert inside.namelist() == ["a.pdf", "b.pdf"]
        assert len(json.loads(unquote(packed.headers["X-File-Mapping"]))) == 2


async def test_a_hundred_requests_and_two_hundred_held_gets(tmp_path: Path) -> None:
    """Seed use case 2: all are held, few are rendered at once, all are answered."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with flowing(tmp_path, renderer) as flow:
        posted = [flow.single(headers=LEGACY, name=f"{n}.pdf") for n in range(100)]
        accepted = [each.json for each in await asyncio.gather(*posted)]
        links = [each["url"] for each in accepted]
        keyed = [
            f"/v1/file/download/{each['requestId']}/{each['fileId']}"
            for each in accepted
        ]
        held = [asyncio.create_task(flow.ask("GET", each)) for each in links]
        held += [asyncio.create_task(flow.ask("GET", each, LEGACY)) for each in keyed]
        await asyncio.sleep(0.5)
        assert not any(each.done() for each in held)
        assert len(renderer.made) == 4  # two a worker
        assert (await flow.ask("HEAD", links[99])).status == 409
        renderer.gate.set()
        replies = await asyncio.gather(*held)
        assert {each.status for each in replies} == {200}
        assert len(renderer.made) == 100
        assert await flow.native.bill() == (100, 0, 100)


async def test_what_is_not_ready_is_told_and_never_a_server_error(
    tmp_path: Path,
) -> None:
    """409 past the wait; a HEAD does not wait at all; sync has its own words."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with flowing(tmp_path, renderer, reportflow_wait=0.3) as flow:
        url = (await flow.single(headers=LEGACY)).json["url"]
        head = await flow.ask("HEAD", url)
        assert (head.status, head.headers["Retry-After"]) == (409, "3")
        late = await flow.ask("GET", url)
        assert late.refusal[0] == 409
        assert late.headers["Retry-After"] == "3"
        sync = await flow.single(how="sync")
        assert sync.refusal == (504, "Gateway Timeout", "Request timeout")
        renderer.gate.set()
        await flow.until_made(url)
        assert (await flow.ask("GET", url)).body == b"no input"


async def test_links_end_with_their_time(tmp_path: Path) -> None:
    """Unknown ids are 404, expired ones 410, deleted ones 404."""
    async with flowing(tmp_path, keep_results=0.3) as flow:
        accepted = (await flow.single(headers=LEGACY)).json
        url, request = accepted["url"], accepted["requestId"]
        assert (await flow.ask("GET", url)).status == 200
        other = url.replace(request, request[::-1])
        assert (await flow.ask("GET", other)).refusal[0] == 404
        elsewhere = url.replace(SAMPLE, "another")
        assert (await flow.ask("GET", elsewhere)).refusal[0] == 404
        path = f"/v1/file/download/{request}/nothing"
        assert (await flow.ask("GET", path, LEGACY)).refusal[0] == 404
        await asyncio.sleep(0.4)
        assert (await flow.ask("GET", url)).refusal[0] == 410
        assert (await flow.ask("HEAD", url)).status == 410
        await flow.native.ask("DELETE", f"/v1/jobs/{request}-0")
        assert (await flow.ask("GET", url)).refusal[0] == 404
        native = await flow.native.submit("mine", b"text")
        assert native[0] == 202
        stolen = await flow.ask("GET", "/v1/file/download/mine", CURRENT)
        assert stolen.refusal[0] == 404


async def test_a_file_that_cannot_be_made_is_422(tmp_path: Path) -> None:
    """Never an endless 409, never a 5xx; the other files of the request are there."""

    class Failing(ScriptedRenderer):
        async def make(self, work: Any) -> Any:
            if len(self.made) == 1:
                work.folder.joinpath("x").mkdir()
                self.made.append(work)
                raise ZeroDivisionError
            return await super().make(work)

    async with flowing(tmp_path, Failing()) as flow:
        accepted = (await flow.multiple(["a", "b"])).json
        status, message, _ = (await flow.ask("GET", accepted["url"], CURRENT)).refusal
        assert status == 422
        assert "PDFの変換に失敗しました" in message
        statuses = set()
        for each in accepted["files"]:
            path = f"/v1/file/download/{accepted['requestId']}/{each['fileId']}"
            statuses.add((await flow.ask("GET", path, CURRENT)).status)
        assert statuses == {200, 422}


async def test_requests_survive_a_restart(tmp_path: Path) -> None:
    """What was accepted is made by the next service, under the same link."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with flowing(tmp_path, renderer) as flow:
        accepted = (await flow.multiple(["a", "b", "c"], headers=LEGACY)).json
    async with flowing(tmp_path) as flow:
        made = await flow.ask("GET", flow.url + "/" + accepted["url"].split("/", 3)[3])
        assert made.status == 200
        with zipfile.ZipFile(io.BytesIO(made.body)) as inside:
            assert inside.namelist() == ["a.pdf", "b.pdf", "c.pdf"]
        assert await flow.native.bill() == (3, 0, 3)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"appkey": KEY}, 202),
        ({"AppKey": KEY, "SecretKey": KEY}, 202),
        ({"Authorization": f"Bearer {KEY}"}, 202),
        ({}, 412),
        ({"SecretKey": KEY}, 412),
        ({"Authorization": f"Basic {KEY}"}, 412),
        ({"appkey": "wrong"}, 401),
        ({"appkey": ""}, 401),
        ({"appkey": "schlüssel"}, 401),
        ({"AppKey": KEY, "SecretKey": "wrong"}, 401),
        ({"AppKey": "wrong", "SecretKey": KEY}, 401),
        ({"appkey": "wrong", "Authorization": f"Bearer {KEY}"}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
    ],
)
async def test_who_is_let_in(
    headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    """Each form of the key, and what is said to the others."""
    async with flowing(tmp_path) as flow:
        reply = await flow.single(headers=headers)
        assert reply.status == status
        if status == 401:
            assert reply.refusal == (401, "認証情報が不正です", "Unauthorized")
        if status == 412:
            assert reply.refusal[2] == "Precondition Failed"
        for path in ("designs", "design/parameter/sample", "download/x", "nothing"):
            other = await flow.ask("GET", f"/v1/file/{path}", headers)
            assert (other.status in (401, 412)) == (status != 202)


FAULTS = [
    (wanted(design=7), ["designId must be a string"]),
    (wanted(version="1"), ["version must be an integer number"]),
    (wanted(version=True), ["version must be an integer number"]),
    (wanted(version=1.5), ["version must be an integer number"]),
    (
        {},
        [
            "designId must be a string",
            "version must be an integer number",
            "content must be an object",
        ],
    ),
    (wanted(params=[]), ["content.params must be an object"]),
    (wanted(name=None), ["content.fileName must be a string"]),
    (wanted(shareType="04"), None),
    (wanted(shareType=[]), None),
    (wanted(passcodeEnabled="yes"), None),
    (wanted(passthrough="x"), None),
    ([], ["the body must be an object"]),
    (wanted(name="a/b.pdf"), "ファイル名に使用できない文字が含まれています: a/b.pdf"),
    (wanted(name=".pdf"), None),
    (wanted(name="a" * 300), None),
    (wanted(params={**PARAMS, "amount": None}), None),
    (wanted(params={**PARAMS, "amount": ""}), None),
    (wanted(params={"amount": 1}), None),
    (wanted(params={**PARAMS, "other": 1}), None),
]


@pytest.mark.parametrize(("body", "message"), FAULTS)
async def test_faults_are_told_before_anything_starts(
    body: Any, message: Any, tmp_path: Path
) -> None:
    """400 with the API's forms of messages, and nothing is billed."""
    async with flowing(tmp_path, press(tmp_path)) as flow:
        for how in ("async", "sync"):
            path = f"/v1/file/{how}/single"
            reply = await flow.ask("POST", path, CURRENT, json=body)
            assert (reply.status, reply.refusal[2]) == (400, "Bad Request")
            assert message in (None, reply.refusal[1])
        assert await flow.native.bill() == (0, 0, 0)


async def test_names_follow_their_generation(tmp_path: Path) -> None:
    """The first one takes few characters, today's all that file systems do."""
    async with flowing(tmp_path) as flow:
        for name, legacy, current in [
            ("請求書_カナ・ー々.pdf", 202, 202),
            ("ＡＢ１２ｱ-2.pdf", 202, 202),
            ("Grüße (1).pdf", 400, 202),
            ("a b", 400, 202),
            ("a:b", 400, 400),
            ("a\nb", 400, 400),
            ("..", 400, 400),
        ]:
            assert (await flow.single(name=name, headers=LEGACY)).status == legacy
            assert (await flow.single(name=name)).status == current
        for names in (["a", "A.pdf"], ["é", "É.PDF"]):
            assert (await flow.multiple(names)).refusal[0] == 400
        assert (await flow.multiple([])).refusal[0] == 400
        assert (await flow.multiple([f"{n}" for n in range(1001)])).refusal[0] == 400


async def test_designs_and_versions_have_to_be_there(tmp_path: Path) -> None:
    """404 with the documented texts; a name is as good as an id."""
    async with flowing(tmp_path) as flow:
        missing = await flow.single(design="0eGLPoUzbuBv5EEj")
        assert missing.refusal[:2] == (404, "指定したデザインが存在しません")
        for design in ("sample@1", "../sample", "x" * 65):
            assert (await flow.single(design=design)).refusal[0] == 404
        version = await flow.single(version=9)
        assert version.refusal[:2] == (404, "指定したバージョン(9)が存在しません")
        assert (await flow.single(design="sample")).status == 202
        assert (await flow.single(design=SAMPLE.upper(), version=1.0)).status == 202


async def test_bodies_have_their_limits(tmp_path: Path) -> None:
    """20 MB for the first generation, 50 MB for today's, declared or not."""
    mib = 1024 * 1024

    async def pieces(count: int) -> Any:
        for _ in range(count):
            yield b" " * mib

    async with flowing(tmp_path) as flow:
        path = "/v1/file/async/single"
        for headers, most in ((LEGACY, 20), (CURRENT, 50)):
            reply = await flow.ask("POST", path, headers, data=pieces(most + 1))
            told = (413, "Payload Too Large", "Request Entity Too Large")
            assert reply.refusal == told
            fits = await flow.ask("POST", path, headers, data=pieces(most))
            assert fits.refusal[0] == 400
        for text in (b"{", b"[" * 5000, b"\xff", b""):
            assert (await flow.ask("POST", path, CURRENT, data=text)).refusal[0] == 400


async def test_limits_are_counted_where_that_is_wanted(tmp_path: Path) -> None:
    """30 sync and 100 others a minute, and links not at all; off by default."""
    async with flowing(tmp_path, rate_limits=True) as flow:
        sync = [(await flow.single(how="sync")).status for _ in range(31)]
        assert sync == [201] * 30 + [429]
        url = (await flow.single(headers=LEGACY)).json["url"]
        links = [(await flow.ask("GET", url)).status for _ in range(110)]
        assert set(links) == {200}
        path = f"/v1/file/download/{url.rpartition('/')[2]}"
        got = [(await flow.ask("GET", path, CURRENT)).status for _ in range(101)]
        assert got == [200] * 100 + [429]
        refused = await flow.ask("GET", path, CURRENT)
        assert refused.refusal[2] == "Too Many Requests"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
    async with flowing(tmp_path) as flow:
        sync = [(await flow.single(how="sync")).status for _ in range(40)]
        assert set(sync) == {201}


async def test_a_full_queue_takes_all_of_a_request_or_none(tmp_path: Path) -> None:
    """429, and nothing is billed of what was refused."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with flowing(tmp_path, renderer, max_queue=6) as flow:
        assert (await flow.multiple([f"{n}" for n in range(6)])).status == 202
        await asyncio.sleep(0.2)  # four of them are in hand
        full = await flow.multiple([f"{n}" for n in range(5)])
        assert full.refusal[0] == 429
        assert "Retry-After" in full.headers
        assert await flow.native.bill() == (6, 0, 6)
        renderer.gate.set()


async def test_the_log_opens_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The id in a link is as good as a key, so it is cut short."""
    caplog.set_level("INFO", logger="orchestrator.service")
    async with flowing(tmp_path) as flow:
        accepted = (await flow.single(headers=LEGACY)).json
        await flow.ask("GET", accepted["url"])
        await flow.ask("GET", f"/v1/file/download/{accepted['requestId']}", LEGACY)
    assert f"/files/{accepted['requestId'][:8]}… 200" in caplog.text
    assert accepted["requestId"] not in caplog.text


async def test_other_paths_and_methods(tmp_path: Path) -> None:
    """Errors have this API's shape; the native ones keep theirs."""
    async with flowing(tmp_path) as flow:
        nothing = await flow.ask("GET", "/v1/file/nothing", CURRENT)
        assert nothing.refusal[0] == 404
        wrong = await flow.ask("PUT", "/v1/file/async/single", CURRENT)
        assert wrong.refusal[0] == 405
        native = await flow.ask("GET", "/v1/nothing", CURRENT)
        assert native.json["error"]["code"] == "unauthorized"
