"""Every way to ask ConvertAPI's dialect for a conversion, and every way to be told."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.dialects.convertapi import (
    OWN,
    RESULT,
    convert,
    real,
    stranger,
    upload,
    world,
)
from tests.integration.serving import KEY, Client, ScriptedRenderer, running

RAW = {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": 'attachment; filename="letter.txt"',
}


def data_of(body: Any) -> list[bytes]:
    """The contents in an answer with Base64."""
    return [b64decode(each["FileData"], validate=True) for each in body["Files"]]


async def error(
    one: Client, method: str = "POST", path: str = RESULT, **options: Any
) -> tuple[int, int, list[str]]:
    """Status, code and invalid parameters of a refusal, which is always JSON."""
    status, body, reply = await one.ask(method, path, **options)
    assert reply.content_type == "application/json"
    assert body["Message"]
    invalid = body.get("InvalidParameters", {})
    assert ("InvalidParameters" in body) is (body["Code"] == 4000)
    assert all(isinstance(text, str) for each in invalid.values() for text in each)
    return status, body["Code"], list(invalid)


async def test_a_form_names_files_by_id(tmp_path: Path) -> None:
    """Without StoreFile the bytes are in the answer, exactly."""
    data = bytes(range(256)) * 4001  # not a multiple of three, more than a piece
    async with running(tmp_path) as one:
        file_id = await upload(one, data)
        body = await convert(one, File=file_id)
        (made,) = body["Files"]
        assert data_of(body) == [data]
        assert (made["FileName"], made["FileExt"]) == ("letter.pdf", "pdf")
        assert made["FileSize"] == len(data)
        assert "Url" not in made
        assert (body["ConversionCost"], type(body["ConversionTime"])) == (1, int)


async def test_a_stored_result_is_at_its_url(tmp_path: Path) -> None:
    """The URL is absolute, needs no key, and the size is exact."""
    async with running(tmp_path) as one, stranger(one.url) as other:
        body = await convert(one, File=await upload(one, b"abc"), storefile="True")
        (made,) = body["Files"]
        assert made["Url"] == f"{one.url}/d/{made['FileId']}/letter.pdf"
        assert "FileData" not in made
        status, got, reply = await other.ask("GET", made["Url"])
        assert (status, got, made["FileSize"]) == (200, b"abc", 3)
        assert reply.headers["File-Name"] == "letter.pdf"


async def test_parts_are_texts_or_files(tmp_path: Path) -> None:
    """Contents, ids and URLs mix, in the order of their numbers."""
    renderer = ScriptedRenderer()
    async with world(far=b"3") as host, running(tmp_path, renderer) as one:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("Files[2]", f"{host.url}/far.txt")
        form.add_field("files[1]", b"2", filename="zwei ä.txt")
        form.add_field("Files[0]", await upload(one, b"1"))
        form.add_field("OverlayFile", b"unused", filename="x.txt")
        form.add_field("Unknown", "ignored")
        await convert_form(one, "/convert/txt/to/merge", form)
    (work,) = renderer.made
    assert work.operation == "merge"
    assert work.names == ["letter.txt", "zwei ä.txt", "far.txt"]
    assert [each.name for each in work.inputs] == ["0.txt", "1.txt", "2.txt"]


async def convert_form(one: Client, path: str, form: aiohttp.FormData) -> Any:
    """Convert with a multipart form; the reply must be good."""
    status, body, _ = await one.ask("POST", path, data=form)
    assert status == 200, body
    return body


async def test_json_holds_parameters(tmp_path: Path) -> None:
    """Values, contents, URLs and ids."""
    renderer = ScriptedRenderer()
    async with world(far=b"far") as host, running(tmp_path, renderer) as one:
        content = {"Name": "near.txt", "Data": b64encode(b"near").decode()}
        others = [{"Url": f"{host.url}/far.txt"}, {"Id": await upload(one)}]
        listed = {
            "Parameters": [
                {"Name": "Files", "FileValues": [content, *others]},
                {"Name": "StoreFile", "Value": True},
                {"Name": "FileName", "Value": "all"},
            ]
        }
        status, body, _ = await one.ask("POST", "/convert/txt/to/pdf", json=listed)
        assert (status, body["Files"][0]["FileName"]) == (200, "all.pdf")
        flat = {"file": body["Files"][0]["FileId"], "StoreFile": False}
        status, body, _ = await one.ask("POST", RESULT, json=flat)
        assert (status, data_of(body)) == (200, [b"near"])
    assert renderer.made[0].names == ["near.txt", "far.txt", "letter.txt"]


async def test_a_bare_body_is_the_file(tmp_path: Path) -> None:
    """Its name stands in a header; its answer is bare too, unless told otherwise."""
    async with running(tmp_path) as one:
        headers = {**RAW, "Accept": "application/octet-stream"}
        status, body, reply = await one.ask(
            "POST", RESULT, data=b"bare", headers=headers
        )
        assert (status, body) == (200, b"bare")
        assert 'filename="letter.pdf"' in reply.headers["Content-Disposition"]
        path = f"{RESULT}?StoreFile=true"
        status, body, _ = await one.ask("POST", path, data=b"bare", headers=RAW)
        assert (status, body["Files"][0]["FileSize"]) == (200, 4)
        no_name = {"Content-Type": "application/octet-stream"}
        assert await error(one, data=b"x", headers=no_name) == (400, 4001, [])


async def test_without_accept_the_answer_is_like_the_request(tmp_path: Path) -> None:
    """Only who sends a bare file and stores nothing gets a bare file."""
    async with running(tmp_path) as one:
        for path, kind in (
            (RESULT, "application/octet-stream"),
            (f"{RESULT}?StoreFile=true", "application/json"),
        ):
            reply = await bare(one, path)
            assert f"Content-Type: {kind}".encode() in reply


async def bare(one: Client, path: str) -> bytes:
    """What a client that accepts nothing in particular gets."""
    host, port = one.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {KEY}"]
    lines += [f"{name}: {value}" for name, value in RAW.items()]
    head = "\r\n".join([*lines, "Content-Length: 4", "Connection: close", "", ""])
    writer.write(head.encode() + b"bare")
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply


async def test_all_can_stand_in_the_query(tmp_path: Path) -> None:
    """By GET and by POST, with the key, in any case, on any route."""
    async with running(tmp_path) as one, stranger(one.url) as other:
        file_id = await upload(one, b"abc")
        for method, path in (
            ("GET", "/convert/txt/to/pdf"),
            ("POST", "/CONVERT/Txt/TO/pdf"),
            ("POST", "/txt/to/pdf"),
            ("POST", "/convert/txt/to/pdf/converter/any"),
        ):
            for credential in ("Secret", "token"):
                query = f"?{credential}={KEY}&FILE={file_id}&fileName=x"
                status, body, _ = await other.ask(method, path + query)
                assert (status, data_of(body)) == (200, [b"abc"])
                assert body["Files"][0]["FileName"] == "x.pdf"
        path = f"{RESULT}?secret={KEY}&File={file_id}&download=inline"
        status, body, reply = await other.ask("GET", path)
        assert (status, body) == (200, b"abc")
        assert reply.headers["Content-Disposition"].startswith("inline;")
        async with other.session.head(one.url + path) as reply:
            assert reply.status == 405  # a look must not convert


async def test_several_results_are_numbered(tmp_path: Path) -> None:
    """From the second on; under a name of the caller's, from 0 on."""
    async with running(tmp_path, ScriptedRenderer(copies=3)) as one:
        file_id = await upload(one)
        body = await convert(one, File=file_id)
        names = [each["FileName"] for each in body["Files"]]
        assert names == ["letter.pdf", "letter-2.pdf", "letter-3.pdf"]
        body = await convert(one, File=file_id, FileName="report", StoreFile="1")
        names = [each["FileName"] for each in body["Files"]]
        assert names == ["report_0.pdf", "report_1.pdf", "report_2.pdf"]
        assert len({each["FileId"] for each in body["Files"]}) == 3


