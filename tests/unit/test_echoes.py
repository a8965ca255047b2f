"""Which job a webhook means, and whom the dispatcher wakes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from orchestrator.engine import echoes as module
from orchestrator.engine.echoes import Echoes
from orchestrator.engine.work import Wait, Work
from orchestrator.model import Echo, Phase, Progress
from tests.model import document, job_of
from tests.unit.test_dispatch import Scene


def work(number: int = 1, handle: str | None = None) -> Work:
    """A job with a handle."""
    progress = Progress(Phase.POLL, handle=handle)
    return Work(job_of(document("d"), number), progress)


def test_by_id_by_handle_and_by_nobody() -> None:
    """Both names lead to the job; others are nobody's."""
    known, one = Echoes(), work(1, "task-1")
    assert known.follow(one) is False
    assert known.hear(Echo(job=one.name)) == [one.name]
    assert known.hear(Echo(handle="task-1")) == [one.name]
    assert known.hear(Echo(job="strange", handle="task-1")) == [one.name]
    assert known.hear(Echo(handle="task-2")) == []
    assert known.hear(Echo()) == []
    known.forget(one)
    assert known.hear(Echo(handle="task-1")) == []


def test_an_echo_before_the_reply_is_kept() -> None:
    """Once: the handle is told by the reply, which comes later."""
    known = Echoes()
    said = Echo(handle="task-1")
    assert known.hear(said) == []
    one = work(1)
    assert known.follow(one) is False
    one.progress = replace(one.progress, handle="task-1")
    assert known.follow(one) is True
    assert one.echo == said
    assert known.follow(one) is False


def test_what_is_strange_is_forgotten_in_time() -> None:
    """Memory does not grow with what other batches are told."""
    known = Echoes()
    for n in range(module.REMEMBERED + 50):
        known.hear(Echo(handle=f"t{n}"))
    assert len(known._early) == module.REMEMBERED
    assert known.follow(work(1, "t0")) is False


async def test_a_handle_wakes_a_job_that_waits() -> None:
    """At once, though its poll is an hour away; also where the webhook was first."""
    for is_first in (False, True):
        scene = Scene(document("d"))
        asked: list[float] = []

        def carry(one: Work, asked: list[float] = asked) -> Wait | None:
            asked.append(one.job.created)
            one.progress = replace(one.progress, phase=Phase.POLL, handle="task-1")
            return Wait(3600.0) if len(asked) == 1 else None

        scene.carrier.outcome = carry
        if is_first:
            scene.dispatcher.hear(Echo(handle="task-1"))
        run = asyncio.ensure_future(scene.dispatcher.run(()))
        await scene.clock.advance(10)
        if not is_first:
            assert len(asked) == 1
            scene.dispatcher.hear(Echo(handle="task-1"))
            await scene.clock.advance(10)
        assert len(asked) == 2
        await scene.clock.run(run)
        assert scene.told == ["d"]
