"""Replies are read as they are framed, and every exchange is logged."""

# small local files

from __future__ import annotations

import asyncio
import gzip
import json
import os
from pathlib import Path

import psutil
import pytest

from orchestrator.model import Input
from orchestrator.transfer.log import ExchangeLog
from orchestrator.wire.http import (
    Raw,
)
from tests.integration.asking import (
    CHUNKED,
    JSON,
    KEY,
    PDF,
    client,
    error_of,
    fetch,
    get,
    post,
)
from tests.integration.raw import (
    RawServer,
    answer,
    length_of,
    replies,
    serving,
)


async def test_replies_of_every_framing_are_read() -> None:
    """Compressed JSON, chunks, and bodies that end with the connection."""
    chunked = JSON + CHUNKED + b"4\r\n[1, \r\n2\r\n2]\r\n0\r\n\r\n"
    packed = answer(gzip.compress(b"[1, 2]"), "Content-Encoding: gzip")
    to_the_end = JSON + b"Connection: close\r\n\r\n[1, 2]"
    async with (
        serving(replies(chunked, packed, to_the_end)) as server,
        client(server.url) as transport,
    ):
        for _ in range(3):
            async with transport.send(get()) as reply:
                assert reply.response.json() == [1, 2]
        assert server.connections == 1


async def test_a_file_that_is_not_json_is_streamed() -> None:
    """In pieces as they come, never large ones; JSON and errors are read at once."""
    body = os.urandom(5_000_000)
    packed = gzip.compress(body, 1)
    pdf = "Content-Type: application/pdf"
    answers = (
        answer(body, pdf),
        answer(packed, pdf, "Content-Encoding: gzip"),
        answer(b"{}", "Content-Type: application/problem+json; charset=utf-8"),
        answer(b"<p>", "Content-Type: text/html", status="404 Not Found"),
        answer(b"[1]", "Content-Type: application/json"),
    )
    async with (
        serving(replies(*answers)) as server,
        client(server.url) as transport,
    ):
        for _ in range(2):
            async with transport.send(get(takes_file=True)) as reply:
                pieces = [piece async for piece in reply.chunks()]
                assert b"".join(pieces) == body
                assert all(0 < len(piece) <= 1 << 20 for piece in pieces)
        for expected in (b"{}", b"<p>"):
            async with transport.send(get(takes_file=True)) as reply:
                assert reply.response.body == expected
                assert [piece async for piece in reply.chunks()] == []
        wanted = get(takes_file=True, takes_json=True)
        async with transport.send(wanted) as reply:
            assert [piece async for piece in reply.chunks()] == [b"[1]"]
        assert b"identity" in server.heads[0]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_reply_without_a_body(status: str) -> None:
    """It is an answer like any other."""
    head = f"HTTP/1.1 {status}\r\n\r\n".encode()
    async with (
        serving(replies(head, head)) as server,
        client(server.url) as transport,
    ):
        for _ in range(2):
            async with transport.send(get(takes_file=True)) as reply:
                assert reply.response.body == b""
        assert server.connections == 1


async def test_memory_is_flat_for_any_size(tmp_path: Path) -> None:
    """200 MB up and 200 MB down."""
    size = 200_000_000
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(size)
    block = bytes(1 << 20)

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        left = length_of(await server.read_head(reader))
        while left:
            left -= len(await reader.read(min(left, 1 << 20)))
        writer.write(PDF + b"Content-Length: %d\r\n\r\n" % (200 << 20))
        for _ in range(200):
            writer.write(block)
            await writer.drain()

    process = psutil.Process()
    peak = start = process.memory_info().rss
    got = 0
    async with serving(handle) as server, client(server.url) as transport:
        request = post(Raw(Input(str(path), size)), takes_file=True, timeout=9.0)
        task_peak = asyncio.create_task(_watch(process))
        async with transport.send(request) as reply:
            async for piece in reply.chunks():
                got += len(piece)
        task_peak.cancel()
        peak = await task_peak
    assert got == 200 << 20
    assert peak - start < 40_000_000


async def _watch(process: psutil.Process) -> int:
    peak = 0
    try:
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        return peak


async def test_every_exchange_leaves_one_line(tmp_path: Path) -> None:
    """Good or bad, without key, query or header."""
    path = tmp_path / "log"
    pdf = answer(b"abc", "Content-Type: application/pdf", "Job-Id: j1")
    with ExchangeLog(path) as log:
        async with (
            serving(replies(pdf)) as server,
            client(server.url, on_exchange=log, account="acme") as transport,
        ):
            await fetch(transport, post(url="/x?signature=1", takes_file=True))
            await error_of(transport, get(headers=(("Job-Id", "j2"),)))
    assert path.stat().st_mode & 0o777 == 0o600
    good, broken = map(json.loads, path.read_text().splitlines())
    assert good["url"] == f"{server.url}/x"
    assert (good["method"], good["status"], good["code"]) == ("POST", 200, "")
    assert (good["bytes_out"], good["bytes_in"], good["job"]) == (7, 3, "j1")
    assert good["account"] == "acme"
    assert good["seconds"] > 0
    assert broken["status"] is None
    assert broken["code"] in ("hung_up", "reset", "connect_failed")
    assert broken["job"] == "j2"
    assert KEY not in path.read_text()


async def test_a_full_disk_loses_a_line_and_no_exchange() -> None:
    """The log is a record, not a condition."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    log = ExchangeLog(full)
    async with (
        serving(replies(answer())) as server,
        client(server.url, on_exchange=log) as transport,
        transport.send(get()) as reply,
    ):
        assert reply.response.status == 200
    log.close()
    assert log.dropped == 1
