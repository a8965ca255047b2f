"""One send is one request, and what is known of it afterwards is true."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from orchestrator.clock import SystemClock
from orchestrator.model import Input
from orchestrator.transfer.body import encode_json
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.exchange import Bounds
from orchestrator.transfer.log import Exchanged, ExchangeLog
from orchestrator.wire.http import (
    Field,
    FilePart,
    Form,
    Json,
    Raw,
    Repeat,
    Request,
)
from orchestrator.wire.outcome import (
    NotSent,
    SourceChanged,
    Unanswered,
    is_unsent,
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

KEY = "sesame-0123456789"
AUTH = (("Authorization", f"Bearer {KEY}"),)


def client(url: str, **options: object) -> HttpTransport:
    """A transport with a key."""
    settings: dict[str, object] = {"clock": SystemClock(), "auth": AUTH, **options}
    return HttpTransport(url, **settings)  # type: ignore[arg-type]


def get(url: str = "/x", **options: object) -> Request:
    """A GET that does not wait long."""
    request = Request("GET", url, Repeat.SAFE, timeout=3.0)
    return replace(request, **options)  # type: ignore[arg-type]


def post(body: object = None, **options: object) -> Request:
    """A POST with a body."""
    chosen = Json({"a": 1}) if body is None else body
    return get(method="POST", body=chosen, repeat=Repeat.CHARGED, **options)


@pytest.fixture
def big(tmp_path: Path) -> Input:
    """A file of 8 MB, more than sockets hold."""
    return made(tmp_path / "big.bin", os.urandom(8_000_000))


def made(path: Path, content: bytes) -> Input:
    """A file as the plan saw it."""
    path.write_bytes(content)
    found = path.stat()
    return Input(str(path), found.st_size, found.st_mtime_ns, found.st_ino)


async def fetch(transport: HttpTransport, request: Request) -> bytes:
    """Send, and read all of the streamed reply."""
    async with transport.send(request) as reply:
        return b"".join([piece async for piece in reply.chunks()])


async def failing(handler: Handler, request: Request, **options: object) -> Exception:
    """What comes of a request at a server that breaks; always one of ours."""
    async with serving(handler) as server, client(server.url, **options) as transport:
        return await error_of(transport, request)


async def error_of(transport: HttpTransport, request: Request) -> Exception:
    """The exception of a request, after a look for what it must not hold."""
    with pytest.raises((NotSent, Unanswered, SourceChanged)) as caught:
        await fetch(transport, request)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert KEY not in shown
    assert "signature" not in shown
    return error


# One request


@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
async def test_a_server_that_hangs_up_is_asked_once(method: str, kept: bool) -> None:
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
    async with serving(replies()) as server, client(server.url) as transport:
        assert transport._setting is not None
        transport._setting.session._retry_connection = True

        async def handle_again() -> Exception:
            return await error_of(transport, get())

        await handle_again()
        await asyncio.sleep(0.05)
        assert len(server.heads) <= 1


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


# Leave to send


@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
async def test_nothing_is_written_before_leave_is_given(
    kept: bool, tmp_path: Path
) -> None:
    """The connection is there and idle, and the file is open, while we wait."""
    given = made(tmp_path / "a", b"abc")
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
        assert server.bodies[-1] == b"abc"


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
        await asyncio.sleep(0.3)

    async with (
        serving(replies(answer())) as server,
        client(server.url, bounds=Bounds(connect=0.1)) as transport,
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


# The key and the URL


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
        async with client(server.url, on_exchange=lines.append) as transport:
            async with transport.send(get(server.url + target, method="PUT")):
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


# What breaks before the last byte


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
    big: Input,
) -> None:
    """For files the time limit is that of a silence, not of the whole."""

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

    async with (
        serving(handle) as server,
        client(server.url) as transport,
    ):
        request = post(Raw(big), timeout=0.5, takes_file=True)
        assert await fetch(transport, request) == b"abc"


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


# What breaks after the last byte


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


PDF = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


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
    """Its status says that nothing was begun."""
    cut = b'HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 99\r\n\r\n{"a'
    async with (
        serving(breaking(cut)) as server,
        client(server.url) as transport,
        transport.send(post()) as reply,
    ):
        assert reply.response.retry_after() == 7


# Bodies


@asynccontextmanager
async def application(
    handler: Callable[[web.Request], web.StreamResponse | object],
) -> AsyncIterator[str]:
    """A server of another make than ours, for reading what we write."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_decimals_are_written_digit_by_digit() -> None:
    """No float on the way, and JSON all the same."""
    value = {
        "price": Decimal("0.10"),
        "big": Decimal("12345678901234567890.123"),
        "NaN": 1,
    }
    async with serving(replies(answer())) as server:
        async with client(server.url) as transport:
            async with transport.send(post(Json(value))):
                pass
        expected = b'{"price":0.10,"big":12345678901234567890.123,"NaN":1}'
        assert server.bodies == [expected]
        assert b"application/json" in server.heads[0]


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity"), object()])
def test_what_json_has_no_word_for_is_refused(value: object) -> None:
    """A body that is not JSON is never sent as such."""
    with pytest.raises(ValueError, match="JSON"):
        encode_json([value])


