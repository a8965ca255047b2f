"""What the service does not take: keys, links, sizes, shapes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import (
    RECORD,
    Client,
    ScriptedRenderer,
    client,
    running,
)


async def test_every_path_below_v1_needs_a_key(tmp_path: Path) -> None:
    """Any of the keys opens; nothing else does."""
    async with running(tmp_path, keys=("one", "two")) as one:
        paths = ["/v1/jobs", "/v1/jobs/x", "/v1/bill", "/v1/jobs/x/results/0"]
        for path in paths:
            status, body, _ = await one.ask("GET", path)
            assert (status, body["error"]["blame"]) == (401, "account")
        for key in ("one", "two"):
            async with client(one.url, key) as friend:
                assert (await friend.ask("GET", "/v1/bill"))[0] == 200
        odd = {"Authorization": "Basic one"}
        assert (await one.ask("GET", "/v1/bill", headers=odd))[0] == 401
        for path in ("/healthz", "/formats"):
            assert (await one.ask("GET", path))[0] == 200


async def test_a_changed_or_old_link_does_not_work(tmp_path: Path) -> None:
    """A signature covers job, file and expiry."""
    async with running(tmp_path, link_life=900) as one:
        url = (await one.create("u1", 4))[1]["uploads"][0]["url"]
        expires = url.split("expires=")[1].split("&")[0]
        later = str(int(expires) + 1000)
        for changed in (
            url[:-1] + ("0" if url[-1] != "0" else "1"),
            url.replace(f"expires={expires}", f"expires={later}"),
            url.replace("/u1/0", "/u1/1"),
            url.replace("/u1/0", "/u2/0"),
            url.split("?", maxsplit=1)[0],
        ):
            status, body, _ = await one.ask("PUT", changed, data=b"text")
            assert (status, body["error"]["code"]) == (403, "bad_signature"), changed
    async with running(tmp_path, link_life=-1) as one:
        url = (await one.job("u1"))["uploads"][0]["url"]
        status, body, _ = await one.ask("PUT", url, data=b"text")
        assert (status, body["error"]["code"]) == (410, "expired")


async def test_an_upload_is_what_was_declared(tmp_path: Path) -> None:
    """Length is needed and must fit; bytes are kept as sent."""

    async def pieces() -> Any:
        yield b"text"

    async with running(tmp_path, max_body=100) as one:
        url = (await one.create("u1", 4, None))[1]["uploads"][0]["url"]
        second = (await one.job("u1"))["uploads"][1]["url"]
        assert (await one.ask("PUT", url, data=pieces()))[0] == 411
        assert (await one.ask("PUT", url, data=b"texts"))[0] == 400
        assert (await one.ask("PUT", second, data=b"x" * 101))[0] == 413
        assert (await one.ask("PUT", second, data=b""))[0] == 204
        assert not (await one.job("u1"))["uploads"][0]["received"]
        packed = {"Content-Encoding": "gzip"}
        assert (await one.ask("PUT", url, data=b"text", headers=packed))[0] == 204
        assert not [*tmp_path.rglob("*.part")]


async def test_a_file_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    """The limit is exact, and a refusal costs no disk."""
    async with running(tmp_path, max_body=100) as one:
        assert (await one.submit("b1", b"x" * 100, mode="sync"))[0] == 200
        status, body, _ = await one.submit("b2", b"x" * 101)
        assert (status, body["error"]["code"]) == (413, "too_large")
        assert (await one.create("b3", 101))[0] == 413
        assert (await one.ask("GET", "/v1/jobs/b2"))[0] == 404
        assert not [*(tmp_path / "receiving").iterdir()]
        assert await one.bill() == (1, 0, 1)


async def test_a_full_queue_refuses_before_anything_starts(tmp_path: Path) -> None:
    """429 is for new work only, not for replays."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with running(tmp_path, renderer, workers=1, max_queue=2) as one:
        for n in range(2):  # these are in hand
            await one.submit(f"q{n}", b"text")
            await one.until(f"q{n}", "running")
        for n in range(2, 4):  # these wait
            assert (await one.submit(f"q{n}", b"text"))[0] == 202
        status, body, reply = await one.submit("q4", b"text")
        assert (status, body["error"]["code"]) == (429, "too_many")
        assert body["error"]["retry"] is True
        assert int(reply.headers["Retry-After"]) > 0
        assert (await one.submit("q3", b"text"))[0] == 202  # a replay
        assert (await one.ask("GET", "/v1/jobs/q4"))[0] == 404
        assert await one.bill() == (4, 1, 4)
        renderer.gate.set()
        await one.until("q3", "done")
        assert (await one.submit("q4", b"text"))[0] == 202


BAD_RECORDS = [
    {},
    {"operation": "paint"},
    {**RECORD, "target": "../etc"},
    {**RECORD, "source": ""},
    {**RECORD, "extra": 1},
    {**RECORD, "design": "invoice@1"},
    {"operation": "generate", "target": "pdf"},
    {"operation": "generate", "target": "pdf", "design": "../x@1"},
    {**RECORD, "webhook": "ftp://somewhere/"},
    {**RECORD, "webhook": "/relative"},
    {**RECORD, "params": [1]},
]


@pytest.mark.parametrize("record", BAD_RECORDS, ids=repr)
async def test_a_wrong_record_is_told_where(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    """The message names the part that is wrong."""
    async with running(tmp_path) as one:
        status, body = await _send(one, json.dumps(record).encode())
        assert (status, body["error"]["code"]) == (400, "bad_request")
        assert body["error"]["message"].startswith("job: ")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Multipart/Form-Data ;boundary=B", 202),
        ("multipart/form-data", 400),
        ("multipart/mixed; boundary=B", 400),
        ("text/plain", 400),
        ("", 400),
    ],
)
async def test_only_a_form_is_taken(tmp_path: Path, kind: str, status: int) -> None:
    """The type is read without regard to case and space; another is told."""
    async with running(tmp_path) as one:
        found, body = await _send(one, json.dumps(RECORD).encode(), kind=kind)
        assert found == status
        if status == 400:
            assert "multipart" in body["error"]["message"]


