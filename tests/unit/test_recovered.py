"""What a doubt becomes when a run settles it, and is cut before the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator.engine.work import UNWANTED, WITHDRAWN, doubt
from orchestrator.errors import MachineError
from orchestrator.ledger.decide import Decider, Decision
from orchestrator.ledger.proof import Proof
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    Document,
    Mode,
    Output,
    Phase,
    Progress,
    State,
    Verdict,
)
from orchestrator.testing import ManualClock
from tests.model import document, job_of

CLOCK = ManualClock()
ONE = document("d", Mode.ASYNC)
JOB = job_of(ONE)


def stage(path: Path, *documents: Document) -> None:
    """Merge a manifest."""
    with Stage(path) as staged:
        for each in documents:
            staged.add(each)
        staged.compare()
        staged.merge()


@asynccontextmanager
async def in_doubt(path: Path) -> AsyncIterator[Store]:
    """A ledger with a document whose request has no known outcome."""
    stage(path, ONE)
    async with Store(path, CLOCK) as store:
        await store.intend(JOB, Progress())
        await store.settle(
            JOB, Progress(), [Verdict(ONE, State.IN_DOUBT, failure=doubt(None))]
        )
        yield store


def codes(path: Path) -> list[str]:
    """What a proof finds."""
    with Proof(path) as proof:
        proof.bill()
        return [each.code for each in proof.deviations()]


@pytest.mark.parametrize("is_found", [False, True])
async def test_what_is_known_is_no_doubt_any_more(
    *, is_found: bool, tmp_path: Path
) -> None:
    """Taken over, or proved never to have arrived; then the power goes."""
    path = tmp_path / "l"
    async with in_doubt(path) as store:
        if is_found:
            await store.advance(JOB, Progress(Phase.POLL, handle="h"))
        else:
            await store.not_sent(JOB, Progress(), "absent")
    assert codes(path) == []
    with View(path) as view:
        assert view.states() == {State.OPEN: 1}
        assert not [each for each in view.rows() if each.failure]


async def test_what_was_never_sent_is_not_sent_as_it_was(tmp_path: Path) -> None:
    """Edited after that: nobody wants what the job was for."""
    path = tmp_path / "l"
    async with in_doubt(path) as store:
        await store.not_sent(JOB, Progress(), "absent")
    stage(path, document("d", Mode.ASYNC, params={"new": True}))
    async with Store(path, CLOCK) as store:
        assert store.open_jobs("a") == []
        (found,) = store.open_documents("a", large=False, after=None, limit=9)
    assert found.params == {"new": True}


EDITED = document("d", Mode.ASYNC, params={"new": True})
OTHER = document("e", Mode.ASYNC)


@pytest.mark.parametrize(
    ("manifests", "unwanted", "state"),
    [
        ([[ONE]], False, State.FAILED),
        ([[EDITED]], True, State.OPEN),
        ([[OTHER]], True, State.GONE),
        ([[OTHER], [ONE, OTHER]], False, State.FAILED),
        ([[EDITED], [OTHER]], True, State.GONE),
        ([[EDITED], [OTHER], [EDITED, OTHER]], True, State.OPEN),
        ([[OTHER], [EDITED, OTHER]], True, State.OPEN),
    ],
)
async def test_a_job_knows_whether_anybody_wants_it(
    manifests: list[list[Document]], *, unwanted: bool, state: State, tmp_path: Path
) -> None:
    """Edited, removed, both, and back again; then it proves never to have arrived."""
    path = tmp_path / "l"
    async with in_doubt(path):
        pass
    for each in manifests:
        stage(path, *each)
    async with Store(path, CLOCK) as store:
        ((job, _, _),) = store.open_jobs("a")
        assert job.unwanted is unwanted
        await store.not_sent(job, Progress(), "absent")
        verdict = Verdict(ONE, State.FAILED, failure=UNWANTED)
        ended = Progress(Phase.ENDED, cost=0.0)
        await store.settle(job, ended, [verdict])
    assert codes(path) == []
    with View(path) as view:
        assert {row.document.id: row.state for row in view.rows()}["d"] is state


async def test_a_removed_document_that_arrived_is_done(tmp_path: Path) -> None:
    """Nobody asked for it any more, and it is paid for: it is not thrown away."""
    path = tmp_path / "l"
    async with in_doubt(path):
        pass
    stage(path, OTHER)
    async with Store(path, CLOCK) as store:
        ((job, _, _),) = store.open_jobs("a")
        made = Verdict(ONE, State.DONE, (Output("/out/d", 1, "0" * 64),))
        await store.settle(job, Progress(Phase.ENDED), [made])
    with View(path) as view:
        assert {row.document.id: row.state for row in view.rows()}["d"] is State.DONE


@pytest.mark.parametrize("was_there", [False, True])
def test_a_ledger_that_came_or_went_is_not_merged_into(
    *, was_there: bool, tmp_path: Path
) -> None:
    """Another run made it, or somebody took it away: nobody agreed to the change."""
    path = tmp_path / "l"
    if was_there:
        stage(path, ONE)
    with Stage(path) as staged:
        staged.add(ONE)
        staged.compare()
        if was_there:
            path.unlink()
        else:
            stage(path, document("d", params={"other": True}))
        with pytest.raises(MachineError, match="while the manifest was read"):
            staged.merge()


async def test_a_job_that_was_never_sent_costs_nothing_when_it_is_closed(
    tmp_path: Path,
) -> None:
    """One of its documents was withdrawn, and the other is resubmitted."""
    path = tmp_path / "l"
    held = replace(JOB, reserved=Decimal(3))
    stage(path, ONE)
    async with Store(path, CLOCK) as store:
        await store.intend(held, Progress())
        await store.not_sent(held, Progress(), "absent")
        verdict = Verdict(ONE, State.IN_DOUBT, failure=WITHDRAWN)
        await store.settle(held, Progress(), [verdict])
    with Decider(path) as decider:
        decider.choose(Decision.RESUBMITTED, ())
        decider.decide(Decision.RESUBMITTED, at=5.0)
    async with Store(path, CLOCK) as store:
        assert [(each.cost, each.jobs) for each in store.committed(())] == [
            (Decimal(0), 1)
        ]
