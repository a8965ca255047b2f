"""``orchestrator serve`` as a user runs it."""

from __future__ import annotations

import asyncio
import signal
import stat
from pathlib import Path

import psutil

from tests.integration.serving import client, finish, greeted, running, spawn


async def test_it_makes_a_key_and_ends_at_a_signal(tmp_path: Path) -> None:
    """A key is made for those who give none; the log is redacted."""
    log = tmp_path / "log"
    child = spawn(
        *("serve", "--data", str(tmp_path / "data"), "--port", "0"),
        *("--log-file", str(log)),
    )
    try:
        assert child.stderr is not None
        line = await asyncio.to_thread(child.stderr.readline)
        url = line.decode().split()[-1]
        file = tmp_path / "data" / "api-key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        async with client(url, file.read_text().strip()) as one:
            assert (await one.submit("c1", b"text", mode="sync"))[0] == 200
            await one.create("c2", 4)
            link = (await one.job("c2"))["uploads"][0]["url"]
            await one.ask("PUT", link, data=b"text")
        child.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(child.wait, 5) == 0
        assert "PUT /v1/uploads/c2/0 204" in log.read_text()
        assert "signature" not in log.read_text()
        assert file.read_text().strip() not in log.read_text()
    finally:
        finish(child)


async def test_faults_of_the_machine_end_with_six(tmp_path: Path) -> None:
    """One clear line and the exit code of the machine."""
    (tmp_path / "file").write_text("")
    async with running(tmp_path / "held") as one:
        port = one.url.rpartition(":")[2]
        cases = [
            (["--data", str(tmp_path / "free"), "--port", port], "cannot listen"),
            (["--data", str(tmp_path / "held"), "--port", "0"], "another service"),
            (["--data", str(tmp_path / "file" / "x"), "--port", "0"], "cannot"),
        ]
        for arguments, message in cases:
            child = spawn("serve", "--api-key", "k", *arguments)
            try:
                _, text = await asyncio.to_thread(child.communicate)
                assert child.returncode == 6, text
                assert message in text.decode()
                assert "Traceback" not in text.decode()
            finally:
                finish(child)


async def test_memory_stays_flat_under_a_large_upload(tmp_path: Path) -> None:
    """300 MiB go to disk, not through memory."""
    child = spawn("serve", "--private", "--data", str(tmp_path))
    piece = bytes(1024 * 1024)

    async def pieces() -> object:
        for _ in range(300):
            yield piece

    try:
        async with client(await greeted(child)) as one:
            await one.submit("small", b"text", mode="sync")
            before = psutil.Process(child.pid).memory_info().rss
            size = 300 * len(piece)
            link = (await one.create("l1", size))[1]["uploads"][0]["url"]
            headers = {"Content-Length": str(size)}
            sent = await one.ask("PUT", link, data=pieces(), headers=headers)
            assert sent[0] == 204
            after = psutil.Process(child.pid).memory_info().rss
            assert after - before < 20_000_000
    finally:
        finish(child)
