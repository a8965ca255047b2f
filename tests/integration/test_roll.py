"""A roll call over real sockets, against the embedded service's own ComPDF."""

from __future__ import annotations

import random
from pathlib import Path

from orchestrator.clock import SystemClock
from orchestrator.engine.expect import Times
from orchestrator.engine.limits import Gates
from orchestrator.engine.roll import Roll
from orchestrator.engine.watch import Watch
from orchestrator.engine.work import Work
from orchestrator.model import Mode, Phase, Progress
from orchestrator.providers import compdf
from orchestrator.transfer.client import HttpTransport
from orchestrator.wire.flow import Limits
from tests.integration.dialects.compdf import Caller, form, speaking
from tests.integration.serving import KEY, ScriptedRenderer
from tests.model import document, job_of


async def submitted(caller: Caller) -> str:
    """A task that is accepted."""
    body = form(("a.txt", b"text"), language="1")
    data = await caller.good("POST", "v2/processAsync/txt/pdf", data=body)
    task: str = data["taskId"]
    return task


def waiting(task: str, number: int, now: float) -> Work:
    """A job that is due to be polled."""
    job = job_of(document(f"d{number}", Mode.ASYNC), number, now)
    return Work(job, Progress(Phase.POLL, handle=task))


async def test_who_works_is_spared_and_who_is_done_is_polled(tmp_path: Path) -> None:
    """One task is done before the press stops, five are not."""
    press, clock = ScriptedRenderer(), SystemClock()
    async with speaking(tmp_path, press) as (caller, native):
        done = await submitted(caller)
        await caller.until(done, "TaskFinish")
        press.gate.clear()
        tasks = [done, *[await submitted(caller) for _ in range(5)]]
        watch = Watch[Work](clock)
        works = [waiting(task, n, clock.now()) for n, task in enumerate(tasks)]
        for each in works:
            watch.park(each, 0.0)
        auth = (("x-api-key", KEY),)
        async with HttpTransport(
            native.url, clock=clock, account="a", auth=auth
        ) as transport:
            roll = Roll(
                compdf.provider,
                transport=transport,
                gates=Gates(Limits(), clock, lambda *_: None),
                watch=watch,
                clock=clock,
                times=Times(compdf.provider.pace, clock, random.Random(7)),
            )
            assert await roll.call()
        press.gate.set()
    assert [each.progress.polls for each in works] == [0, 1, 1, 1, 1, 1]
    assert watch.take() is works[0]
    assert watch.take() is None