async def test_parts_of_an_answer_are_files(tmp_path: Path) -> None:
    """What the vendor's command line asks for."""
    async with running(tmp_path, ScriptedRenderer(copies=2)) as one:
        form = {"File": await upload(one, b"a\r\nb")}
        for accept in ("multipart/mixed", "application/octet-stream"):
            async with one.session.post(
                one.url + RESULT, data=form, headers={"Accept": accept}
            ) as reply:
                assert reply.content_type == "multipart/mixed"
                parts = aiohttp.MultipartReader.from_response(reply)
                seen = []
                while (part := await parts.next()) is not None:
                    assert isinstance(part, aiohttp.BodyPartReader)
                    assert part.headers["ConversionCost"] == "1"
                    assert "size=4" in part.headers["Content-Disposition"]
                    seen.append((part.filename, bytes(await part.read())))
            assert seen == [("letter.pdf", b"a\r\nb"), ("letter-2.pdf", b"a\r\nb")]


async def test_xml_is_still_spoken(tmp_path: Path) -> None:
    """As of old."""
    async with running(tmp_path) as one:
        form = {"File": await upload(one, b"abc"), "FileName": "a & b"}
        headers = {"Accept": "application/xml"}
        _, body, reply = await one.ask("POST", RESULT, data=form, headers=headers)
        assert reply.content_type == "application/xml"
        assert b"<FileName>a &amp; b.pdf</FileName><FileSize>3</FileSize>" in body
        assert b"<FileData>YWJj</FileData>" in body


