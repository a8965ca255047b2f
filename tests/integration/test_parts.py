"""Large files in parts: at the service, at a store, and from a run that is killed."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from orchestrator.batch import load_manifest, run_batch
from orchestrator.model import State
from orchestrator.service.parts import Part, check_parts, parts_of
from orchestrator.service.problems import Problem
from orchestrator.service.s3.bucket import Bucket, bucket_of, credentials_of
from orchestrator.service.s3.objects import Objects
from orchestrator.service.s3.signer import Signer
from tests.integration.bucket import ENVIRONMENT, Weed, need_weed, weed
from tests.integration.relay import Line, Look, stretched
from tests.integration.serving import KEY, ROOT, Client, running

pytestmark = pytest.mark.timeout(60)
MIB = 1 << 20
SIZE = 12 * MIB
BODY = random.Random(1).randbytes(SIZE)
PARTS = (BODY[: 5 * MIB], BODY[5 * MIB : 10 * MIB], BODY[10 * MIB :])
LARGE = 40 * MIB


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """One store for all tests here."""
    need_weed()
    with weed(tmp_path_factory.mktemp("weed")) as started:
        yield started


@pytest.fixture(params=["disk", "store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Both places where pre-signed files may lie, as settings of a service."""
    if request.param == "disk":
        return {}
    started: Weed = request.getfixturevalue("store")
    text = started.storage(tmp_path.name)
    return {"storage": bucket_of(text, credentials_of(ENVIRONMENT))}


async def put(url: str, text: bytes) -> int:
    """Put bytes to a link, as anybody would."""
    async with (
        aiohttp.ClientSession() as nobody,
        nobody.put(URL(url, encoded=True), data=io.BytesIO(text)) as reply,
    ):
        return reply.status


async def created(one: Client, **changes: Any) -> list[dict[str, Any]]:
    """The places for the parts of one file."""
    status, job, _ = await one.create("p", SIZE, part_size=5 * MIB, **changes)
    assert status == 201, job
    uploads: list[dict[str, Any]] = job["uploads"]
    return uploads


async def received(one: Client) -> list[bool]:
    """Which parts are there, as the service says."""
    return [each["received"] for each in (await one.job("p"))["uploads"]]


async def test_parts_come_in_any_order(tmp_path: Path, storage: dict[str, Any]) -> None:
    """Also over a restart; what is there is known without anybody's memory."""
    data = tmp_path / "data"
    async with running(data, **storage) as one:
        uploads = await created(one)
        shown = [(e["part"], e["offset"], e["size"]) for e in uploads]
        assert shown == [(1, 0, 5 * MIB), (2, 5 * MIB, 5 * MIB), (3, 10 * MIB, 2 * MIB)]
        assert await put(uploads[2]["url"], PARTS[2]) in (200, 204)
        assert await received(one) == [False, False, True]
        assert (await one.ask("POST", "/v1/jobs/p/execute"))[0] == 409
    async with running(data, **storage) as one:
        uploads = await created(one)
        assert [each["received"] for each in uploads] == [False, False, True]
        for place in (1, 0):
            assert await put(uploads[place]["url"], PARTS[place]) in (200, 204)
        assert await received(one) == [True, True, True]
        assert await one.bill() == (0, 0, 0)
        assert (await one.ask("POST", "/v1/jobs/p/execute"))[0] == 202
        job = await one.until("p", "done", "failed")
        (result,) = job["results"]
        assert result["sha256"] == hashlib.sha256(BODY).hexdigest()
        assert await one.bill() == (1, 0, 1)
        left = [each for each in (data / "jobs").rglob("*") if each.is_file()]
        assert len(left) == (0 if storage else 1), left


async def test_a_job_that_is_deleted_leaves_no_parts(
    tmp_path: Path, storage: dict[str, Any]
) -> None:
    """Neither files nor an upload that was begun."""
    async with running(tmp_path / "data", **storage) as one:
        uploads = await created(one)
        assert await put(uploads[0]["url"], PARTS[0]) in (200, 204)
        assert (await one.ask("DELETE", "/v1/jobs/p"))[0] == 204
    assert not [e for e in (tmp_path / "data" / "jobs").rglob("*") if e.is_file()]
    if storage:
        assert await begun(storage["storage"]) == []


async def begun(bucket: Bucket) -> list[tuple[str, str]]:
    """Uploads in parts that the store knows of."""
    found = Objects(Signer(bucket))
    found.open()
    try:
        return await found.uploads(bucket.prefix)
    finally:
        await found.close()


async def test_a_part_is_taken_once(tmp_path: Path) -> None:
    """The same bytes change nothing; others, or too few, are refused."""
    async with running(tmp_path / "data") as one:
        uploads = await created(one)
        url = uploads[0]["url"]
        assert await put(url, PARTS[0]) == 204
        assert await put(url, PARTS[0]) == 204
        assert await put(url, PARTS[1]) == 409
        assert await put(url, PARTS[2]) == 400
        assert await put(url.replace("/0/1?", "/0/2?"), PARTS[1]) == 403
        assert await put(url.replace("/0/1?", "/0?"), BODY) == 403
        for place in (1, 2):
            assert await put(uploads[place]["url"], PARTS[place]) == 204
        assert (await one.ask("POST", "/v1/jobs/p/execute"))[0] == 202
        await one.until("p", "done")
        assert await put(url, PARTS[0]) == 409