async def _send(
    one: Client,
    record: bytes,
    tail: bytes = b"",
    kind: str = "multipart/form-data; boundary=B",
) -> tuple[int, Any]:
    line = b'\r\nContent-Disposition: form-data; name="'
    body = b"--B" + line + b'job"\r\n\r\n' + record + b"\r\n"
    body += b"--B" + line + b'file"; filename="a.txt"\r\n\r\ntext\r\n--B--\r\n'
    headers = {"Content-Type": kind}
    path = "/v1/jobs/x1?mode=async"
    found = await one.ask("PUT", path, data=tail or body, headers=headers)
    return found[0], found[1]


async def test_depth_and_broken_json_are_refused(tmp_path: Path) -> None:
    """No JSON ends in a 500."""
    deep = b'{"operation":"convert","source":"txt","target":"pdf","params":{"a":'
    async with running(tmp_path) as one:
        for record in (
            deep + b"[" * 70 + b"]" * 70 + b"}}",
            deep + b"[" * 100_000 + b"]" * 100_000 + b"}}",
            b"{",
            b"\xff\xfe",
            b"null",
        ):
            status, body = await _send(one, record)
            assert (status, body["error"]["code"]) == (400, "bad_request")
        assert (await _send(one, deep + b"[" * 60 + b"]" * 60 + b"}}"))[0] == 202


@pytest.mark.parametrize(
    "tail",
    [
        b"no parts at all",
        b"--B\r\n",
        b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--B--\r\n',
        b'--B\r\nContent-Disposition: form-data; name="job"\r\n\r\n'
        + json.dumps(RECORD).encode()
        + b"\r\n--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="job"\r\n\r\n'
        + json.dumps(RECORD).encode()
        + b'\r\n--B\r\nContent-Disposition: form-data; name="file"\r\n\r\ncut o',
        b'--B\r\nContent-Disposition: form-data; name="job"\r\n\r\n'
        + json.dumps(RECORD).encode()
        + b'\r\n--B\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext'
        + b"\r\n--B\r\n",
    ],
    ids=["none", "empty", "no job", "no file", "cut in a file", "cut after a file"],
)
async def test_a_form_that_is_not_whole_is_refused(tmp_path: Path, tail: bytes) -> None:
    """A body that is cut anywhere is never accepted."""
    async with running(tmp_path) as one:
        status, body = await _send(one, b"", tail)
        assert (status, body["error"]["code"]) == (400, "bad_request")
        assert (await one.ask("GET", "/v1/jobs/x1"))[0] == 404
        assert not [*(tmp_path / "receiving").iterdir()]


async def test_a_cut_connection_leaves_nothing(tmp_path: Path) -> None:
    """Half a request leaves neither job nor files."""
    async with running(tmp_path) as one:
        host, port = one.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        record = json.dumps(RECORD)
        writer.write(
            b"PUT /v1/jobs/cut?mode=async HTTP/1.1\r\nHost: x\r\n"
            b"Authorization: Bearer key-of-the-tests\r\nContent-Length: 9999\r\n"
            b"Content-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\n"
            b'Content-Disposition: form-data; name="job"\r\n\r\n'
            + record.encode()
            + b'\r\n--B\r\nContent-Disposition: form-data; name="file"\r\n\r\nsome'
        )
        await one.until("cut", "receiving")
        writer.close()
        while (await one.ask("GET", "/v1/jobs/cut"))[0] != 404:
            await asyncio.sleep(0.02)
        assert not [*(tmp_path / "receiving").iterdir()]
        assert await one.bill() == (0, 0, 0)


async def test_errors_of_the_router_are_json_too(tmp_path: Path) -> None:
    """Every error has the one shape."""
    async with running(tmp_path) as one:
        cases = [
            ("GET", "/nowhere", 404, "not_found"),
            ("DELETE", "/healthz", 405, "wrong_method"),
            ("PUT", "/v1/jobs/a.b?mode=sync", 400, "bad_request"),
            ("PUT", "/v1/jobs/ab?mode=later", 400, "bad_request"),
            ("PUT", "/v1/jobs/ab?mode=sync", 400, "bad_request"),
            ("GET", "/v1/jobs?limit=0", 400, "bad_request"),
            ("GET", "/v1/jobs?limit=many", 400, "bad_request"),
        ]
        for method, path, status, code in cases:
            found, body, _ = await one.ask(method, path)
            assert (found, body["error"]["code"]) == (status, code), path
        _, _, reply = await one.ask("DELETE", "/healthz")
        assert "GET" in reply.headers["Allow"]


async def test_names_of_callers_never_become_paths(tmp_path: Path) -> None:
    """Names are for results only; paths are numbers."""
    renderer = ScriptedRenderer()
    async with running(tmp_path / "data", renderer) as one:
        form = one.form()
        for name in ("../../evil.txt", "..\\..\\evil.txt", "\u202e.txt", "名" * 300):
            form.add_field("file", b"text", filename=name)
        path = "/v1/jobs/n1?mode=sync"
        assert (await one.ask("PUT", path, data=form))[0] == 200
        names = renderer.made[0].names
        assert names[:3] == ["evil.txt", "evil.txt", "txt"]
        assert len(names[3].encode()) <= 200
        inside = (tmp_path / "data").resolve()
        assert all(inside in path.resolve().parents for path in renderer.made[0].inputs)
        assert [path.name for path in tmp_path.iterdir()] == ["data"]