async def test_credentials_are_checked_before_all(tmp_path: Path) -> None:
    """Each kind has its code; nothing is billed."""
    async with running(tmp_path) as one, stranger(one.url) as other:
        assert await error(other) == (401, 4013, [])
        assert await error(other, path=f"{RESULT}?Secret=no") == (401, 4010, [])
        assert await error(other, path=f"{RESULT}?TOKEN=no") == (401, 4011, [])
        wrong = {"Authorization": "Bearer no"}
        assert await error(other, headers=wrong) == (401, 4010, [])
        for path in ("/user", "/user/statistic"):
            assert await error(other, "GET", path) == (401, 4013, [])
        assert await one.bill() == (0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "code", "invalid"),
    [
        ({}, 4000, ["File"]),
        ({"File": ""}, 4000, ["File"]),
        ({"File": "no-id-and-no-url"}, 5009, []),
        ({"File": "a" * 32}, 5009, []),
        ({"File": "ID", "Timeout": "9"}, 4000, ["Timeout"]),
        ({"File": "ID", "timeout": "1201"}, 4000, ["Timeout"]),
        ({"File": "ID", "Timeout": "x"}, 4000, ["Timeout"]),
        ({"File": "ID", "StoreFile": "maybe"}, 4000, ["StoreFile"]),
        ({"File": "ID", "JobId": "short"}, 4000, ["JobId"]),
        ({"File": "ID", "WebHook": "ftp://x/"}, 4000, ["WebHook"]),
        ({"File": "ID", "WebHook": "http://[::1"}, 4000, ["WebHook"]),
        ({"File": "ID", "FileName": "x" * 201}, 4000, ["FileName"]),
    ],
)
async def test_wrong_parameters_are_named(
    tmp_path: Path, fields: dict[str, str], code: int, invalid: list[str]
) -> None:
    """Before anything is accepted."""
    async with running(tmp_path) as one:
        file_id = await upload(one)
        data = {k: file_id if v == "ID" else v for k, v in fields.items()}
        status = 400 if code == 4000 else 500
        assert await error(one, data=data) == (status, code, invalid)
        assert await one.bill() == (0, 0, 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", 4002),
        ("[]", 4002),
        ('{"Parameters": 1}', 4002),
        ('{"Parameters": [{"Value": 1}]}', 4002),
        ("[" * 100_000, 4002),
        ('{"Parameters": [{"Name": "File", "FileValue": {"Name": "a"}}]}', 4005),
        ('{"Parameters": [{"Name": "File", "FileValue": {"Data": "?"}}]}', 4005),
    ],
)
async def test_broken_json_is_told(tmp_path: Path, body: str, code: int) -> None:
    """With the codes that the vendor has for it."""
    headers = {"Content-Type": "application/json"}
    async with running(tmp_path) as one:
        assert await error(one, data=body, headers=headers) == (400, code, [])


async def test_what_cannot_be_done_has_codes(tmp_path: Path) -> None:
    """Formats, contents, bodies; a failure of work that was accepted is billed."""
    async with running(tmp_path) as one:
        file_id = await upload(one, b"abc")
        path = "/convert/xyz/to/pdf"
        assert await error(one, path=path, data={"File": file_id}) == (415, 415, [])
        path = "/convert/a.b/to/pdf"
        assert await error(one, path=path, data={"File": file_id}) == (415, 415, [])
        headers = {"Content-Type": "image/png"}
        assert await error(one, data=b"x", headers=headers) == (415, 415, [])
        form = aiohttp.FormData()
        form.add_field("File", b"", filename="a.txt")
        assert await error(one, data=form) == (400, 4000, ["File"])
        assert await one.bill() == (0, 0, 0)
        for text, code in ((b"bad", 5002), (b"bug", 50050)):
            data = {"File": await upload(one, text)}
            assert await error(one, data=data) == (500, code, [])
        assert await one.bill() == (2, 0, 2)


async def test_options_reach_the_converter(tmp_path: Path) -> None:
    """Those that it knows; a wrong value is told under the caller's name for it."""
    async with running(tmp_path / "a", real(tmp_path / "s")) as one:
        pdf = (Path(__file__).parents[3] / "manifests/in/brew guide.pdf").read_bytes()
        file_id = await upload(one, pdf, "guide.pdf")
        form = {"File": file_id, "PageRange": "1", "ImageResolution": "20"}
        body = await convert(one, "/convert/pdf/to/png", **form)
        assert len(body["Files"]) == 1
        wrong = {"File": file_id, "PageRange": "x"}
        path = "/convert/pdf/to/png"
        assert await error(one, path=path, data=wrong) == (400, 4000, ["PageRange"])
        form = {"File": file_id, "PageRange": "1", "StoreFile": "1"}
        made = await convert(one, "/convert/any/to/txt", **form)
        assert made["Files"][0]["FileName"] == "guide.txt"


