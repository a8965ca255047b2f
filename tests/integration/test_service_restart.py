"""The service dies, by SIGKILL and otherwise, and goes on from its disk."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import aiohttp
import psutil
import pytest

from orchestrator.errors import MachineError
from orchestrator.service.held import held
from tests.integration.serving import (
    KEY,
    ScriptedRenderer,
    client,
    finish,
    greeted,
    running,
    spawn,
)

TEXT = "".join(f"line {n} of a text that takes a while\n" for n in range(1500)).encode()
JOBS = [f"k{n}" for n in range(6)]
FATAL = """
import asyncio, os, sys
from pathlib import Path
from orchestrator.service.run import serve
from orchestrator.service.settings import ServiceSettings
from orchestrator.service import store
from tests.integration.serving import KEY, SECRET, ScriptedRenderer

store.DEATHS = 2

class Fatal(ScriptedRenderer):
    async def make(self, work):
        text = work.inputs[0].read_bytes()
        if text == b"fatal":
            await asyncio.sleep(0.2)
            os._exit(9)
        if text == b"slow":
            await asyncio.sleep(0.4)
        return await super().make(work)

async def main():
    settings = ServiceSettings(Path(sys.argv[1]), (KEY,), SECRET, port=0, workers=4)
    await serve(settings, ready=lambda url: print('{"url": "' + url + '"}', flush=True),
                stop=asyncio.Event(), renderer=Fatal())
asyncio.run(main())
"""


async def test_sigkill_loses_nothing_and_bills_nothing_again(tmp_path: Path) -> None:
    """Queued, running and created jobs all go on."""
    data = str(tmp_path / "data")
    first = spawn("serve", "--private", "--data", data, "--workers", "1")
    try:
        async with client(await greeted(first)) as one:
            for name in JOBS:
                assert (await one.submit(name, TEXT + name.encode()))[0] == 202
            await one.create("made", 4)
            await one.until(JOBS[0], "done")
            states = [(await one.job(name))["state"] for name in JOBS]
            assert "running" in states
            assert "queued" in states
            first.kill()
    finally:
        finish(first)
    (tmp_path / "data" / "receiving" / ("0" * 32)).mkdir()
    second = spawn("serve", "--private", "--data", data)
    try:
        async with client(await greeted(second)) as one:
            for name in JOBS:
                job = await one.until(name, "done")
                body = (await one.ask("GET", job["results"][0]["url"]))[1]
                assert body.startswith(b"%PDF-")
            assert await one.bill() == (len(JOBS), 0, len(JOBS))
            assert (await one.submit(JOBS[3], TEXT + b"k3"))[0] == 202
            assert await one.bill() == (len(JOBS), 1, len(JOBS))
            link = (await one.job("made"))["uploads"][0]["url"]
            assert (await one.ask("PUT", link, data=b"text"))[0] == 204
            await one.ask("POST", "/v1/jobs/made/execute")
            await one.until("made", "done")
            assert not [*(tmp_path / "data" / "receiving").iterdir()]
    finally:
        finish(second)


async def test_a_job_that_kills_the_service_again_and_again_fails(
    tmp_path: Path,
) -> None:
    """One document cannot keep the service down."""
    for turn in range(2):
        child = spawn(str(tmp_path), script=FATAL)
        try:
            if turn == 0:
                async with client(await _address(child)) as one:
                    await one.submit("fatal", b"fatal", mode="async")
            assert await asyncio.to_thread(child.wait, 30) == 9
        except OSError:  # it died before the answer came
            assert child.wait(30) == 9
        finally:
            finish(child)
    last = spawn(str(tmp_path), script=FATAL)
    try:
        async with client(await _address(last)) as one:
            job = await one.until("fatal", "failed")
            assert job["error"]["code"] == "converter_died"
            assert (await one.submit("good", b"text", mode="sync"))[0] == 200
            assert await one.bill() == (2, 0, 2)
    finally:
        finish(last)


async def test_who_was_at_work_beside_it_does_not_fail_with_it(tmp_path: Path) -> None:
    """What was at work at a death works alone afterwards: only one dies again."""
    names = ["slow1", "slow2", "fatal", "slow3"]
    first = spawn(str(tmp_path), script=FATAL)
    try:
        async with client(await _address(first)) as one:
            for name in names:
                await one.submit(name, name.rstrip("123").encode(), mode="async")
    except (OSError, aiohttp.ClientError):  # it died meanwhile
        pass
    finally:
        assert first.wait(30) == 9
        finish(first)
    db = sqlite3.connect(tmp_path / "service.sqlite")
    assert db.execute("SELECT COUNT(*) FROM job WHERE deaths = 1").fetchone()[0] > 1
    second = spawn(str(tmp_path), script=FATAL)
    try:
        assert await asyncio.to_thread(second.wait, 30) == 9
    finally:
        finish(second)
    last = spawn(str(tmp_path), script=FATAL)
    try:
        async with client(await _address(last)) as one:
            assert (await one.until("fatal", "failed"))["error"]["code"]
            for (name,) in db.execute("SELECT id FROM job WHERE id != 'fatal'"):
                assert (await one.until(name, "done"))["id"] == name
    finally:
        finish(last)


async def _address(child: subprocess.Popen[bytes]) -> str:
    assert child.stdout is not None
    line = await asyncio.to_thread(child.stdout.readline)
    return line.decode().split('"')[3]


async def test_a_stop_puts_running_jobs_back(tmp_path: Path) -> None:
    """A stop breaks off the answer, not the job."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with running(tmp_path, renderer) as one:
        sync = asyncio.create_task(one.submit("s1", b"text", mode="sync"))
        await one.until("s1", "running")
    ended = await asyncio.gather(sync, return_exceptions=True)
    assert isinstance(ended[0], BaseException)  # no answer: it may have been billed
    db = sqlite3.connect(tmp_path / "service.sqlite")
    assert db.execute("SELECT state, deaths FROM job").fetchall() == [("queued", 0)]
    db.close()
    async with running(tmp_path) as one:
        await one.until("s1", "done")
        assert await one.bill() == (1, 0, 1)


