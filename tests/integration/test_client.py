"""One send is one request, with leave, and with the key where it belongs."""

# small local files

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from orchestrator.model import Input
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.exchange import Bounds
from orchestrator.transfer.log import Exchanged
from orchestrator.wire.http import (
    Json,
    Raw,
    Request,
)
from orchestrator.wire.outcome import (
    NotSent,
    Unanswered,
    is_unsent,
)
from tests.integration.asking import (
    KEY,
    client,
    error_of,
    fetch,
    get,
    made,
    post,
)
from tests.integration.raw import (
    RawServer,
    answer,
    replies,
    serving,
)


@pytest.fixture
def big(tmp_path: Path) -> Input:
    """A file of 8 MB, more than sockets hold."""
    return made(tmp_path / "big.bin", os.urandom(8_000_000))


@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
async def test_a_server_that_hangs_up_is_asked_once(*, method: str, kept: bool) -> None:
    """The library's own repeats of idempotent methods are off."""

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if kept and server.connections == 1:
            await server.read(reader)
            writer.write(answer())
        await server.read(reader)

    body = Json([1]) if method in ("PUT", "POST") else None
    async with serving(handle) as server, client(server.url) as transport:
        if kept:
            async with transport.send(get()) as reply:
                assert reply.response.status == 200
        error = await error_of(transport, get(method=method, body=body))
        assert isinstance(error, Unanswered)
        assert error.code in ("hung_up", "reset")
        await asyncio.sleep(0.05)
        assert len(server.heads) == 1 + kept
        assert server.connections == 1


async def test_even_a_library_that_repeats_sends_once() -> None:
    """The attempt itself refuses a second request."""

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)

    async with serving(handle) as server, client(server.url) as transport:
        assert transport._setting is not None
        transport._setting.session._retry_connection = True
        error = await error_of(transport, get())
        assert isinstance(error, Unanswered)
        await asyncio.sleep(0.05)
        assert len(server.heads) == 1


async def test_a_redirect_is_an_answer() -> None:
    """It is not followed, and the key goes nowhere."""
    moved = answer(b"", "Location: /elsewhere", status="307 Temporary Redirect")
    async with serving(replies(moved, moved)) as server:
        async with client(server.url) as transport, transport.send(post()) as reply:
            assert reply.response.status == 307
            assert reply.response.headers["location"] == "/elsewhere"
        assert len(server.heads) == 1


async def test_no_cookie_is_kept() -> None:
    """An answer's cookie does not come back."""
    baked = answer(b"{}", "Set-Cookie: a=b")
    async with serving(replies(baked, baked)) as server:
        async with client(server.url) as transport:
            for _ in range(2):
                async with transport.send(get()):
                    pass
        assert b"cookie" not in server.heads[1].lower()


async def test_connections_are_used_again_and_closed_if_not_read() -> None:
    """A read reply frees its connection; one left unread ends it."""
    page = answer(b"x" * 4_000_000, "Content-Type: application/pdf")
    async with (
        serving(replies(page, page, page)) as server,
        client(server.url) as transport,
    ):
        for _ in range(2):
            await fetch(transport, get(takes_file=True))
        assert server.connections == 1
        async with transport.send(get(takes_file=True)) as reply:
            assert reply.response.body == b""
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_a_small_reply_left_unread_ends_no_request_but_its_own() -> None:
    """It came whole, and its connection has the next request by the time it is left."""
    came, left = asyncio.Event(), asyncio.Event()

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)
        writer.write(answer(b"%PDF-", "Content-Type: application/pdf"))
        await server.read(reader)
        came.set()
        await left.wait()
        writer.write(answer(b"[1]"))

    async def second(transport: HttpTransport) -> bytes:
        async with transport.send(get()) as reply:
            return reply.response.body

    async with serving(handle) as server, client(server.url) as transport:
        async with transport.send(get(takes_file=True)) as reply:
            assert reply.response.body == b""
            # What is on its way arrives.
            await asyncio.sleep(0.05)
            other = asyncio.create_task(second(transport))
            await came.wait()
        left.set()
        assert await other == b"[1]"
        assert server.connections == 1


@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
async def test_nothing_is_written_before_leave_is_given(
    *, kept: bool, tmp_path: Path
) -> None:
    """The connection is there and idle, and the file is open, while we wait."""
    given = made(tmp_path / "a", b"abc" * 50_000)
    seen: list[object] = []

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await server.read(reader)
            writer.write(answer())

    async with serving(handle) as server, client(server.url) as transport:
        if kept:
            async with transport.send(get()):
                pass
        count = len(server.heads)

        async def before() -> None:
            await asyncio.sleep(0.1)
            seen.append((server.connections, len(server.heads) - count))
            seen.append(given.path in {f.path for f in psutil.Process().open_files()})

        async with transport.send(post(Raw(given)), before=before):
            pass
        assert seen == [(1, 0), True]
        assert server.bodies[-1] == b"abc" * 50_000


class NoLeave(Exception):
    """The caller's own."""


