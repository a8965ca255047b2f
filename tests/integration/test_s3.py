"""Pre-signed storage at a real S3 server."""

from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from orchestrator.errors import MachineError
from orchestrator.service.problems import Problem
from orchestrator.service.s3.bucket import Bucket, bucket_of, credentials_of
from orchestrator.service.s3.objects import Objects
from orchestrator.service.s3.signer import Signer
from tests.integration.bucket import ENVIRONMENT, Weed, need_weed, weed
from tests.integration.serving import Client, ScriptedRenderer, running

pytestmark = pytest.mark.timeout(60)
TEXT = b"a letter of some length\n" * 100


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """One store for all tests here; each has a prefix of its own."""
    need_weed()
    with weed(tmp_path_factory.mktemp("weed")) as started:
        yield started


@pytest.fixture
def bucket(store: Weed, tmp_path: Path) -> Bucket:
    """The part of the store that belongs to a test."""
    return bucket_of(store.storage(tmp_path.name), credentials_of(ENVIRONMENT))


async def names(bucket: Bucket) -> list[str]:
    """The keys of everything that lies there."""
    async with objects(bucket) as found:
        return [name async for page in found.names(bucket.prefix) for name in page]


@asynccontextmanager
async def objects(bucket: Bucket) -> AsyncIterator[Objects]:
    """The store, asked with its own keys."""
    found = Objects(Signer(bucket))
    found.open()
    try:
        yield found
    finally:
        await found.close()


async def put(url: str, text: bytes) -> tuple[int, bytes]:
    """Put bytes to a link, as anybody would."""
    async with (
        aiohttp.ClientSession() as nobody,
        nobody.put(URL(url, encoded=True), data=text) as reply,
    ):
        return reply.status, await reply.read()


async def uploaded(one: Client, name: str, text: bytes = TEXT, **changes: Any) -> str:
    """Create a job and put its file; the link."""
    _, job, _ = await one.create(name, len(text), **changes)
    url: str = job["uploads"][0]["url"]
    assert (await put(url, text))[0] == 200
    return url


