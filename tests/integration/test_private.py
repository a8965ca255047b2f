"""The private service starts with the run and ends with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.errors import MachineError
from orchestrator.transfer.private import PrivateService

HEAD = """
import json, os, signal, subprocess, sys, time
said = json.loads(sys.stdin.readline())
def ready():
    print(json.dumps({"url": "http://127.0.0.1:9"}), flush=True)
"""
GOOD = "ready()\nsys.stdin.read()\n"


def service(body: str, tmp_path: Path, **options: float) -> PrivateService:
    """A service of a few lines."""
    script = tmp_path / "service.py"
    script.write_text(HEAD + body)
    command = [sys.executable, str(script)]
    return PrivateService(tmp_path, command=command, **options)  # type: ignore[arg-type]


async def gone(pid: int) -> bool:
    """Whether a process ends within three seconds."""
    for _ in range(60):
        if not psutil.pid_exists(pid):
            return True
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_it_is_told_its_secrets_and_tells_its_address(tmp_path: Path) -> None:
    """Neither its arguments nor its environment hold them."""
    body = "open(sys.argv[0] + '.said', 'w').write(json.dumps(said))\n" + GOOD
    async with service(body, tmp_path) as private:
        assert private.url == "http://127.0.0.1:9"
        said = (tmp_path / "service.py.said").read_text()
        assert private.key in said
        assert private.webhook_secret in said
        child = psutil.Process().children()[0]
        assert private.key not in str(child.cmdline()) + str(child.environ())
        assert private.key not in repr(private)
        assert os.getsid(child.pid) != os.getsid(0)
        assert not private.died.is_set()
    assert await gone(child.pid)
    assert not private.died.is_set()


async def test_one_may_be_launched_before_it_is_told_anything(tmp_path: Path) -> None:
    """Then it is the one that is entered; one that never is comes to nothing."""
    for is_entered in (True, False):
        private = service(GOOD, tmp_path)
        await private.launch()
        (child,) = psutil.Process().children()
        if is_entered:
            async with private:
                assert psutil.Process().children() == [child]
        else:
            await private.leave()
        assert await gone(child.pid)


async def test_the_service_waits_for_its_parent_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    """It imports first; before it is told its key it touches no file."""
    data = tmp_path / "data"
    private = PrivateService(data, farewell=30.0)
    await private.launch()
    (child,) = psutil.Process().children()
    await private.leave()
    assert await gone(child.pid)
    assert not data.exists()


async def test_every_start_has_secrets_of_its_own(tmp_path: Path) -> None:
    """None is used twice."""
    one, two = service(GOOD, tmp_path), service(GOOD, tmp_path)
    assert one.key != two.key
    assert one.webhook_secret != two.webhook_secret


async def test_an_early_end_is_told_with_its_last_words(tmp_path: Path) -> None:
    """But not with the key."""
    body = "sys.exit('x' * 9000 + 'no room for ' + said['key'])\n"
    with pytest.raises(MachineError, match="no room for …") as caught:
        async with service(body, tmp_path):
            pass
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("line", ["hello", '{"uri": 1}', "x" * 99_999, '{"url": 7}'])
async def test_another_word_than_the_address_is_told(line: str, tmp_path: Path) -> None:
    """A child that says something else is not ours."""
    body = f"print({line!r}, flush=True)\nsys.stdin.read()\n"
    with pytest.raises(MachineError, match="something else"):
        async with service(body, tmp_path):
            pass
    assert psutil.Process().children() == []


async def test_a_child_that_does_not_listen_in_time_is_ended(tmp_path: Path) -> None:
    """Within the time limit."""
    with pytest.raises(MachineError, match="did not listen"):
        async with service("time.sleep(99)\n", tmp_path, patience=0.5, farewell=0.2):
            pass
    assert psutil.Process().children() == []


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As an error of this machine."""
    with pytest.raises(MachineError, match="cannot be started"):
        async with PrivateService(tmp_path, command=["/nowhere/python"]):
            pass


async def test_a_child_that_stays_is_killed_with_its_workers(tmp_path: Path) -> None:
    """A worker that holds on to the pipes does not hold us."""
    worker = "subprocess.Popen(['sleep', '99'])\n"
    bodies = (
        f"{worker}ready()\ntime.sleep(99)\n",
        f"{worker}{GOOD}",
    )
    for body in bodies:
        async with service(body, tmp_path, farewell=0.3):
            await asyncio.sleep(0.1)
            family = psutil.Process().children(recursive=True)
            assert len(family) == 2
        for each in family:
            assert await gone(each.pid)


async def test_its_death_is_seen(tmp_path: Path) -> None:
    """While the run goes on."""
    async with service(GOOD, tmp_path) as private:
        psutil.Process().children()[0].send_signal(signal.SIGKILL)
        await asyncio.wait_for(private.died.wait(), 3)


async def test_what_it_says_never_blocks_it(tmp_path: Path) -> None:
    """Both of its outputs are read on."""
    body = """
ready()
print("x" * 1_000_000, flush=True)
print("y" * 1_000_000, file=sys.stderr, flush=True)
open(sys.argv[0] + ".done", "w").close()
sys.stdin.read()
"""
    async with service(body, tmp_path) as private:
        for _ in range(100):
            if (tmp_path / "service.py.done").exists():
                break
            await asyncio.sleep(0.05)
        assert (tmp_path / "service.py.done").exists()
        assert len(private.last_words()) < 5000


async def test_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    """Not even a process."""

    async def start() -> None:
        async with service("time.sleep(99)\n", tmp_path, farewell=0.2):
            pass

    task = asyncio.create_task(start())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert psutil.Process().children() == []


async def test_a_revival_that_fails_leaves_it_dead(tmp_path: Path) -> None:
    """Whoever keeps it alive sees it, and tries once more."""
    mark = tmp_path / "mark"
    body = f"""
import os.path
if os.path.exists({str(mark)!r}):
    os.unlink({str(mark)!r})
    sys.exit(1)
ready()
"""
    async with service(body + "time.sleep(0.1)\n", tmp_path) as private:
        await asyncio.wait_for(private.died.wait(), 10)
        mark.touch()
        with pytest.raises(MachineError):
            await private.revive()
        assert private.died.is_set()
        await private.revive()
        assert not mark.exists()