NAMES = ["漢字.docx", 'a "quoted" name.pdf', "with  spaces .txt", "back\\slash", "é'.ü"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_form_is_read_back_as_it_was(name: str, tmp_path: Path) -> None:
    """By a parser of another make, names of all kinds included."""
    given = made(tmp_path / "f", os.urandom(3_000_000))
    empty = made(tmp_path / "e", b"")
    got: list[object] = []

    async def handle(request: web.Request) -> web.Response:
        async for part in await request.multipart():
            content = bytes(await part.read())  # type: ignore[union-attr]
            kind = part.headers.get("Content-Type")
            filename = part.filename  # type: ignore[union-attr]
            got.append((part.name, filename, kind, sha256(content).hexdigest()))  # type: ignore[union-attr]
        return web.json_response({"length": request.content_length})

    hashes: dict[str, str] = {}
    form = Form(
        (
            Field("job", '{"ü": 1}', "application/json"),
            FilePart("file", name, given, "image/png"),
            FilePart("file", name, empty),
        )
    )
    async with (
        application(handle) as url,
        client(url, on_hash=lambda i, h: hashes.update({i.path: h})) as transport,
        transport.send(post(form)) as reply,
    ):
        assert reply.response.status == 200
        assert reply.response.json()["length"] > 3_000_000
    digest = sha256(Path(given.path).read_bytes()).hexdigest()
    nothing = sha256().hexdigest()
    text = sha256('{"ü": 1}'.encode()).hexdigest()
    assert got == [
        ("job", None, "application/json", text),
        ("file", name, "image/png", digest),
        ("file", name, "application/octet-stream", nothing),
    ]
    assert hashes[given.path] == digest


async def test_a_name_cannot_break_out_of_its_line() -> None:
    """Line ends and semicolons are percent-encoded."""
    got: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        form = await request.post()
        got.extend(form)
        return web.json_response({})

    form = Form((Field('a"\r\nX: y;b;c', "1"),))
    async with (
        application(handle) as url,
        client(url) as transport,
        transport.send(post(form)),
    ):
        assert got == ['a"%0D%0AX: y%3Bb%3Bc']


async def test_many_files_do_not_exhaust_the_open_ones(tmp_path: Path) -> None:
    """A merge of hundreds holds a few open at a time."""
    given = [made(tmp_path / str(n), b"%d" % n) for n in range(200)]
    most: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        count = 0
        async for part in await request.multipart():
            await part.read()  # type: ignore[union-attr]
            count += 1
        return web.json_response({"count": count})

    async def before() -> None:
        inside = [f for f in psutil.Process().open_files() if str(tmp_path) in f.path]
        most.append(len(inside))

    form = Form(tuple(FilePart("file", "x", each) for each in given))
    async with (
        application(handle) as url,
        client(url) as transport,
        transport.send(post(form), before=before) as reply,
    ):
        assert reply.response.json() == {"count": 200}
    assert 0 < most[0] < 30


# Sources


def _vanish(path: Path) -> None:
    path.unlink()


def _grow(path: Path) -> None:
    path.write_bytes(b"longer than it was")


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _swap(path: Path) -> None:
    found = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(path)


def _become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "change", [_vanish, _grow, _touch, _swap, _become_a_folder, _become_a_pipe]
)
async def test_a_file_that_is_not_the_planned_one_is_not_sent(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    """Neither a connection nor an intent is wasted on it."""
    path = tmp_path / "a"
    given = made(path, b"abc")
    change(path)
    left: list[int] = []

    async def before() -> None:
        left.append(1)

    async with serving(replies(answer())) as server, client(server.url) as transport:
        for body in (Raw(given), Form((FilePart("f", "a", given),))):
            with pytest.raises(SourceChanged, match=str(path)):
                async with transport.send(post(body), before=before):
                    pass
        assert (server.connections, left) == (0, [])


async def test_a_plan_without_times_compares_the_size_only(tmp_path: Path) -> None:
    """An input may come from where there are no times."""
    path = tmp_path / "a"
    made(path, b"abc")
    _touch(path)
    async with serving(replies(answer())) as server, client(server.url) as transport:
        async with transport.send(post(Raw(Input(str(path), 3)))) as reply:
            assert reply.response.status == 200
        with pytest.raises(SourceChanged):
            async with transport.send(post(Raw(Input(str(path), 4)))):
                pass


@pytest.mark.parametrize(
    "change", [_grow, lambda path: path.open("ab").close() or _touch(path)]
)
async def test_a_file_that_changes_while_it_is_sent_never_arrives(
    change: Callable[[Path], None], big: Input
) -> None:
    """The connection is broken before the last piece."""
    rest: list[int] = []

    async def handle(
        server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await server.read_head(reader)
        await reader.readexactly(1000)
        change(Path(big.path))
        got = 1000
        while piece := await reader.read(1 << 20):
            got += len(piece)
        rest.append(length_of(head) - got)

    error = await failing(handle, post(Raw(big)))
    assert isinstance(error, SourceChanged)
    await asyncio.sleep(0)
    assert not rest or rest[0] > 0


# Replies


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
    """In pieces worth writing; JSON and errors are read at once."""
    body = os.urandom(5_000_000)
    packed = gzip.compress(body, 1)
    pdf = "Content-Type: application/pdf"
    answers = (
        answer(body, pdf),
        answer(packed, pdf, "Content-Encoding: gzip"),
        answer(b"{}", "Content-Type: application/problem+json; charset=utf-8"),
        answer(b"<p>", "Content-Type: text/html", status="404 Not Found"),
    )
    async with (
        serving(replies(*answers)) as server,
        client(server.url) as transport,
    ):
        for _ in range(2):
            async with transport.send(get(takes_file=True)) as reply:
                pieces = [piece async for piece in reply.chunks()]
                assert b"".join(pieces) == body
                assert all(len(piece) >= 256 << 10 for piece in pieces[:-1])
        for expected in (b"{}", b"<p>"):
            async with transport.send(get(takes_file=True)) as reply:
                assert reply.response.body == expected
                assert [piece async for piece in reply.chunks()] == []
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


# The log


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
