"""A document that hangs, dies or swells takes only itself."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.service.render.rendering import Rendering, RenderSettings
from orchestrator.service.render.work import RenderError
from tests.integration.render import documents
from tests.integration.render.bench import Bench, pages

WORKER = "orchestrator.service.render.worker"


def workers() -> list[psutil.Process]:
    """The worker processes of this one."""
    found = []
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if WORKER in " ".join(each.cmdline()):
                found.append(each)
    return found


async def eventually(is_so: Callable[[], bool], limit: float) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(limit):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_one_that_hangs_is_killed_and_the_next_works(
    scratch: Path, tmp_path: Path
) -> None:
    """A real document that is set for minutes; its neighbours are untouched."""
    limits = RenderSettings(
        scratch=scratch, workers=1, time_limit=2.5, libreoffice=False
    )
    renderer = Rendering(limits)
    await renderer.start()
    bench = Bench(renderer, tmp_path)
    await bench.convert("a.docx", documents.letter())
    (before,) = workers()
    began = time.monotonic()
    with pytest.raises(RenderError) as failed:
        await bench.convert("a.docx", documents.endless())
    assert failed.value.code == "time_limit"
    assert 2.4 < time.monotonic() - began < 5
    assert not before.is_running()
    made = await bench.convert("a.docx", documents.letter())
    assert pages(made.files[0].path) == 1
    await renderer.close()


async def test_one_that_is_killed_takes_only_its_document(
    renderer: Rendering, tmp_path: Path
) -> None:
    """Two at work, one killed from outside: the other ends well."""
    bench = Bench(renderer, tmp_path)
    await asyncio.gather(*(bench.convert("a.txt", b"warm") for _ in range(2)))
    hanging = asyncio.create_task(bench.convert("a.docx", documents.endless()))
    await eventually(lambda: any(each.cpu_times().user > 0.9 for each in workers()), 9)
    busiest = max(workers(), key=lambda each: each.cpu_times().user)
    other = asyncio.create_task(bench.convert("a.docx", documents.letter()))
    busiest.kill()
    with pytest.raises(RenderError, match="SIGKILL") as failed:
        await hanging
    assert failed.value.code == "converter_died"
    assert pages((await other).files[0].path) == 1


async def test_an_idle_worker_may_die_unnoticed(bench: Bench) -> None:
    """The next document gets another process."""
    await bench.convert("a.txt", b"one")
    killed = workers()
    for each in killed:
        each.kill()
    # A zombie may still have threads that end: what counts is that it was reaped.
    await eventually(lambda: not any(psutil.pid_exists(e.pid) for e in killed), 5)
    made = await bench.convert("a.txt", b"two")
    assert pages(made.files[0].path) == 1


async def test_memory_is_limited(scratch: Path, tmp_path: Path) -> None:
    """A table that needs more than there is fails, and says why."""
    limits = RenderSettings(
        scratch=scratch, workers=1, memory_limit=400 << 20, libreoffice=False
    )
    renderer = Rendering(limits)
    await renderer.start()
    bench = Bench(renderer, tmp_path)
    rows = b"\n".join(b"%d,some text in a cell,more" % n for n in range(200_000))
    with pytest.raises(RenderError) as failed:
        await bench.convert("a.csv", rows)
    assert failed.value.code == "memory_limit"
    await bench.convert("a.csv", documents.table())
    await renderer.close()


async def test_workers_are_replaced_now_and_then(scratch: Path, tmp_path: Path) -> None:
    """Converters leak: a process serves so many documents and no more."""
    limits = RenderSettings(scratch=scratch, workers=1, recycle=2, libreoffice=False)
    renderer = Rendering(limits)
    await renderer.start()
    bench = Bench(renderer, tmp_path)
    seen = []
    for n in range(4):
        await bench.convert("a.txt", b"%d" % n)
        seen.append({each.pid for each in workers()})
    assert seen[0]
    assert not seen[1]
    assert seen[2]
    assert seen[0] != seen[2]
    await renderer.close()


async def test_no_more_workers_than_cores_were_given(bench: Bench) -> None:
    """Twelve documents, two processes; and they are used again."""
    made = await asyncio.gather(*(bench.convert("a.txt", b"%d" % n) for n in range(12)))
    assert len(made) == 12
    assert len(workers()) == 2


async def test_the_loop_goes_on_meanwhile(bench: Bench) -> None:
    """Work that holds the interpreter does so in another process."""
    await bench.convert("a.docx", documents.letter())
    work = asyncio.create_task(bench.convert("a.csv", documents.table(rows=3000)))
    began = last = time.monotonic()
    gaps = [0.0]
    while not work.done():
        await asyncio.sleep(0.005)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    await work
    assert len(gaps) > 10
    # A loop that is held up sees one gap as long as the work.
    assert max(gaps) < (last - began) / 3


async def test_a_cancelled_work_frees_its_worker(bench: Bench) -> None:
    """Nobody waits for it any more, so it is ended."""
    work = asyncio.create_task(bench.convert("a.docx", documents.endless()))
    await eventually(lambda: any(each.cpu_times().user > 0.9 for each in workers()), 9)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert workers() == []


async def test_closing_ends_every_process(scratch: Path, tmp_path: Path) -> None:
    """Also those at work, at once; the work fails with a clear error."""
    renderer = Rendering(RenderSettings(scratch=scratch, workers=2, libreoffice=False))
    await renderer.start()
    bench = Bench(renderer, tmp_path)
    await bench.convert("a.txt", b"idle one")
    hanging = asyncio.create_task(bench.convert("a.docx", documents.endless()))
    await eventually(lambda: any(each.cpu_times().user > 0.9 for each in workers()), 9)
    began = time.monotonic()
    await renderer.close()
    assert time.monotonic() - began < 2
    assert workers() == []
    with pytest.raises(RenderError) as failed:
        await hanging
    assert failed.value.code == "closing"


PARENT = """
import asyncio, sys
from pathlib import Path
from orchestrator.service.render.rendering import Rendering, RenderSettings
from tests.integration.render import documents
from tests.integration.render.bench import Bench

