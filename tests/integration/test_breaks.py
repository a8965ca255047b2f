"""What is known of a request that broke is true."""

# small local files

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from pathlib import Path

import pytest

from orchestrator.clock import SystemClock
from orchestrator.model import Input
from orchestrator.transfer.exchange import Bounds
from orchestrator.wire.http import (
    Field,
    FilePart,
    Form,
    Raw,
)
from orchestrator.wire.outcome import (
    NotSent,
    Unanswered,
)
from tests.integration.asking import (
    CHUNKED,
    JSON,
    PDF,
    client,
    error_of,
    failing,
    fetch,
    get,
    made,
    post,
)
from tests.integration.raw import (
    Handler,
    RawServer,
    answer,
    length_of,
    replies,
    reset,
    serving,
)


@pytest.fixture
def big(tmp_path: Path) -> Input:
    """A file of 8 MB, more than sockets hold."""
    return made(tmp_path / "big.bin", os.urandom(8_000_000))


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_no_connection_is_not_sent() -> None:
    """Refused, unknown, and not speaking TLS."""

    async def handle(
        _: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(answer())

    async with serving(handle) as server:
        for url, code in (
            (f"http://127.0.0.1:{free_port()}", "connect_failed"),
            ("http://nowhere.invalid", "dns_failed"),
            (server.url.replace("http:", "https:"), "tls_failed"),
        ):
            async with client(url) as transport:
                error = await error_of(transport, post(url="/x?signature=1"))
                assert isinstance(error, NotSent)
                assert error.code == code, error


async def test_a_handshake_that_stalls_is_not_sent() -> None:
    """The time to connect holds for all of it."""

    async def handle(
        _: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await asyncio.sleep(9)

    async with serving(handle) as server:
        url = server.url.replace("http:", "https:")
        async with client(url, bounds=Bounds(connect=0.2)) as transport:
            error = await error_of(transport, post())
    assert isinstance(error, NotSent)
    assert error.code == "connect_timed_out"


async def test_an_upload_that_is_cut_did_not_arrive(big: Input) -> None:
    """A reset before the last byte was handed over proves it."""

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read_head(reader)
        await reader.readexactly(100_000)
        reset(writer)

    form = Form((Field("job", "{}"), FilePart("file", "a", big)))
    for body in (Raw(big), form):
        error = await failing(handle, post(body))
        assert isinstance(error, NotSent)
        assert error.code == "reset"


async def test_an_upload_that_nobody_takes_did_not_arrive(big: Input) -> None:
    """The silence is measured while we write, too."""

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read_head(reader)
        await asyncio.sleep(9)

    error = await failing(handle, post(Raw(big), timeout=0.3))
    assert isinstance(error, NotSent)
    assert error.code == "stalled"


async def test_an_upload_may_take_longer_than_the_longest_silence(
    tmp_path: Path,
) -> None:
    """For files the time limit is that of a silence, not of the whole."""
    given = made(tmp_path / "a", bytes(40_000_000))

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        left = length_of(await server.read_head(reader))
        while left:
            left -= len(await reader.read(min(left, 1_000_000)))
            await asyncio.sleep(0.02)
        for byte in answer(b"abc", "Content-Type: application/pdf"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)

    clock = SystemClock()
    began = clock.monotonic()
    async with serving(handle) as server, client(server.url) as transport:
        request = post(Raw(given), timeout=2.5, takes_file=True)
        assert await fetch(transport, request) == b"abc"
    assert clock.monotonic() - began > request.timeout


async def test_an_early_refusal_is_an_answer(big: Input) -> None:
    """A reply that comes while we still write is taken."""

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read_head(reader)
        writer.write(answer(b'{"no": 1}', status="413 Too Large"))
        await asyncio.sleep(0.3)

    async with (
        serving(handle) as server,
        client(server.url) as transport,
        transport.send(post(Raw(big))) as reply,
    ):
        assert reply.response.status == 413
        assert reply.response.json() == {"no": 1}


def breaking(*pieces: bytes, stall: bool = False, hard: bool = False) -> Handler:
    """A server that answers so far and no further."""

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if stall:
            await asyncio.sleep(9)
        if hard:
            await asyncio.sleep(0.05)
            reset(writer)

    return handle


@pytest.mark.parametrize(
    ("handler", "codes"),
    [
        (breaking(), {"hung_up"}),
        (breaking(hard=True), {"reset", "hung_up"}),
        (breaking(stall=True), {"timed_out"}),
        (breaking(JSON + b"Content-Length: 9\r\n\r\n{}"), {"cut_body"}),
        (
            breaking(JSON + b"Content-Length: 9\r\n\r\n{}", hard=True),
            {"cut_body", "reset"},
        ),
        (breaking(JSON + b"Content-Length: 9\r\n\r\n{}", stall=True), {"timed_out"}),
        (breaking(PDF + b"Content-Length: 9\r\n\r\nab"), {"cut_body"}),
        (
            breaking(PDF + b"Content-Length: 9\r\n\r\nab", hard=True),
            {"cut_body", "reset"},
        ),
        (breaking(PDF + b"Content-Length: 9\r\n\r\nab", stall=True), {"timed_out"}),
        (breaking(PDF + CHUNKED + b"5\r\nab"), {"cut_body"}),
        (breaking(PDF + CHUNKED + b"2\r\nab\r\n"), {"cut_body"}),
        (breaking(PDF + CHUNKED + b"zz\r\nab\r\n"), {"cut_body", "malformed"}),
        (breaking(b"\x16\x03\x01 no http\r\n\r\n"), {"malformed"}),
        (breaking(PDF + b"A: " + b"b" * 99_999 + b"\r\n\r\n"), {"malformed"}),
        (breaking(PDF + b"A: b\r\n" * 9999 + b"\r\n"), {"malformed"}),
        (
            breaking(JSON + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
            {"cut_body", "malformed"},
        ),
    ],
)
async def test_after_the_last_byte_nobody_knows(
    handler: Handler, codes: set[str]
) -> None:
    """Every break has a short word, and none is taken for an answer."""
    request = post(url="/x?signature=1", timeout=0.3, takes_file=True)
    error = await failing(handler, request)
    assert isinstance(error, Unanswered)
    assert error.code in codes, error


async def test_replies_in_memory_are_bounded() -> None:
    """A good one that is too long is no answer; of a bad one the start is enough."""
    bounds = Bounds(reply=100_000, error=1000)
    long = b"[" + b" " * 200_000 + b"]"
    error = await failing(replies(answer(long)), get(), bounds=bounds)
    assert isinstance(error, Unanswered)
    assert error.code == "too_long"
    bomb = answer(gzip.compress(b" " * 9_000_000), "Content-Encoding: gzip")
    error = await failing(replies(bomb), get(), bounds=bounds)
    assert isinstance(error, Unanswered)
    assert error.code == "too_long"
    async with (
        serving(replies(answer(long, status="500 Oops"))) as server,
        client(server.url, bounds=bounds) as transport,
        transport.send(get()) as reply,
    ):
        assert reply.response.status == 500
        assert len(reply.response.body) == 1000


async def test_a_refusal_whose_body_is_cut_is_still_a_refusal() -> None:
    """Its status says that nothing was begun; nothing is made of the rest."""
    cut = b'HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 99\r\n\r\n{"a'
    async with (
        serving(breaking(cut)) as server,
        client(server.url) as transport,
        transport.send(post()) as reply,
    ):
        assert reply.response.retry_after() == 7
        assert reply.response.body == b""