async def test_files_pass_through_the_store_alone(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Put, execute, and a redirect to the result; the bill as without a store."""
    async with running(tmp_path, storage=bucket) as one:
        _, job, _ = await one.create("p1", len(TEXT))
        url = job["uploads"][0]["url"]
        assert url.startswith(bucket.url())
        assert job["uploads"][0]["received"] is False
        assert (await put(url, TEXT))[0] == 200
        assert (await one.job("p1"))["uploads"][0]["received"] is True
        assert await one.bill() == (0, 0, 0)
        assert (await one.ask("POST", "/v1/jobs/p1/execute"))[0] == 202
        job = await one.until("p1", "done", "failed")
        (result,) = job["results"]
        assert result["url"] == "/v1/jobs/p1/results/0"
        assert result["sha256"] == hashlib.sha256(TEXT).hexdigest()
        status, _, moved = await one.ask("GET", result["url"], allow_redirects=False)
        assert (status, moved.headers["Cache-Control"]) == (307, "no-store")
        async with aiohttp.ClientSession() as nobody:
            place = URL(moved.headers["Location"], encoded=True)
            async with nobody.get(place) as reply:
                assert await reply.read() == TEXT
                assert reply.headers["Content-Type"] == "application/pdf"
                assert 'name="result0.pdf"' in reply.headers["Content-Disposition"]
        status, body, head = await one.ask("HEAD", result["url"])
        assert (status, body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(TEXT))
        assert head.headers["ETag"] == f'"{result["sha256"]}"'
        assert await one.bill() == (1, 0, 1)
        folders = tmp_path / "jobs"
        assert not [each for each in folders.rglob("*") if each.is_file()]


async def test_sync_and_async_jobs_never_touch_the_store(
    tmp_path: Path, bucket: Bucket
) -> None:
    """What comes in a request is given out by the service itself."""
    async with running(tmp_path, storage=bucket) as one:
        assert (await one.submit("s1", TEXT, mode="sync"))[:2] == (200, TEXT)
        assert await names(bucket) == []


async def test_the_store_refuses_what_the_link_does_not_say(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Another size, another object, another method, another life."""
    async with running(tmp_path, storage=bucket) as one:
        _, job, _ = await one.create("t1", len(TEXT))
        url = job["uploads"][0]["url"]
        changed = [
            url.replace("/in-0?", "/in-1?"),
            url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
            url[:-4] + ("0000" if url[-4:] != "0000" else "1111"),
        ]
        for each in changed:
            assert each != url
            status, why = await put(each, TEXT)
            assert (status, b"SignatureDoesNotMatch" in why) == (403, True)
        assert (await put(url, TEXT + b"more"))[0] == 403
        link = URL(url, encoded=True)
        async with aiohttp.ClientSession() as nobody, nobody.get(link) as reply:
            assert reply.status == 403
        assert await names(bucket) == []


async def test_an_expired_link_is_refused_and_renewed(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Links live as long as they say, and the job has new ones."""
    async with running(tmp_path, storage=bucket, link_life=1.0) as one:
        _, job, _ = await one.create("x1", len(TEXT))
        await asyncio.sleep(1.3)
        status, why = await put(job["uploads"][0]["url"], TEXT)
        assert (status, b"expired" in why.lower()) == (403, True)
        job = await one.job("x1")
        assert (await put(job["uploads"][0]["url"], TEXT))[0] == 200


async def test_execute_believes_the_store_and_nobody_else(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Nothing there, or another size: nothing starts and nothing is billed."""
    async with running(tmp_path, storage=bucket) as one:
        await one.create("e1", len(TEXT))
        status, body, _ = await one.ask("POST", "/v1/jobs/e1/execute")
        assert (status, body["error"]["code"]) == (409, "wrong_state")
        await uploaded(one, "e2")
        (key,) = await names(bucket)
        path = tmp_path / "short"
        path.write_bytes(b"short")
        sha256 = hashlib.sha256(b"short").hexdigest()
        async with objects(bucket) as found:
            await found.put(key, path, size=5, sha256=sha256)
        assert (await one.job("e2"))["uploads"][0]["received"] is False
        status, body, _ = await one.ask("POST", "/v1/jobs/e2/execute")
        assert (status, body["error"]["code"]) == (409, "wrong_state")
        assert "has 5 bytes" in body["error"]["message"]
        assert await one.bill() == (0, 0, 0)


async def test_undeclared_sizes_have_the_limit_of_the_service(
    tmp_path: Path, bucket: Bucket
) -> None:
    """What nobody declared is looked at when it is there."""
    async with running(tmp_path, storage=bucket, max_body=1000) as one:
        _, job, _ = await one.create("u1", None)
        assert (await put(job["uploads"][0]["url"], TEXT))[0] == 200
        status, body, _ = await one.ask("POST", "/v1/jobs/u1/execute")
        assert (status, body["error"]["code"]) == (413, "too_large")
        _, job, _ = await one.create("u2", None)
        assert (await put(job["uploads"][0]["url"], b"text"))[0] == 200
        assert (await one.ask("POST", "/v1/jobs/u2/execute"))[0] == 202
        await one.until("u2", "done")


async def test_a_file_replaced_after_execute_is_not_worked_on(
    tmp_path: Path, bucket: Bucket
) -> None:
    """The link still works; what counts is what was there when it was started."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with running(tmp_path, renderer, storage=bucket, workers=1) as one:
        for n in range(2):  # both hands of the runner are full
            await one.submit(f"busy{n}", b"text")
        await one.until("busy1", "running")
        url = await uploaded(one, "r1")
        assert (await one.ask("POST", "/v1/jobs/r1/execute"))[0] == 202
        assert (await put(url, TEXT[::-1]))[0] == 200
        renderer.gate.set()
        job = await one.until("r1", "done", "failed")
        assert job["error"]["code"] == "damaged_file"
        assert "after execute" in job["error"]["message"]


async def test_objects_go_with_their_job(tmp_path: Path, bucket: Bucket) -> None:
    """Inputs when it ends, results when it is deleted or expires, latecomers soon."""
    async with running(tmp_path, storage=bucket, keep_results=3.0) as one:
        for name in ("d1", "d2"):
            url = await uploaded(one, name)
            await one.ask("POST", f"/v1/jobs/{name}/execute")
            await one.until(name, "done")
        while len(found := await names(bucket)) > 2:
            await asyncio.sleep(0.05)
        assert [each.rpartition("/")[2] for each in found] == ["result-0"] * 2
        assert (await one.ask("DELETE", "/v1/jobs/d1"))[0] == 204
        assert len(await names(bucket)) == 1
        job = await one.until("d2", "expired")
        assert job["results"][0]["n"] == 0
        assert (await one.ask("GET", "/v1/jobs/d2/results/0"))[0] == 410
        while await names(bucket):
            await asyncio.sleep(0.1)
        assert (await put(url, TEXT))[0] == 200
        assert len(await names(bucket)) == 1
    async with running(tmp_path, storage=bucket):
        while await names(bucket):
            await asyncio.sleep(0.1)


async def test_a_restart_goes_on_where_the_store_is(
    tmp_path: Path, bucket: Bucket
) -> None:
    """What was executed is fetched again; services beside us are left alone."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with running(tmp_path / "a", renderer, storage=bucket) as one:
        await uploaded(one, "r1")
        await one.ask("POST", "/v1/jobs/r1/execute")
        await one.until("r1", "running")
    async with running(tmp_path / "b", storage=bucket):
        assert len(await names(bucket)) == 1
    async with running(tmp_path / "a", storage=bucket) as one:
        await one.until("r1", "done")
        assert (await one.ask("GET", "/v1/jobs/r1/results/0"))[1] == TEXT
        assert await one.bill() == (1, 0, 1)
    async with running(tmp_path / "a") as one:
        status, body, _ = await one.ask("GET", "/v1/jobs/r1/results/0")
        assert (status, body["error"]["code"]) == (503, "storage_down")


async def test_jobs_from_before_the_store_are_finished(
    tmp_path: Path, bucket: Bucket
) -> None:
    """A file that was put to the service itself stays where it is."""
    async with running(tmp_path) as one:
        _, job, _ = await one.create("o1", len(TEXT))
        path = job["uploads"][0]["url"].removeprefix(one.url)
        assert (await one.ask("PUT", path, data=TEXT))[0] == 204
    async with running(tmp_path, storage=bucket) as one:
        assert (await one.job("o1"))["uploads"][0]["received"] is True
        assert (await one.ask("POST", "/v1/jobs/o1/execute"))[0] == 202
        await one.until("o1", "done")
        assert (await one.ask("GET", "/v1/jobs/o1/results/0"))[1] == TEXT


async def test_the_store_checks_what_arrives_and_tells_it_again(
    tmp_path: Path, bucket: Bucket
) -> None:
    """A result with another hash is refused; a good one's hash is known there."""
    path, key = tmp_path / "result", f"{bucket.prefix}checked"
    path.write_bytes(TEXT)
    right = hashlib.sha256(TEXT)
    wrong = hashlib.sha256(b"other").hexdigest()
    async with objects(bucket) as found:
        with pytest.raises(Problem, match="400"):
            await found.put(key, path, size=len(TEXT), sha256=wrong)
        assert await found.head(key) is None
        await found.put(key, path, size=len(TEXT), sha256=right.hexdigest())
        told = await found.checksum(key)
        assert told == b64encode(right.digest()).decode()
        await found.delete(key)
        await found.delete(key)
        assert await found.checksum(key) is None


@pytest.mark.parametrize("wrong", ["secret", "bucket", "endpoint"])
async def test_a_store_that_lets_us_not_in_is_told_at_once(
    tmp_path: Path, store: Weed, wrong: str
) -> None:
    """Before anything listens, in one line without the secret."""
    text, environment = store.storage("p"), dict(ENVIRONMENT)
    if wrong == "secret":
        environment["AWS_SECRET_ACCESS_KEY"] = "hush-hush"
    elif wrong == "bucket":
        text = text.replace("lab/", "nobodys/")
    else:
        text = text.replace(str(store.port), "9")
    bucket = bucket_of(text, credentials_of(environment))
    with pytest.raises(MachineError, match="--storage: the store did not") as caught:
        async with running(tmp_path, storage=bucket):
            pass
    assert "hush" not in str(caught.value)
    assert "Signature=" not in str(caught.value)


async def test_a_store_that_is_away_fails_nothing_but_says_so(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is billed, DELETE works, and the sweep goes on later."""
    need_weed()
    with weed(tmp_path_factory.mktemp("away")) as own:
        bucket = bucket_of(own.storage("p"), credentials_of(ENVIRONMENT))
        async with running(tmp_path, storage=bucket) as one:
            await uploaded(one, "a1")
            os.kill(own.pid, 9)
            await asyncio.sleep(0.2)
            status, body, _ = await one.ask("POST", "/v1/jobs/a1/execute")
            assert (status, body["error"]["code"]) == (503, "storage_down")
            assert body["error"]["retry"] is True
            assert await one.bill() == (0, 0, 0)
            assert (await one.ask("DELETE", "/v1/jobs/a1"))[0] == 204
            assert (await one.ask("GET", "/v1/jobs/a1"))[0] == 404