async def test_a_full_queue_is_an_overload(tmp_path: Path) -> None:
    """Nothing was started, and it may be tried again."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with running(tmp_path, renderer, workers=1, max_queue=1) as one:
        file_id = await upload(one)
        for _ in range(2):  # as many as are in hand
            await convert(one, "/async/convert/txt/to/pdf", File=file_id)
        while len(renderer.made) < 2:
            await one.bill()
        await convert(one, "/async/convert/txt/to/pdf", File=file_id)
        status, code, _ = await error(one, data={"File": file_id})
        assert (status, code) == (503, 503)
        assert await one.bill() == (3, 0, 3)
        renderer.gate.set()


async def test_urls_of_our_own_never_leave(tmp_path: Path) -> None:
    """A stored file is found by its URL though private addresses are refused."""
    async with (
        world(x=b"x") as host,
        running(tmp_path, allow_private_urls=False) as one,
    ):
        stored = await convert(one, File=await upload(one, b"abc"), StoreFile="true")
        url = stored["Files"][0]["Url"]
        assert data_of(await convert(one, File=url)) == [b"abc"]
        assert data_of(await convert(one, File=url.replace("/d/", "/D/"))) == [b"abc"]
        gone = f"{one.url}/d/{'a' * 32}/x.pdf"
        assert await error(one, data={"File": gone}) == (500, 5009, [])
        port = host.url.rpartition(":")[2]
        for there in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0"):
            form = {"File": f"http://{there}:{port}/x.txt"}
            assert await error(one, data=form) == (500, 5008, [])
        assert await one.bill() == (3, 0, 3)


async def test_redirects_are_checked_too(tmp_path: Path) -> None:
    """They are followed, some of them; a status that is not good is told."""
    async with world(x=b"far") as host, running(tmp_path) as one:
        host.moved = {"a": "/b", "b": f"{host.url}/x.txt", "round": "/round"}
        assert data_of(await convert(one, File=f"{host.url}/a")) == [b"far"]
        for name in ("round", "nothing"):
            form = {"File": f"{host.url}/{name}"}
            assert await error(one, data=form) == (500, 5008, [])


async def test_a_page_of_the_web_is_fetched(tmp_path: Path) -> None:
    """Both names for it."""
    renderer = ScriptedRenderer()
    async with world() as host, running(tmp_path, renderer) as one:
        host.files["page"] = b"<p>hello</p>"
        for source in ("web", "url"):
            await convert(one, f"/convert/{source}/to/pdf", Url=f"{host.url}/page")
    assert [each.source for each in renderer.made] == ["html", "html"]


async def test_info_tells_what_can_be_done(tmp_path: Path) -> None:
    """A list, a filter, a yes or no, and a description of routes."""
    async with running(tmp_path / "a", real(tmp_path / "s")) as one:
        _, every, _ = await one.ask("GET", "/info")
        pairs = {
            (each["SourceFileFormats"][0], each["DestinationFileFormats"][0])
            for each in every
        }
        assert {
            ("docx", "pdf"),
            ("pdf", "merge"),
            ("any", "zip"),
            ("web", "pdf"),
        } <= pairs
        _, some, _ = await one.ask("GET", "/Info/docx/to/*")
        assert [each["Name"] for each in some] == ["DocxToPdf", "DocxToMerge"]
        assert (await one.ask("GET", "/info/converter/docxtopdf"))[0] == 200
        for path, status in (
            ("docx/to/pdf", 200),
            ("pdf/to/split", 200),
            ("web/to/pdf", 200),
            ("docx/to/mp3", 404),
            ("x.y/to/pdf", 404),
        ):
            assert (await one.ask("GET", f"/info/canconvert/{path}"))[0] == status
        _, api, _ = await one.ask("GET", "/info/openapi")
        assert "/convert/docx/to/pdf" in api["paths"]
        json.dumps(api)


async def test_a_job_id_in_use_is_refused(tmp_path: Path) -> None:
    """Another request under the same id is no repetition."""
    async with running(tmp_path) as one:
        first, second = await upload(one, b"1"), await upload(one, b"2")
        await convert(one, File=first, JobId=OWN)
        await convert(one, File=first, JobId=OWN.upper())
        form = {"File": second, "JobId": OWN}
        assert await error(one, data=form) == (400, 4000, ["JobId"])
        assert await one.bill() == (1, 1, 1)