async def test_a_folder_is_held_by_one_service(tmp_path: Path) -> None:
    """The second one is told who holds it."""
    async with running(tmp_path):
        with pytest.raises(MachineError, match=f"process {os.getpid()}"):
            await asyncio.to_thread(_hold, tmp_path)
    await asyncio.to_thread(_hold, tmp_path)


def _hold(data: Path) -> None:
    with held(data, patience=0.2):
        pass


async def test_a_private_service_ends_with_its_input(tmp_path: Path) -> None:
    """A signal of the terminal does not end it; the parent does."""
    child = spawn("serve", "--private", "--data", str(tmp_path))
    try:
        url = await greeted(child)
        child.send_signal(signal.SIGINT)  # the terminal's; the parent decides
        async with client(url) as one:
            assert (await one.submit("p1", b"text", mode="sync"))[0] == 200
        log = tmp_path / "service.log"
        while "PUT /v1/jobs/p1 200" not in log.read_text():
            await asyncio.sleep(0.02)
        assert KEY not in log.read_text()
        assert child.stdin is not None
        child.stdin.close()
        await asyncio.to_thread(child.wait, 5)
    finally:
        finish(child)


PARENT = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-m", "orchestrator", "serve", "--private", "--data", sys.argv[1]],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdin.write(sys.argv[2].encode() + b"\\n"); child.stdin.flush()
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


async def test_a_private_service_ends_with_its_killed_parent(tmp_path: Path) -> None:
    """Nothing is left behind by a SIGKILL."""
    line = f'{{"key": "{KEY}", "webhook_secret": "c2VjcmV0"}}'
    parent = spawn(str(tmp_path), line, script=PARENT)
    try:
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert psutil.pid_exists(pid)
        parent.kill()
        parent.wait()
        async with asyncio.timeout(5):
            while _lives(pid):
                await asyncio.sleep(0.02)
    finally:
        finish(parent)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
