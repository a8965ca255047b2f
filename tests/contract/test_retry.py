"""A retry: what it asks for, what it leaves alone, and what a cut leaves of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.batch.failed import Wanted
from orchestrator.ledger.feed import Allowance, Pages
from orchestrator.ledger.proof import Proof
from orchestrator.ledger.retry import Retry, reopen
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Job,
    Mode,
    Output,
    Phase,
    Progress,
    Remedy,
    State,
    Verdict,
)
from orchestrator.testing import ManualClock
from tests.model import document, job_of

BAD = Failure("bad", "it is bad", Blame.DOCUMENT, Remedy.FAIL)
WORSE = replace(BAD, code="worse")
FAILED = Retry(frozenset({State.FAILED}))
ONLY_BAD = replace(FAILED, code="bad")
MISSING = Retry(frozenset({State.MISSING}))
NAMES = ("open", "bad0", "bad1", "worse", "unsent", "sent", "done", "missing")


def staged(path: Path, *documents: Document) -> None:
    """The manifest as it is now."""
    with Stage(path) as stage:
        for each in documents:
            stage.add(each)
        stage.compare()
        stage.merge()


def ended(what: Document, state: State, why: Failure | None = None) -> Verdict:
    """How a document ended."""
    made = (Output(what.output, 3, "0" * 64),) if state is State.DONE else ()
    return Verdict(what, state, made, why)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A ledger with a document of each kind; those of ``NAMES``."""
    path = tmp_path / "ledger.sqlite"
    every = {name: document(name, n=n) for n, name in enumerate(NAMES)}
    staged(path, *every.values())
    async with Store(path, ManualClock()) as store:
        for number, (name, each) in enumerate(every.items(), 1):
            job = job_of(each, number)
            if name == "open":
                continue
            await store.intend(job, Progress())
            if name == "unsent":
                await store.not_sent(job, Progress(), "refused")
            elif name == "sent":
                await store.advance(job, Progress(Phase.POLL, handle="h"))
            elif name in ("done", "missing"):
                verdict = ended(each, State.DONE)
                await store.settle(job, Progress(Phase.ENDED), [verdict])
            else:
                verdict = ended(each, State.FAILED, WORSE if name == "worse" else BAD)
                await store.settle(job, Progress(Phase.ENDED), [verdict])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE document SET state = 'missing' WHERE id = 'missing'")
    return path


async def given(path: Path, retry: Retry | None) -> tuple[list[str], list[str]]:
    """What a run would begin, and what it would carry on."""
    async with Store(path, ManualClock()) as store:
        feed = Pages(store, "a", retry=retry)
        left = [job.document.id for job, _, _ in await feed.left(99)]
        page = await feed.page(large=False, limit=99)
    return [each.id for each in page], left


def reasons(path: Path) -> dict[str, str]:
    """Code of each document that has a reason on record."""
    with View(path) as view:
        return {x.document.id: x.failure.code for x in view.rows() if x.failure}


@pytest.mark.parametrize(
    ("retry", "begun", "carried"),
    [
        (None, ["open"], ["unsent", "sent"]),
        (FAILED, ["bad0", "bad1", "worse"], ["sent"]),
        (ONLY_BAD, ["bad0", "bad1"], ["sent"]),
        (replace(FAILED, code="nope"), [], ["sent"]),
        (MISSING, ["missing"], ["sent"]),
    ],
)
async def test_only_what_is_asked_for_is_sent(
    path: Path, retry: Retry | None, begun: list[str], carried: list[str]
) -> None:
    """What was never sent waits for a plain run; what was sent is carried by all."""
    if retry is not None:
        assert reopen(path, retry) == 0
    assert await given(path, retry) == (begun, carried)
    with Stage(path) as stage:
        for n, name in enumerate(NAMES):
            stage.add(document(name, n=n))
        stage.compare()
        stage.merge()
        stage.retry = retry
        todo = sum(each.documents for each in stage.shares())
        assert todo == len(begun) + len(carried)
        unsent = [count for _, _, count in stage.unsent()]
        assert sum(unsent) == len(begun) + (retry is None)


