"""Results: parts, conditions, expiry, deletion."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.integration.serving import ScriptedRenderer, running

LARGE = bytes(range(256)) * 4096 * 3  # three of the pieces that are sent


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("bytes=0-", 200, 0, len(LARGE)),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=1000000-", 206, 1_000_000, len(LARGE)),
        ("bytes=-10", 206, len(LARGE) - 10, len(LARGE)),
        ("bytes=5-99999999999", 206, 5, len(LARGE)),
    ],
)
async def test_a_range_is_exactly_what_was_asked(
    tmp_path: Path, asked: str, status: int, start: int, stop: int
) -> None:
    """Small and large parts, from both ends."""
    async with running(tmp_path) as one:
        await one.submit("g1", LARGE, mode="sync")
        path, headers = "/v1/jobs/g1/results/0", {"Range": asked}
        found, body, reply = await one.ask("GET", path, headers=headers)
        assert found == status
        assert body == LARGE[start:stop]
        if status == 206:
            shown = f"bytes {start}-{stop - 1}/{len(LARGE)}"
            assert reply.headers["Content-Range"] == shown


async def test_conditions_go_by_the_hash(tmp_path: Path) -> None:
    """The ETag is the SHA-256, also for If-Range."""
    async with running(tmp_path) as one:
        await one.submit("g1", b"text", mode="sync")
        path = "/v1/jobs/g1/results/0"
        tag = f'"{hashlib.sha256(b"text").hexdigest()}"'
        other = '"0123"'
        cases = [
            ({"If-None-Match": tag}, 304, b""),
            ({"If-None-Match": other}, 200, b"text"),
            ({"If-Match": tag}, 200, b"text"),
            ({"If-Range": tag, "Range": "bytes=2-"}, 206, b"xt"),
            ({"If-Range": other, "Range": "bytes=2-"}, 200, b"text"),
        ]
        for headers, status, body in cases:
            found = await one.ask("GET", path, headers=headers)
            assert found[:2] == (status, body), headers
        wrong = await one.ask("GET", path, headers={"If-Match": other})
        assert (wrong[0], wrong[1]["error"]["code"]) == (412, "not_matched")
        for odd in ("bytes=9-", "bytes=3-1", "lines=1-2"):
            assert (await one.ask("GET", path, headers={"Range": odd}))[0] == 416
        status, body, reply = await one.ask("HEAD", path)
        assert (status, body, reply.headers["Content-Length"]) == (200, b"", "4")


async def test_results_expire_and_their_files_go(tmp_path: Path) -> None:
    """After their time, 410 and an empty disk; the bill stays."""
    async with running(tmp_path, keep_results=0.4) as one:
        await one.submit("e1", b"text", mode="sync")
        await one.create("e2", 4)
        assert [*tmp_path.glob("jobs/*/*/result-0")]
        job = await one.until("e1", "expired")
        assert job["converter"] == "scripted 1"
        status, body, _ = await one.ask("GET", "/v1/jobs/e1/results/0")
        assert (status, body["error"]["code"]) == (410, "expired")
        assert (await one.submit("e1", b"text", mode="sync"))[0] == 410
        await one.until("e2", "expired")
        assert (await one.ask("POST", "/v1/jobs/e2/execute"))[0] == 410
        while [*tmp_path.glob("jobs/*/*")]:
            await asyncio.sleep(0.02)
        assert await one.bill() == (1, 1, 1)


async def test_a_deleted_job_leaves_its_bill_and_its_id(tmp_path: Path) -> None:
    """Bytes go at once; the id is never free again."""
    async with running(tmp_path) as one:
        await one.submit("d1", b"text", mode="sync")
        assert (await one.ask("DELETE", "/v1/jobs/d1"))[0] == 204
        assert not [*tmp_path.glob("jobs/*/*")]
        assert (await one.ask("GET", "/v1/jobs/d1"))[0] == 404
        assert (await one.ask("GET", "/v1/jobs/d1/results/0"))[0] == 404
        assert (await one.ask("GET", "/v1/jobs"))[1]["jobs"] == []
        status, body, _ = await one.submit("d1", b"text")
        assert (status, body["error"]["code"]) == (409, "id_in_use")
        assert (await one.ask("DELETE", "/v1/jobs/d1"))[0] == 204
        assert (await one.ask("DELETE", "/v1/jobs/none"))[0] == 404
        assert await one.bill() == (1, 0, 1)


async def test_many_are_deleted_at_once(tmp_path: Path) -> None:
    """Those that are known; the others change nothing, and the rest stays."""
    async with running(tmp_path) as one:
        for name in ("d1", "d2", "d3"):
            await one.submit(name, b"text", mode="sync")
        gone = {"jobs": ["d1", "none", "d2"]}
        for _ in range(2):
            assert (await one.ask("POST", "/v1/deletions", json=gone))[0] == 204
        left = (await one.ask("GET", "/v1/jobs"))[1]["jobs"]
        assert [each["id"] for each in left] == ["d3"]
        assert len([*tmp_path.glob("jobs/*/*")]) == 1
        assert (await one.submit("d1", b"text"))[0] == 409
        assert await one.bill() == (3, 0, 3)
        for odd in ({"jobs": ["a b"]}, {"jobs": ["x"] * 1001}, {"jobs": "d3"}, {}):
            found = await one.ask("POST", "/v1/deletions", json=odd)
            assert (found[0], found[1]["error"]["code"]) == (400, "bad_request"), odd


async def test_a_running_job_can_be_deleted(tmp_path: Path) -> None:
    """Its late result is thrown away, and who waits is told."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with running(tmp_path, renderer, keep_results=2.0) as one:
        waiting = asyncio.create_task(one.submit("d1", b"text", mode="sync"))
        await one.until("d1", "running")
        assert (await one.ask("DELETE", "/v1/jobs/d1"))[0] == 204
        assert (await waiting)[0] == 404
        renderer.gate.set()
        while [*tmp_path.glob("jobs/*/*")]:
            await asyncio.sleep(0.02)
        assert (await one.ask("GET", "/v1/jobs/d1"))[0] == 404


async def test_only_results_are_kept(tmp_path: Path) -> None:
    """Inputs go with the end of the job."""
    async with running(tmp_path) as one:
        await one.submit("k1", b"text", b"more", mode="sync")
        await one.submit("k2", b"bad")
        await one.until("k2", "failed")
        while [*tmp_path.glob("jobs/*/*/*.txt")]:
            await asyncio.sleep(0.02)
        assert [path.name for path in tmp_path.glob("jobs/*/*/*")] == ["result-0"]
