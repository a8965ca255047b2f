"""ConvertAPI's file server: upload, download, information, delete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.dialects.convertapi import (
    PLAIN,
    convert,
    stranger,
    upload,
    world,
)
from tests.integration.serving import KEY, Client, running


async def stored(one: Client, path: str = "/upload", **options: Any) -> Any:
    """Upload; the reply must be good."""
    status, body, _ = await one.ask("POST", path, **options)
    assert status == 200, body
    return body


@pytest.mark.parametrize(
    ("path", "disposition", "name"),
    [
        (
            "/upload",
            "attachment; filename*=UTF-8''%C5%BEalias%20%281%29.docx",
            "žalias (1).docx",
        ),
        ("/upload", 'inline; filename="a b.docx"', "a b.docx"),
        ("/upload", "attachment; filename=plain.docx", "plain.docx"),
        ("/Upload?FileName=query.docx", 'attachment; filename="x.pdf"', "query.docx"),
        ("/upload?filename=../../etc/a.docx", "", "a.docx"),
    ],
)
async def test_a_body_is_stored_under_its_name(
    tmp_path: Path, path: str, disposition: str, name: str
) -> None:
    """Whatever its Content-Type says: the vendor's client for Node is wrong there."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if disposition:
        headers["Content-Disposition"] = disposition
    async with running(tmp_path) as one, stranger(one.url) as other:
        body = await stored(other, path, data=b"a=b", headers=headers)
        assert (body["FileName"], body["FileExt"], body["FileSize"]) == (
            name,
            "docx",
            3,
        )
        assert body["Url"] == f"{one.url}/d/{body['FileId']}"
        status, got, reply = await other.ask("GET", body["Url"])
        assert (status, got) == (200, b"a=b")
        assert reply.content_type == "application/octet-stream"
        assert reply.headers["File-Size"] == "3"
        assert reply.headers["File-Ext"] == "docx"


async def test_parts_and_chunks_are_taken(tmp_path: Path) -> None:
    """One file under any name, or a body without a length."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"1" * 300_000
        yield b"2" * 300_000

    async with running(tmp_path) as one:
        form = aiohttp.FormData()
        form.add_field("note", "no file")
        form.add_field("anything", b"part", filename="part.txt")
        body = await stored(one, data=form)
        assert (body["FileName"], body["FileSize"]) == ("part.txt", 4)
        body = await stored(one, "/upload?filename=big.txt", data=pieces())
        assert body["FileSize"] == 600_000


async def test_a_file_is_fetched_from_elsewhere(tmp_path: Path) -> None:
    """By both routes, and from this service itself."""
    async with world(x=b"far") as host, running(tmp_path) as one:
        body = await stored(one, f"/upload?url={host.url}/x.txt")
        assert (body["FileName"], body["FileSize"]) == ("x.txt", 3)
        path = f"/upload-from-url?url={body['Url']}&filename=y.txt"
        again = await stored(one, path)
        assert (again["FileName"], again["FileSize"]) == ("y.txt", 3)
        assert again["FileId"] != body["FileId"]
        status, error, _ = await one.ask("POST", f"/upload?url={host.url}/none")
        assert (status, error["Code"]) == (500, 5008)


async def test_some_clients_get_the_bare_id(tmp_path: Path) -> None:
    """Who asks for text, and those who take the whole answer for the id."""
    async with running(tmp_path) as one:
        for headers in (
            {"Accept": "text/plain"},
            {"User-Agent": "ConvertAPI-Java/2.10"},
            {"User-Agent": "ConvertAPI-Go/1"},
        ):
            path = "/upload?filename=a.txt"
            body = await stored(one, path, data=b"x", headers=headers)
            assert (await one.ask("GET", f"/d/{body.decode()}"))[1] == b"x"
        either = {"Accept": "application/json, text/plain, */*"}
        body = await stored(one, "/upload?filename=a.txt", data=b"x", headers=either)
        assert body["FileName"] == "a.txt"


async def test_own_ids_make_uploads_repeatable(tmp_path: Path) -> None:
    """The same bytes again change nothing, others are refused, deleted is free."""
    async with running(tmp_path) as one:
        path = f"/upload?filename=a.txt&fileId={PLAIN}"
        for _ in range(2):
            assert (await stored(one, path, data=b"1"))["FileId"] == PLAIN
        status, body, _ = await one.ask("POST", path, data=b"2")
        assert (status, list(body["InvalidParameters"])) == (400, ["FileId"])
        assert (await one.ask("GET", f"/d/{PLAIN}"))[1] == b"1"
        assert (await one.ask("DELETE", f"/d/{PLAIN}/any.txt"))[0] == 200
        assert (await one.ask("DELETE", f"/d/{PLAIN}"))[0] == 404
        await stored(one, path, data=b"2")
        assert (await one.ask("GET", f"/d/{PLAIN}"))[1] == b"2"


@pytest.mark.parametrize(
    ("path", "data", "code"),
    [
        ("/upload", b"no name", 4001),
        ("/upload?filename=a.txt&fileId=SHORT", b"x", 4000),
        ("/upload?filename=a.txt", b"", 4000),
        ("/upload?filename=a.txt", b"x" * 2000, 413),
        ("/upload?url=http://[::1", b"", 5008),
        ("/upload?url=file:///etc/passwd", b"", 5008),
    ],
)
async def test_what_is_not_stored(
    tmp_path: Path, path: str, data: bytes, code: int
) -> None:
    """Each has its code, and leaves nothing."""
    async with running(tmp_path, max_body=1000) as one:
        _, body, _ = await one.ask("POST", path, data=data)
        assert body["Code"] == code
        left = [each for each in (tmp_path / "shelf").rglob("*") if each.is_file()]
        assert left == []


async def test_a_cut_upload_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file nor a part of one."""
    async with running(tmp_path) as one:
        host, port = one.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        path = f"/upload?filename=a.txt&fileId={PLAIN}"
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode())
        writer.write(b"Content-Length: 100\r\n\r\nshort")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.2)
        assert (await one.ask("GET", f"/d/{PLAIN}"))[0] == 404
        assert not [e for e in (tmp_path / "shelf").rglob("*") if e.is_file()]