@pytest.mark.parametrize("kind", [NoLeave, OSError, TimeoutError])
async def test_a_refusal_reaches_the_caller_and_nothing_the_server(
    kind: type[Exception],
) -> None:
    """What ``before`` raises is raised as it is, and the connection is closed."""

    async def before() -> None:
        raise kind("no")

    async with serving(replies(answer())) as server:
        async with client(server.url) as transport:
            with pytest.raises(kind, match="no"):
                async with transport.send(post(), before=before):
                    pass
            await asyncio.wait_for(server.closed.wait(), 2)
        assert server.heads == []


async def test_a_slow_leave_is_not_a_slow_connection() -> None:
    """The time to connect ends when the connection is there."""

    async def before() -> None:
        await asyncio.sleep(0.9)

    async with (
        serving(replies(answer())) as server,
        client(server.url, bounds=Bounds(connect=0.6)) as transport,
        transport.send(post(), before=before) as reply,
    ):
        assert reply.response.status == 200


async def test_a_cancellation_says_whether_the_request_arrived() -> None:
    """Before the last byte it carries a note, after it none."""
    arrived = asyncio.Event()

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)
        arrived.set()
        await asyncio.sleep(9)

    async def send(transport: HttpTransport, wait: float) -> None:
        async with transport.send(post(), before=lambda: asyncio.sleep(wait)):
            pass

    async with serving(handle) as server, client(server.url) as transport:
        early = asyncio.create_task(send(transport, 9))
        await asyncio.sleep(0.1)
        early.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await early
        assert is_unsent(caught.value)
        assert server.heads == []
        late = asyncio.create_task(send(transport, 0))
        await arrived.wait()
        late.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await late
        assert not is_unsent(caught.value)


async def test_a_cancelled_upload_did_not_arrive(big: Input) -> None:
    """The writer never handed over its last byte."""
    begun = asyncio.Event()

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read_head(reader)
        begun.set()
        await asyncio.sleep(9)

    async with serving(handle) as server, client(server.url) as transport:
        task = asyncio.create_task(fetch(transport, post(Raw(big))))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert is_unsent(caught.value)
    assert big.path not in {each.path for each in psutil.Process().open_files()}


async def test_the_key_goes_to_its_own_origin_only() -> None:
    """Neither to another host or port, nor where the request is without it."""
    one, two = replies(*[answer()] * 3), replies(answer())
    async with serving(one) as own, serving(two) as other:
        async with client(own.url) as transport:
            for request in (
                get("/relative"),
                get(f"{own.url}/absolute"),
                get("/unkeyed", keyed=False),
                get(f"{other.url}/elsewhere"),
            ):
                async with transport.send(request):
                    pass
        key = KEY.encode()
        assert [key in head for head in own.heads] == [True, True, False]
        assert key not in other.heads[0]
        assert KEY not in repr(transport)


async def test_a_key_for_plain_http_does_not_follow_to_another_scheme() -> None:
    """Scheme, host and port all count."""
    transport = client("https://127.0.0.1:9")
    for url in ("http://127.0.0.1:9/x", "https://localhost:9/x"):
        request = get(url)
        assert "Authorization" not in transport._headers(
            request, transport._url(request)
        )
    request = get("HTTPS://127.0.0.1:9/x")
    assert "Authorization" in transport._headers(request, transport._url(request))


@pytest.mark.parametrize(
    "target",
    [
        "/b%2fc/%7Ed?X=%2B+%2f&signature=a%3D%3d~'()&e",
        "/plain?signature=abc/def+ghi==",
    ],
)
async def test_a_signed_url_is_used_as_it_is(target: str) -> None:
    """No quoting touches it, and the log does not know its query."""
    lines: list[Exchanged] = []
    async with serving(replies(answer())) as server:
        async with (
            client(server.url, on_exchange=lines.append) as transport,
            transport.send(get(server.url + target, method="PUT")),
        ):
            pass
        assert server.heads[0].split(b" ")[1] == target.encode()
        assert lines[0].url.startswith(server.url)
        assert "?" not in lines[0].url
        assert "signature" not in repr(lines)


async def test_a_query_is_encoded() -> None:
    """Names and values of any kind arrive."""
    query = (("q", "a&b=ü +"), ("n", "1"))
    async with serving(replies(answer())) as server:
        async with (
            client(f"{server.url}/base/") as transport,
            transport.send(get("/päth", query=query)),
        ):
            pass
        target = server.heads[0].split(b" ")[1]
        assert target.startswith(b"/base/p%C3%A4th?q=a%26b%3D%C3%BC%20%2B&n=1")


@pytest.mark.parametrize(
    "request_",
    [
        get("ftp://example.invalid/signature"),
        get("http:///signature"),
        get("/x", headers=(("A", "b\r\nC: d"),)),
        get("/x", method="PO ST"),
        get("/x", method="POST", body=Json({"a": Decimal("NaN")})),
        get("/x", method="POST", body=Json({"a": "\ud800"})),
    ],
    ids=["scheme", "host", "header", "method", "nan", "surrogate"],
)
async def test_what_cannot_be_written_is_not_sent(request_: Request) -> None:
    """It is told as such, without a connection where one is not needed."""
    async with serving(replies(answer())) as server:
        async with client(server.url) as transport:
            error = await error_of(transport, request_)
        assert isinstance(error, NotSent)
        assert error.code == "bad_request"
        assert server.heads == []
