"""Clocks that are set while a job is in doubt, accepted, or left for the next run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.engine.work import End, Work
from orchestrator.model import Mode, Phase, Progress, State
from orchestrator.providers import local
from orchestrator.testing import Canned
from orchestrator.wire.outcome import Unanswered
from tests.unit.test_drive import DONE, GONE, LOST, RESULT, Scene, said

DAY = 86_400.0
JUMPS = [-30 * DAY, -3600.0, 3600.0, 30 * DAY]
SETTLE = local.provider.settle


async def left(scene: Scene) -> None:
    """An intent that a former run left, and a run that finds it."""
    await scene.ledger.intend(scene.work.job, Progress())
    ((job, progress, intended),) = scene.ledger.open_jobs("a")
    scene.work = Work(job, progress, intended)


@pytest.mark.parametrize("jump", JUMPS)
async def test_no_jump_in_a_run_proves_an_absence_early(jump: float) -> None:
    """It is sent again only when the request cannot be on its way any more."""
    scene = Scene(
        ("PUT *", LOST),
        ("GET *", GONE),
        ("GET *", GONE),
        ("PUT *", RESULT),
        ("DELETE *", Canned(204)),
    )
    began = scene.clock.monotonic()
    first = await scene._drive()
    scene.clock.skip(getattr(first, "seconds", 0.0))
    scene.clock.set(jump)
    state, _ = await scene.state()
    sent = [line for line in scene.transport.lines if line.startswith("PUT")]
    if jump > DAY:  # for all we know the machine slept so long, and its job expired
        assert (state, len(sent)) == (State.IN_DOUBT, 1)
    else:
        assert (state, len(sent)) == (State.DONE, 2)
        assert scene.clock.monotonic() - began >= SETTLE


async def test_a_jump_between_two_runs_proves_no_absence_early() -> None:
    """The intent looks an hour old, and may be a moment old: the run waits itself."""
    scene = Scene(
        ("GET *", GONE),
        ("GET *", GONE),
        ("PUT *", RESULT),
        ("DELETE *", Canned(204)),
    )
    await left(scene)
    scene.clock.set(3600.0)
    began = scene.clock.monotonic()
    assert await scene.state() == (State.DONE, "")
    assert scene.clock.monotonic() - began >= SETTLE


async def test_an_intent_of_the_future_proves_nothing() -> None:
    """The clock went back between two runs: nobody knows how old the intent is."""
    scene = Scene(("GET *", GONE))
    await left(scene)
    scene.clock.set(-3600.0)
    assert (await scene.state())[0] is State.IN_DOUBT
    assert scene.intent is not None, "looked up again when the clock is right"


async def test_a_clock_that_is_put_right_by_a_second_changes_nothing() -> None:
    """Small steps back are daily business."""
    scene = Scene(
        ("GET *", GONE),
        ("GET *", GONE),
        ("PUT *", RESULT),
        ("DELETE *", Canned(204)),
    )
    await left(scene)
    scene.clock.set(-1.0)
    assert await scene.state() == (State.DONE, "")


@pytest.mark.parametrize("jump", JUMPS)
async def test_no_jump_makes_an_accepted_job_overdue(jump: float) -> None:
    """It has its time by the clock that only goes on, and is asked for meanwhile."""
    queued = said(202, "queued")
    scene = Scene(
        ("PUT *", queued),
        ("GET *", queued),
        ("GET *", queued),
        ("GET *", DONE),
        ("GET */results/0", RESULT),
        ("DELETE *", Canned(204)),
        mode=Mode.ASYNC,
    )
    await scene._drive()
    scene.clock.set(jump)
    assert await scene.state() == (State.DONE, "")


async def test_a_job_that_nobody_finishes_is_overdue_all_the_same() -> None:
    """A clock that was put back does not let it wait for ever."""
    pace = replace(local.provider.pace, deadline=60.0)
    queued = said(202, "queued")
    scene = Scene(
        ("PUT *", queued),
        mode=Mode.ASYNC,
        provider=replace(local.provider, pace=pace),
    )
    scene.transport._always.append(("GET *", queued))
    await scene._drive()
    scene.clock.set(-DAY)
    assert (await scene.state())[0] is State.OVERDUE
    assert 60.0 < scene.clock.monotonic() < 90.0


@pytest.mark.parametrize(("age", "phase"), [(DAY / 2, "release"), (2 * DAY, "ended")])
async def test_a_delete_that_never_gets_through_is_given_up(
    age: float, phase: str
) -> None:
    """Beyond the retention nothing is left to delete; before, the next run tries."""
    hung = ("DELETE *", LOST)
    scene = Scene(("PUT *", RESULT), hung, hung)
    assert await scene.state() == (State.DONE, "")
    ((job, progress, intended),) = scene.ledger.open_jobs("a")
    assert progress.phase is Phase.RELEASE
    scene.clock.skip(age)
    scene.work = Work(job, progress, intended)
    assert isinstance(await scene._drive(), End)
    assert scene.ledger.jobs[job.id].phase == phase
    assert isinstance(LOST.error, Unanswered)
