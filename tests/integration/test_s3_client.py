"""The client against a real store, with a line between them that a test can disturb."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.batch import load_manifest, run_batch
from orchestrator.model import State, Verdict
from orchestrator.service.s3.bucket import bucket_of, credentials_of
from tests.integration.bucket import ENVIRONMENT, Weed, need_weed, weed
from tests.integration.relay import Line, Look, stretched
from tests.integration.serving import KEY, Client, running

pytestmark = pytest.mark.timeout(60)
LARGE = 24 << 20
LATE = 1.3
"""Seconds after which a link of one second has expired, whole seconds and all."""
SIGNATURE = re.compile(rb"(X-Amz-Signature=)[0-9a-f]{4}")
Disturb = Callable[["Disturbed", bytes], Awaitable[bytes]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """One store for all tests here."""
    need_weed()
    with weed(tmp_path_factory.mktemp("weed")) as started:
        yield started


@dataclass
class Disturbed(Line):
    """A line to the store; heads of uploads may be disturbed.

    ``disturb`` is given the first piece of every upload and gives what to pass on;
    ``cut`` is after how many bytes more the line breaks, once.
    """

    disturb: Disturb | None = None
    heads: list[bytes] = field(default_factory=list)
    cut: int | None = None

    def connected(self) -> tuple[Look, Look]:
        """What comes back is passed as it is."""
        left: int | None = None

        async def up(piece: bytes) -> bytes:
            nonlocal left
            if piece.startswith(b"PUT ") and b"/in-0?" in piece:
                self.heads.append(piece.partition(b"\r\n\r\n")[0])
                left, self.cut = self.cut, None
                piece = await self.disturb(self, piece) if self.disturb else piece
            if left is not None:
                left -= len(piece)
                if left < 0:
                    raise ConnectionResetError
            return piece

        return up, super().connected()[1]


def line(
    store: Weed, disturb: Disturb | None = None
) -> AbstractAsyncContextManager[Disturbed]:
    """A line to the store on a free port."""
    return stretched(Disturbed(disturb), f"http://127.0.0.1:{store.port}")


async def too_late(line: Disturbed, piece: bytes) -> bytes:
    """The first upload dawdles until its link has expired."""
    if len(line.heads) == 1:
        await asyncio.sleep(LATE)
    return piece


async def always_too_late(_: Disturbed, piece: bytes) -> bytes:
    """Every upload does."""
    await asyncio.sleep(LATE)
    return piece


async def tampered(line: Disturbed, piece: bytes) -> bytes:
    """The first link was changed on its way."""
    return SIGNATURE.sub(rb"\g<1>0000", piece) if len(line.heads) == 1 else piece


async def always_tampered(_: Disturbed, piece: bytes) -> bytes:
    """Every link was."""
    return SIGNATURE.sub(rb"\g<1>0000", piece)


async def carried(folder: Path, one: Client, size: int) -> Verdict:
    """Run a manifest of one pre-signed document of that size; how it ended."""
    text = b"%PDF-1.7\n<</Type /Page>>\n" + b"%" * (size - 32) + b"\n%%EOF\n"
    (folder / "letter.txt").write_bytes(text)
    manifest = folder / "batch.yaml"
    manifest.write_text(
        "version: 1\n"
        "providers:\n"
        f"  apart: {{type: local, url: '{one.url}', key: '${{env:KEY}}'}}\n"
        "defaults: {provider: apart, mode: presigned, output: 'out/{id}.pdf'}\n"
        "documents: [{id: a, input: letter.txt, to: pdf}]\n"
    )
    environment = {"KEY": KEY}
    loaded = load_manifest(manifest, environment=environment)
    (verdict,) = [v async for v in run_batch(loaded, environment=environment)]
    if verdict.state is State.DONE:
        assert (folder / "out" / "a.pdf").read_bytes() == text
    return verdict


@asynccontextmanager
async def apart(
    folder: Path, made: Disturbed, store: Weed, life: float = 900.0
) -> AsyncIterator[Client]:
    """A service whose store is at the other end of the line."""
    text = store.storage(folder.name, made.port)
    bucket = bucket_of(text, credentials_of(ENVIRONMENT))
    async with running(folder / "data", storage=bucket, link_life=life) as one:
        yield one


async def test_a_document_goes_its_whole_way(tmp_path: Path, store: Weed) -> None:
    """Put and fetched at the store, without a header of ours."""
    async with line(store) as made, apart(tmp_path, made, store) as one:
        verdict = await carried(tmp_path, one, LARGE)
        assert verdict.state is State.DONE, verdict.failure
        (head,) = made.heads
        assert b"\r\nContent-Length: %d\r\n" % LARGE in head + b"\r\n"
        assert KEY.encode() not in head
        assert b"authorization" not in head.lower()
        assert await one.bill() == (1, 0, 1)


@pytest.mark.parametrize("size", [64, LARGE])
@pytest.mark.parametrize(
    ("disturb", "life"), [(too_late, 1.0), (tampered, 900.0)], ids=["late", "tampered"]
)
async def test_a_refused_link_is_replaced(
    tmp_path: Path, store: Weed, disturb: Disturb, life: float, size: int
) -> None:
    """The store says 403 in XML; a new link to the same job is asked for."""
    async with line(store, disturb) as made, apart(tmp_path, made, store, life) as one:
        verdict = await carried(tmp_path, one, size)
        assert verdict.state is State.DONE, verdict.failure
        assert len(made.heads) == 2
        assert await one.bill() == (1, 0, 1)


@pytest.mark.parametrize(
    ("disturb", "life"),
    [(always_too_late, 1.0), (always_tampered, 900.0)],
    ids=["late", "tampered"],
)
async def test_links_that_never_work_are_given_up(
    tmp_path: Path, store: Weed, disturb: Disturb, life: float
) -> None:
    """After bounded laps the document fails, unbilled."""
    async with line(store, disturb) as made, apart(tmp_path, made, store, life) as one:
        verdict = await carried(tmp_path, one, 64)
        assert verdict.state is State.FAILED
        assert verdict.failure is not None
        assert verdict.failure.code == "too_many_laps"
        assert len(made.heads) == 4
        assert await one.bill() == (0, 0, 0)


async def test_an_upload_that_is_cut_is_made_again_whole(
    tmp_path: Path, store: Weed
) -> None:
    """The file is opened again; the store never has half of it."""
    async with line(store) as made, apart(tmp_path, made, store) as one:
        made.cut = LARGE // 2
        verdict = await carried(tmp_path, one, LARGE)
        assert verdict.state is State.DONE, verdict.failure
        assert len(made.heads) == 2
        assert made.heads[0].partition(b"?")[0] == made.heads[1].partition(b"?")[0]
        assert await one.bill() == (1, 0, 1)