@pytest.mark.parametrize(
    ("size", "part_size"), [(SIZE, 5 * MIB - 1), (5 * MIB * 10_000, 5 * MIB)]
)
async def test_parts_have_bounds(tmp_path: Path, size: int, part_size: int) -> None:
    """Those of every S3: no small ones, and not too many."""
    with pytest.raises(Problem):
        check_parts(part_size, [size])
    async with running(tmp_path / "data", max_body=1 << 40) as one:
        assert (await one.create("p", size, part_size=part_size))[0] == 400


def test_a_file_is_cut_into_parts() -> None:
    """Whole and without overlap; a small one is not cut."""
    assert parts_of(11, 5) == (Part(1, 0, 5), Part(2, 5, 5), Part(3, 10, 1))
    assert parts_of(10, 5) == (Part(1, 0, 5), Part(2, 5, 5))
    assert parts_of(5, 5) == parts_of(None, 5) == parts_of(11, 0) == ()


# The client


@dataclass
class Counted(Line):
    """A line that counts uploads of parts, by path and at once.

    After ``holds`` parts were begun, no more bytes of uploads pass.
    """

    holds: int = 1000
    begun: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    busy: int = 0
    most: int = 0
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self) -> tuple[Look, Look]:
        """The first bytes of request and reply tell of which part they are."""
        on: list[str] = []

        async def up(piece: bytes) -> bytes:
            if found := re.match(rb"PUT /v1/uploads/\w+/(\d+/\d+)\?", piece):
                on.append(found[1].decode())
                await self._begin(on[-1])
            return piece

        async def down(piece: bytes) -> bytes:
            if on and piece.startswith(b"HTTP/1.1 204"):
                self.busy -= 1
                self.done.add(on.pop())
            return piece

        return up, down

    async def _begin(self, part: str) -> None:
        self.begun.append(part)
        if len(self.begun) > self.holds:
            self.silent.set()
            await asyncio.sleep(3600)
        self.busy += 1
        self.most = max(self.most, self.busy)


def manifest(folder: Path, url: str, uploads: int = 4) -> Path:
    """One document of three parts."""
    body = b"%PDF-1.7\n<</Type /Page>>\n" + BODY * 4
    (folder / "letter.txt").write_bytes(body[: LARGE - 7] + b"\n%%EOF\n")
    path = folder / "batch.yaml"
    path.write_text(
        "version: 1\n"
        "providers:\n"
        f"  apart: {{type: local, url: '{url}', key: '${{env:KEY}}',\n"
        f"    limits: {{uploads: {uploads}}}}}\n"
        "defaults: {provider: apart, mode: presigned, output: 'out/{id}.pdf'}\n"
        "documents: [{id: a, input: letter.txt, to: pdf}]\n"
    )
    return path


def is_whole(folder: Path) -> bool:
    """Whether the copy that the service made is what was sent."""
    made, sent = folder / "out" / "a.pdf", folder / "letter.txt"
    return made.read_bytes() == sent.read_bytes()


@pytest.mark.parametrize("uploads", [1, 4])
async def test_a_run_sends_parts_side_by_side(tmp_path: Path, uploads: int) -> None:
    """As many as the account has uploads; each once; and the file is hashed."""
    async with running(tmp_path / "data") as one, stretched(Counted(), one.url) as made:
        path, known = manifest(tmp_path, made.url, uploads), {"KEY": KEY}
        loaded = load_manifest(path, environment=known)
        (verdict,) = [v async for v in run_batch(loaded, environment=known)]
        assert verdict.state is State.DONE, verdict.failure
        assert is_whole(tmp_path)
        assert await one.bill() == (1, 0, 1)
    assert sorted(made.begun) == ["0/1", "0/2", "0/3"]
    assert made.most == (1 if uploads == 1 else 3)


async def test_a_run_in_parts_to_a_store(tmp_path: Path, store: Weed) -> None:
    """The same, with links of the store."""
    bucket = bucket_of(store.storage(tmp_path.name), credentials_of(ENVIRONMENT))
    async with running(tmp_path / "data", storage=bucket) as one:
        path, known = manifest(tmp_path, one.url), {"KEY": KEY}
        loaded = load_manifest(path, environment=known)
        (verdict,) = [v async for v in run_batch(loaded, environment=known)]
        assert verdict.state is State.DONE, verdict.failure
        assert is_whole(tmp_path)
    assert await begun(bucket) == []


async def test_a_killed_run_sends_the_missing_parts_only(tmp_path: Path) -> None:
    """SIGKILL between parts: the service is asked what it has."""
    command = (sys.executable, "-m", "orchestrator", "run")
    environment = {**os.environ, "KEY": KEY, "PYTHONPATH": str(ROOT)}
    async with (
        running(tmp_path / "data") as one,
        stretched(Counted(holds=2), one.url) as made,
    ):
        path = manifest(tmp_path, made.url, 1)
        run = await asyncio.create_subprocess_exec(*command, path, env=environment)
        await made.silent.wait()
        run.send_signal(signal.SIGKILL)
        await run.wait()
        assert made.done == {"0/1", "0/2"}
        made.holds = 1000
        again = await asyncio.create_subprocess_exec(*command, path, env=environment)
        assert await again.wait() == 0
        assert is_whole(tmp_path)
        assert await one.bill() == (1, 0, 1)
    assert Counter(made.begun) == {"0/1": 1, "0/2": 1, "0/3": 2}