async def main():
    renderer = Rendering(RenderSettings(scratch=Path(sys.argv[1]), workers=2,
                                        libreoffice=False))
    await renderer.start()
    bench = Bench(renderer, Path(sys.argv[2]))
    await asyncio.gather(*(bench.convert("a.txt", b"warm") for _ in range(2)))
    asyncio.create_task(bench.convert("a.docx", documents.endless()))
    await asyncio.sleep(1.5)
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_no_worker_outlives_a_killed_service(
    scratch: Path, tmp_path: Path
) -> None:
    """One idle and one deep in a document: both end with their parent."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        str(scratch),
        str(tmp_path),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 2
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await eventually(lambda: not any(each.is_running() for each in children), 5)


async def test_the_first_document_finds_a_worker_that_was_started_for_it(
    scratch: Path, tmp_path: Path
) -> None:
    """One that died meanwhile is replaced; one that nobody needed goes with the end."""
    ready = RenderSettings(
        scratch=scratch, workers=1, libreoffice=False, ready_to="convert"
    )
    for is_killed in (False, True):
        renderer = Rendering(ready)
        await renderer.start()
        await eventually(lambda: len(workers()) == 1, 5)
        (first,) = workers()
        if is_killed:
            first.kill()
            await asyncio.sleep(0.1)
        made = await Bench(renderer, tmp_path).convert("a.txt", b"first")
        assert pages(made.files[0].path) == 1
        assert [each.pid == first.pid for each in workers()] == [not is_killed]
        await renderer.close()
        assert not workers()
    unused = Rendering(ready)
    await unused.start()
    await eventually(lambda: len(workers()) == 1, 5)
    await unused.close()
    assert not workers()
