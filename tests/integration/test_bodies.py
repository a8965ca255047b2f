"""What is sent is what was described, and what the plan saw."""

# small local files

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import psutil
import pytest
from aiohttp import BodyPartReader, web

from orchestrator.model import Input
from orchestrator.transfer.body import encode_json
from orchestrator.transfer.source import LEAST, PIECE, Share, Source
from orchestrator.wire.http import (
    Field,
    FilePart,
    Form,
    Json,
    Raw,
)
from orchestrator.wire.outcome import (
    SourceChanged,
)
from tests.integration.asking import (
    client,
    failing,
    made,
    post,
)
from tests.integration.raw import (
    RawServer,
    answer,
    length_of,
    replies,
    serving,
)


@pytest.fixture
def big(tmp_path: Path) -> Input:
    """A file of 8 MB, more than sockets hold."""
    return made(tmp_path / "big.bin", os.urandom(8_000_000))


@asynccontextmanager
async def application(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """A server of another make than ours, for reading what we write."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)
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
        async with (
            client(server.url) as transport,
            transport.send(post(Json(value))),
        ):
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
            assert isinstance(part, BodyPartReader)
            digest = sha256(await part.read()).hexdigest()
            kind = part.headers.get("Content-Type")
            got.append((part.name, part.filename, kind, digest))
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
    # Smaller ones are read and closed as soon as they are opened.
    given = [made(tmp_path / str(n), bytes(70_000)) for n in range(200)]
    most: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        count = 0
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            await part.read()
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


async def test_many_files_have_smaller_pieces(tmp_path: Path) -> None:
    """Memory is that of the account, not of each file; the bytes stay the same."""
    path = tmp_path / "large"
    path.write_bytes(random.Random(1).randbytes(3 * PIECE))
    given, share = Input(str(path), 3 * PIECE), Share()
    hashes: list[str] = []

    async def read(held: Source) -> int:
        sizes = [len(piece) async for piece in held.pieces()]
        assert sum(sizes) == 3 * PIECE
        await held.close()
        return max(sizes)

    for count, most in ((1, PIECE), (2, PIECE // 2), (64, LEAST)):
        sources = [
            Source(given, lambda _, found: hashes.append(found), share=share)
            for _ in range(count)
        ]
        for each in sources:
            each._enter()
        assert {await read(each) for each in sources[:1]} == {most}
        for each in sources:
            await each.close()
    assert share.piece == PIECE
    assert set(hashes) == {sha256(path.read_bytes()).hexdigest()}


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


@pytest.mark.parametrize("change", [_grow, _touch])
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
