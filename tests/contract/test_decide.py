"""What the user decides: documents, jobs, events; and what comes too late for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from orchestrator.engine.ending import Ending
from orchestrator.engine.work import Work
from orchestrator.errors import MachineError
from orchestrator.ledger import record
from orchestrator.ledger.decide import Decider, Decision, Named
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
    Result,
    Saved,
    State,
    Verdict,
)
from orchestrator.testing import ManualClock, MemoryOutputs
from tests.model import World, document, job_of

LOST = Failure("reset", "the connection broke", Blame.NETWORK, Remedy.DOUBT)
FAILED = Retry(frozenset({State.FAILED}))
MADE = Output("/out/x.pdf", 3, "0" * 64)
NEVER = Mode.ASYNC


def staged(path: Path, *documents: Document) -> None:
    """A ledger of these documents."""
    with Stage(path) as stage:
        for each in documents:
            stage.add(each)
        stage.compare()
        stage.merge()


async def left(
    path: Path, state: State, *documents: Document, number: int = 1
) -> tuple[Job, Progress]:
    """One job whose documents a run left in some state."""
    job = replace(job_of(documents[0], number), documents=documents)
    handle = "h?signature=x" if state is State.IN_DOUBT else "https://x/h?signature=x"
    phase = {State.IN_DOUBT: Phase.SUBMIT, State.OVERDUE: Phase.POLL}
    progress = Progress(phase.get(state, Phase.ENDED), handle=handle, failure=LOST)
    outputs = (MADE,) if state is State.DONE else ()
    why = None if state is State.DONE else LOST
    verdicts = [Verdict(each, state, outputs, why) for each in documents]
    async with Store(path, ManualClock()) as store:
        await store.intend(job, Progress())
        if state is not State.IN_DOUBT:
            await store.advance(job, progress)
        await store.settle(job, progress, verdicts)
    return job, progress


def decide(path: Path, decision: Decision, *names: str) -> Named:
    """Choose, and write it."""
    with Decider(path) as decider:
        named = decider.choose(decision, names)
        for each in decider.chosen():
            decider.found(each.key, [replace(MADE, path=each.document.output)])
        decider.decide(decision, at=77.0)
    return named


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What a ledger says."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def states(path: Path) -> dict[str, str]:
    """State of each document."""
    with View(path) as view:
        return {row.document.id: row.state for row in view.rows()}


@pytest.mark.parametrize("state", [State.IN_DOUBT, State.OVERDUE, State.LOST])
@pytest.mark.parametrize(
    ("decision", "ends"),
    [
        (Decision.RESUBMITTED, State.OPEN),
        (Decision.MARKED_DONE, State.DONE),
        (Decision.GIVEN_UP, State.FAILED),
    ],
)
async def test_a_decision_ends_document_and_job(
    tmp_path: Path, state: State, decision: Decision, ends: State
) -> None:
    """State and event are there, the job is never carried again; twice is once."""
    path = tmp_path / "ledger.sqlite"
    one = document("one", NEVER)
    staged(path, one)
    job, _ = await left(path, state, one)
    assert decide(path, decision, "one") == Named((), ())
    assert decide(path, decision, "one") == Named((), ("one",))
    assert decide(path, decision) == Named((), ())
    assert states(path) == {"one": ends}
    events = rows(path, f"SELECT at, job, detail FROM event WHERE kind = '{decision}'")
    code = f"user: {state} reset"
    assert events == [(77.0, job.id, code)]
    async with Store(path, ManualClock()) as store:
        assert store.open_jobs("a") == []
        pages = store.open_documents("a", large=False, after=None, limit=9)
        assert bool(pages) is (decision is Decision.RESUBMITTED)
    # That it may have been billed stays on record, and no secret does.
    kept = rows(path, "SELECT intended IS NOT NULL, phase, progress FROM job")[0]
    assert kept[:2] == (state is State.IN_DOUBT, "ended")
    if state is not State.IN_DOUBT:
        assert "signature" not in str(kept[2])


async def test_what_was_given_up_says_why_and_can_be_asked_for_again(
    tmp_path: Path,
) -> None:
    """The evidence is kept; retry makes new work of it."""
    path = tmp_path / "ledger.sqlite"
    staged(path, document("one"))
    await left(path, State.LOST, document("one"))
    decide(path, Decision.GIVEN_UP, "one")
    with View(path) as view:
        (row,) = view.rows()
        assert row.failure is not None
        assert row.failure.code == "given_up"
        assert "it was lost: reset: the connection broke" in row.failure.message
        assert row.job == job_of(document("one")).id
    assert reopen(path, FAILED) == 0
    async with Store(path, ManualClock()) as store:
        read = partial(store.open_documents, "a", large=False, after=None, limit=9)
        assert read() == []
        assert len(read(retry=FAILED)) == 1


async def test_all_names_that_mean_nothing_are_told_at_once(tmp_path: Path) -> None:
    """By what is wrong with each; a pattern that means decided ones is none."""
    path = tmp_path / "ledger.sqlite"
    few = [document(name, n=n) for n, name in enumerate(("a", "b", "done", "open"))]
    staged(path, *few)
    await left(path, State.IN_DOUBT, few[0], number=1)
    await left(path, State.OVERDUE, few[1], number=2)
    await left(path, State.DONE, few[2], number=3)
    with Decider(path) as decider:
        names = ("done", "open", "nope", "x*", "o*", "[ab]")
        named = decider.choose(Decision.GIVEN_UP, names)
        assert [each.split(":")[0] for each in named.faults] == [
            "'done' is done",
            "'open' is open",
            "'nope'",
            "'x*'",
        ]
        assert decider.counts() == {State.IN_DOUBT: 1, State.OVERDUE: 1}
    with Decider(path) as decider:
        decider.choose(Decision.GIVEN_UP, (), states={State.OVERDUE})
        assert [each.document.id for each in decider.chosen()] == ["b"]
    with Decider(path) as decider:
        decider.choose(Decision.GIVEN_UP, (), code="other")
        assert decider.counts() == {}


async def test_what_is_open_elsewhere_can_be_decided(tmp_path: Path) -> None:
    """Nobody carries it; what is open here is carried by every run."""
    path = tmp_path / "ledger.sqlite"
    few = [document(name, n=n) for n, name in enumerate(("sent", "new"))]
    staged(path, *few)
    async with Store(path, ManualClock()) as store:
        await store.settle_in({"a": "https://one"}, ())
        await store.intend(job_of(few[0]), Progress())
    for here in (None, {"a": "https://one"}):
        with Decider(path, here) as decider:
            named = decider.choose(Decision.GIVEN_UP, ["sent"])
            assert "'sent' is open" in named.faults[0]
            assert decider.choose(Decision.GIVEN_UP, ()) == Named((), ())
            assert decider.counts() == {}
    for there in ({"b": "https://one"}, {"a": "https://two"}):
        with Decider(path, there) as decider:
            assert (
                "'new' is open" in decider.choose(Decision.GIVEN_UP, ["new"]).faults[0]
            )
            decider.choose(Decision.GIVEN_UP, ())
            assert decider.counts() == {State.OPEN: 1}
    with Decider(path, {"a": "https://two"}) as decider:
        decider.choose(Decision.RESUBMITTED, ["sent"])
        decider.decide(Decision.RESUBMITTED, at=1.0)
    async with Store(path, ManualClock()) as store:
        assert len(store.open_documents("a", large=False, after=None, limit=9)) == 2
        assert not store.open_jobs("a")
        assert not store.stranded({})


async def test_an_unwritable_ledger_keeps_all_as_it_was(tmp_path: Path) -> None:
    """One transaction: documents, jobs and events, or nothing."""
    path = tmp_path / "ledger.sqlite"
    few = [document(f"d{n:04}", n=n) for n in range(600)]
    staged(path, *few)
    await left(path, State.IN_DOUBT, *few)
    with Decider(path) as decider:
        decider.choose(Decision.GIVEN_UP, ())
        pages = decider._db.execute("PRAGMA page_count").fetchone()[0]
        decider._db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(MachineError, match="full"):
            decider.decide(Decision.GIVEN_UP, at=1.0)
    with View(path) as view:
        assert view.states() == {State.IN_DOUBT: 600}
    assert rows(path, "SELECT count(*) FROM event WHERE kind = 'given_up'") == [(0,)]
    decide(path, Decision.GIVEN_UP)
    assert set(states(path).values()) == {State.FAILED}


@pytest.mark.parametrize("decision", Decision)
async def test_the_others_of_a_job_stay_with_it(
    tmp_path: Path, decision: Decision
) -> None:
    """Its result comes after all: theirs is kept, the other is let go."""
    path = tmp_path / "ledger.sqlite"
    few = tuple(document(name, NEVER, n=n) for n, name in enumerate("abc"))
    staged(path, *few)
    await left(path, State.IN_DOUBT, *few)
    decide(path, decision, "b")
    before = states(path)
    async with Store(path, ManualClock()) as store:
        ((job, progress, intended),) = store.open_jobs("a")
        assert intended is not None
        assert [each.id for each in job.documents] == ["a", "b", "c"]
        assert job.withdrawn == {1}
        saved = [Saved(f"/p{n}", 3, "0" * 64) for n in range(3)]
        results = tuple(
            Result("", f"/{n}", document=n, saved=each) for n, each in enumerate(saved)
        )
        outputs = MemoryOutputs()
        for each in saved:
            outputs.parts[each.part] = b"abc"
        await store.advance(job, progress.at(Phase.FETCH))
        found = progress.at(Phase.FETCH, results=results)
        ending = Ending(store, outputs, after=Phase.ENDED)
        ended = await ending.finish(Work(job, found))
        assert ended is not None
        assert [each.document.id for each in ended.verdicts] == ["a", "c"]
    assert states(path) == before | {"a": "done", "c": "done"}
    assert few[1].output not in outputs.files
    # Nothing of it was taken up again by the old job.
    taken = rows(path, "SELECT job FROM document WHERE id = 'b'")[0][0]
    assert (taken is None) is (decision is not Decision.GIVEN_UP)
    with Proof(path) as proof:
        proof.bill()
        assert list(proof.deviations()) == []


async def test_a_job_that_somebody_left_is_not_sent_again(tmp_path: Path) -> None:
    """It would pay for what was decided; the others are in doubt, and not billed."""
    path = tmp_path / "ledger.sqlite"
    few = tuple(document(name, n=n) for n, name in enumerate("ab"))
    staged(path, *few)
    whole = replace(job_of(few[0]), documents=few)
    async with Store(path, ManualClock()) as store:
        world = World(store)
        job = replace(whole, withdrawn=frozenset({1}))
        await store.advance(whole, Progress())
        (verdict,) = await world.carry(world.driver(), Work(job, Progress()))
        assert (verdict.document.id, verdict.state) == ("a", State.IN_DOUBT)
        assert verdict.failure is not None
        assert verdict.failure.code == "withdrawn"
        assert not world.service.bill
    assert states(path) == {"a": "in_doubt", "b": "open"}


async def test_a_late_end_of_the_whole_job_spares_what_was_decided(
    tmp_path: Path,
) -> None:
    """The provider says that the job failed: that is not said of the other."""
    path = tmp_path / "ledger.sqlite"
    few = tuple(document(name, NEVER, n=n) for n, name in enumerate("ab"))
    staged(path, *few)
    await left(path, State.OVERDUE, *few)
    decide(path, Decision.RESUBMITTED, "a")
    async with Store(path, ManualClock()) as store:
        ((job, progress, _),) = store.open_jobs("a")
        ending = Ending(store, MemoryOutputs(), after=Phase.ENDED)
        end = await ending.settle(Work(job, progress), State.LOST, LOST)
        assert [each.document.id for each in end.verdicts] == ["b"]
    assert states(path) == {"a": "open", "b": "lost"}


async def test_a_missing_one_of_a_job_that_is_being_released_is_made_again(
    tmp_path: Path,
) -> None:
    """Neither retry nor resolve hangs it on a job that has nothing left to give."""
    path = tmp_path / "ledger.sqlite"
    one, two = document("one"), document("two", n=1)
    staged(path, one, two)
    for number, each in enumerate((one, two), 1):
        job = job_of(each, number)
        async with Store(path, ManualClock()) as store:
            await store.intend(job, Progress())
            verdict = Verdict(each, State.DONE, (MADE,))
            await store.settle(job, Progress(Phase.RELEASE, handle="h"), [verdict])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE document SET state = 'missing'")
    decide(path, Decision.RESUBMITTED, "one")
    missing = Retry(frozenset({State.MISSING}))
    assert reopen(path, missing) == 0
    async with Store(path, ManualClock()) as store:
        read = partial(store.open_documents, "a", large=False, after=None, limit=9)
        assert [each.id for each in read()] == ["one"]
        assert [each.id for each in read(retry=missing)] == ["two"]
        assert len(store.open_jobs("a")) == 2, "both are still released"


def test_what_was_known_is_in_the_words() -> None:
    """No failure, no colon."""
    from orchestrator.ledger.decide import given_up

    assert given_up(State.MISSING, None).message.endswith("it was missing")
    assert record.failure(record.text(given_up(State.LOST, LOST))).blame is LOST.blame
