"""Sums that a ledger keeps of itself are those of its rows, whoever writes them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.ledger.decide import Decider, Decision
from orchestrator.ledger.missing import mark_missing
from orchestrator.ledger.opening import connect
from orchestrator.ledger.proof import Proof
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import Operation, State
from orchestrator.testing import ManualClock
from tests.model import document
from tests.unit.test_bill import Book, fill


def wrong(path: Path) -> list[str]:
    """What ``verify`` would say of the sums."""
    with Proof(path) as proof:
        proof.bill()
        return [x.message for x in proof.deviations() if x.code == "wrong_sum"]


def summed(path: Path) -> int:
    """How many documents of jobs are in the sums."""
    with closing(sqlite3.connect(path)) as db:
        (found,) = db.execute("SELECT sum(documents) FROM charged").fetchone()
    return int(found)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A ledger with one of each fate."""
    await fill(tmp_path / "ledger.sqlite")
    return tmp_path / "ledger.sqlite"


async def test_whatever_happens_the_sums_are_those_of_the_rows(path: Path) -> None:
    """Outputs go, a retry, an edit, decisions; each changes what jobs came to."""
    assert summed(path) == 8
    assert mark_missing(path) == 4
    assert wrong(path) == []
    async with Store(path, ManualClock()) as store:
        book = Book(store)
        book.jobs = 50
        await book.end(await book.send(document("d0")), State.FAILED, cost=7.0)
        await book.end(await book.send(document("d7")), State.DONE, cost=None)
    assert wrong(path) == []
    with Stage(path) as stage:
        stage.add(document("d7", operation=Operation.MERGE))
        stage.compare()
        stage.merge()
    assert wrong(path) == []
    with Decider(path) as decider:
        decider.choose(Decision.GIVEN_UP, ())
        decider.decide(Decision.GIVEN_UP, at=1.0)
    assert wrong(path) == []
    assert summed(path) == 11


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        ("UPDATE tally SET documents = documents + 1", "documents by state"),
        ("UPDATE tally SET bytes = 0", "documents by state"),
        ("DELETE FROM charged WHERE fate = 'wasted'", "what was charged"),
        ("UPDATE committed SET jobs = 0", "what was reserved"),
    ],
)
async def test_a_sum_that_is_off_is_told(path: Path, harm: str, what: str) -> None:
    """By ``verify``, with the kind that is wrong."""
    assert wrong(path) == []
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(harm)
    assert len(told := wrong(path)) == 1
    assert told[0].startswith(f"{what}: the sum for ")


async def test_a_ledger_without_sums_gets_them(path: Path) -> None:
    """An older one says the same after its migration as this one does."""
    with View(path) as view:
        before = (view.states(), view.bill(), view.taken())
    with closing(sqlite3.connect(path)) as db, db:
        kinds = "type = 'trigger' OR name IN ('charge', 'commitment', 'tally', "
        found = db.execute(
            f"SELECT type, name FROM sqlite_master WHERE {kinds}"
            "'charged', 'committed') ORDER BY type = 'table'"
        ).fetchall()
        for kind, name in found:
            db.execute(f"DROP {kind} {name}")
        db.execute("PRAGMA user_version=2")
    connect(path).close()
    with View(path) as view:
        assert (view.states(), view.bill(), view.taken()) == before
    assert wrong(path) == []