async def test_a_stored_file_can_be_looked_at_and_read_in_part(tmp_path: Path) -> None:
    """HEAD, ranges, and how a browser shows it."""
    async with running(tmp_path) as one:
        path = f"/d/{await upload(one, b'0123456789', 'ä.txt')}"
        status, body, reply = await one.ask("HEAD", path)
        assert (status, body) == (200, b"")
        assert reply.headers["Content-Length"] == "10"
        assert reply.headers["File-Name"] == "%C3%A4.txt"
        part = await one.ask("GET", path, headers={"Range": "bytes=4-5"})
        assert part[:2] == (206, b"45")
        _, _, reply = await one.ask("GET", f"{path}/x?download=inline")
        assert reply.headers["Content-Disposition"].startswith("inline;")


async def test_strict_uploads_need_a_key(tmp_path: Path) -> None:
    """For instances that strangers can reach."""
    path = "/upload?filename=a.txt"
    async with (
        running(tmp_path, strict_uploads=True) as one,
        stranger(one.url) as other,
    ):
        status, body, _ = await other.ask("POST", path, data=b"x")
        assert (status, body["Code"]) == (401, 4013)
        await stored(other, f"{path}&secret={KEY}", data=b"x")


async def test_files_live_for_a_while(tmp_path: Path) -> None:
    """Then they are unknown, to downloads and conversions, and their room is free."""
    async with running(tmp_path, keep_files=0.6) as one:
        file_id = await upload(one)
        body = await convert(one, File=file_id, StoreFile="true")
        url = body["Files"][0]["Url"]
        await asyncio.sleep(0.7)
        for path in (f"/d/{file_id}", url):
            assert (await one.ask("GET", path))[0] == 404
        status, error, _ = await one.ask(
            "POST", "/convert/txt/to/pdf", data={"File": file_id}
        )
        assert (status, error["Code"]) == (500, 5009)
        while [e for e in (tmp_path / "shelf").rglob("*") if e.is_file()]:
            await asyncio.sleep(0.05)


async def test_a_deleted_result_stays_deleted(tmp_path: Path) -> None:
    """Also when its job is asked for again."""
    async with running(tmp_path) as one:
        form = {"File": await upload(one), "StoreFile": "1", "JobId": PLAIN}
        url = (await convert(one, **form))["Files"][0]["Url"]
        assert (await one.ask("DELETE", url))[0] == 200
        assert (await convert(one, **form))["Files"][0]["Url"] == url
        assert (await one.ask("GET", url))[0] == 404


async def test_files_survive_a_restart(tmp_path: Path) -> None:
    """What was stored is found; what was not told of is cleared away."""
    async with running(tmp_path) as one:
        file_id = await upload(one, b"kept")
    stray = tmp_path / "shelf" / file_id[:2] / "stray.part"
    stray.write_bytes(b"x")
    async with running(tmp_path) as one:
        assert (await one.ask("GET", f"/d/{file_id}"))[1] == b"kept"
        assert not stray.exists()