async def test_what_is_not_begun_is_as_it_was(path: Path) -> None:
    """A limit, a kill: the document without a job keeps its state, code and reason."""
    async with Store(path, ManualClock()) as store:
        feed = Pages(store, "a", (), Allowance(1), FAILED)
        (first,) = await feed.page(large=False, limit=99)
        await store.intend(job_of(first, 50), Progress())
    assert reasons(path) == {"bad1": "bad", "worse": "worse"}
    with View(path) as view:
        assert view.states()[State.FAILED] == 2
    with Proof(path) as proof:
        proof.bill()
        assert list(proof.deviations()) == []
    assert await given(path, None) == (["open"], ["unsent", "sent", "bad0"])
    assert await given(path, FAILED) == (["bad1", "worse"], ["sent", "bad0"])


async def test_what_was_not_sent_in_the_end_is_found_again(path: Path) -> None:
    """A job of a retry whose request was refused is for the next one, too."""
    async with Store(path, ManualClock()) as store:
        feed = Pages(store, "a", retry=ONLY_BAD)
        first, _ = await feed.page(large=False, limit=99)
        job = job_of(first, 50)
        await store.intend(job, Progress())
        await store.not_sent(job, Progress(), "key refused")
    assert (await given(path, ONLY_BAD))[1] == ["sent", "bad0"]
    assert (await given(path, replace(FAILED, code="worse")))[1] == ["sent"]


async def test_what_fails_once_more_is_not_asked_for_a_third_time(path: Path) -> None:
    """Also where the feed begins again, for what became open meanwhile."""
    async with Store(path, ManualClock()) as store:
        feed = Pages(store, "a", retry=ONLY_BAD)
        for number, each in enumerate(await feed.page(large=False, limit=99), 50):
            verdict = ended(each, State.FAILED, WORSE if number == 50 else BAD)
            job = job_of(each, number)
            await store.settle(job, Progress(Phase.ENDED), [verdict])
        feed.rewind()
        assert await feed.page(large=False, limit=99) == ()
    assert reasons(path) == {"bad0": "worse", "bad1": "bad", "worse": "worse"}


async def test_an_edited_one_is_still_what_failed(path: Path) -> None:
    """By a plain run, and by a retry; with its code, until something is known."""
    every = [document(name, n=n) for n, name in enumerate(NAMES)]
    every[1] = replace(every[1], params={"mended": True})
    for _ in range(2):
        staged(path, *every)
        assert (await given(path, ONLY_BAD))[0] == ["bad0", "bad1"]
        assert (await given(path, None))[0] == ["open", "bad0"]
    with View(path) as view:
        assert view.codes() == ["bad", "worse"]


async def test_a_job_that_is_known_takes_nothing(path: Path) -> None:
    """One of several documents, of which one failed, goes on for the others alone."""
    two = [document(name, Mode.ASYNC, n=20 + n) for n, name in enumerate("xy")]
    every = [document(name, n=n) for n, name in enumerate(NAMES)]
    staged(path, *every, *two)
    job = Job("f" * 32, "a", Mode.ASYNC, tuple(two), 0.0, None)
    async with Store(path, ManualClock()) as store:
        await store.intend(job, Progress())
        late = ended(two[1], State.OVERDUE, BAD)
        verdicts = [ended(two[0], State.FAILED, BAD), late]
        await store.settle(job, Progress(Phase.POLL, handle="h"), verdicts)
        await store.settle(
            job_of(two[0], 60),
            Progress(Phase.ENDED),
            [ended(two[0], State.FAILED, BAD)],
        )
        await store.advance(job, Progress(Phase.FETCH, handle="h"))
    with View(path) as view:
        rows = {each.document.id: each for each in view.rows()}
    assert rows["x"].state is State.FAILED
    assert rows["x"].job == job_of(two[0], 60).id


def test_a_list_of_open_ones_leaves_out_what_was_sent(path: Path) -> None:
    """A job may have been accepted: the list would pay for it again."""
    wanted = Wanted((State.OPEN, State.MISSING))
    with View(path) as view:
        listed = [each.document.id for each in wanted.rows(view)]
    assert listed == ["open", "unsent", "missing"]
    assert wanted.left_out == ["sent"]
    assert +wanted.paid == {State.MISSING: 1}
