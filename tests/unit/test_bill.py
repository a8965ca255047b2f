"""The bill that a ledger tells: who charged what, for what came of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from orchestrator.ledger.bill import Terms, since
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Job,
    Output,
    Phase,
    Progress,
    Remedy,
    State,
    Verdict,
)
from orchestrator.report.bill import balance_lines, bill_fields, bill_lines
from orchestrator.report.sample import Sample, sample_fields, sample_lines
from orchestrator.testing import ManualClock
from tests.model import document, job_of

D = Decimal
BAD = Failure("bad", "it is bad", Blame.DOCUMENT, Remedy.FAIL)
TERMS = '{"budget": {"limit": "20", "currency": "EUR"}, "prices": {"a": "0.1"}, '


class Book:
    """A ledger that is filled job by job."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.jobs = 0

    async def send(self, *documents: Document, reserved: str = "2") -> Job:
        """A job whose request has left."""
        self.jobs += 1
        job = job_of(documents[0], self.jobs)
        job = replace(job, documents=documents, reserved=D(reserved))
        await self.store.intend(job, Progress())
        return job

    async def end(
        self, job: Job, *states: State, cost: float | None, bad: bool = False
    ) -> None:
        """How its documents ended."""
        at = Phase.SUBMIT if State.IN_DOUBT in states else Phase.ENDED
        progress = Progress(at, cost=cost, failure=BAD if bad else None)
        verdicts = [
            Verdict(
                each,
                state,
                (Output(each.output, 3, "0" * 64),) if state is State.DONE else (),
                failure=None if state is State.DONE else BAD,
            )
            for each, state in zip(job.documents, states, strict=True)
        ]
        await self.store.settle(job, progress, verdicts)


async def fill(path: Path) -> None:
    """One of each fate, and a bulk job whose cost is shared."""
    wanted = [document(f"d{n}", n=n) for n in range(10)]
    with Stage(path) as stage:
        for each in wanted:
            stage.add(each)
        stage.compare()
        stage.merge()
    async with Store(path, ManualClock()) as store:
        book = Book(store)
        await store.remember("terms", TERMS + '"free": []}')
        await book.end(await book.send(wanted[0]), State.DONE, cost=1.0)
        await book.end(await book.send(wanted[1]), State.DONE, cost=None)
        await book.end(await book.send(wanted[2]), State.FAILED, cost=2.0, bad=True)
        await book.end(await book.send(wanted[3]), State.FAILED, cost=0.0, bad=True)
        await book.end(await book.send(wanted[4]), State.FAILED, cost=None, bad=True)
        await book.end(await book.send(wanted[5]), State.IN_DOUBT, cost=None)
        await book.send(wanted[6])
        three = await book.send(wanted[7], wanted[8], wanted[9], reserved="6")
        await book.end(three, State.DONE, State.DONE, State.FAILED, cost=1.0)


async def test_every_unit_has_its_fate(tmp_path: Path) -> None:
    """Spent, guessed, wasted, possibly spent, reserved; thirds add up."""
    path = tmp_path / "ledger.sqlite"
    await fill(path)
    with View(path) as view:
        (line,) = view.bill()
        taken = view.taken()
        rows = {each.document.id: each for each in view.rows()}
        said = list(bill_lines(view.bill(), view.terms(), taken))
        fields = bill_fields(view.bill(), view.terms(), taken)
    assert (line.account, line.operation, line.documents) == ("a", "convert", 4)
    assert round(line.spent, 9) == round(1 + D(2) / 3, 9)
    assert [line.guessed, line.possible, line.reserved] == [1, 4, 2]
    assert round(line.wasted, 9) == round(2 + D(1) / 3, 9)
    # 1 told + 2 reserved + 2 told + 0 told + 2 + 2 + 2 reserved + 1 told
    assert taken == D("1.2")
    assert rows["d0"].flat()["cost"] == 0.1
    assert rows["d7"].flat()["units"] == 0.333333
    assert rows["d5"].flat() | {"units": 0.0, "units_possible": 2.0, "cost": 0.0} == (
        rows["d5"].flat()
    )
    assert said == [
        (
            "bill of a, convert: 2.666667 units for 4 documents "
            "(1 of them guessed: one a document), 2.333333 wasted, "
            "4 possibly spent, 2 reserved, at 0.1: 0.50 to 1.10 EUR"
        ),
        "budget: 1.20 of 20.00 EUR spent or reserved",
    ]
    assert fields["budget"] == {"limit": 20, "currency": "EUR", "taken": D("1.2")}
    assert fields["bill"][0]["wasted"] == 2.333333


async def test_what_was_wasted_stays_so_when_it_is_tried_again(tmp_path: Path) -> None:
    """A retry adds a job, and takes none away."""
    path = tmp_path / "ledger.sqlite"
    await fill(path)
    with View(path) as view:
        before, taken = view.bill(), view.taken()
    async with Store(path, ManualClock()) as store:
        book = Book(store)
        book.jobs = 50
        await book.end(await book.send(document("d2")), State.DONE, cost=1.0)
    with View(path) as view:
        (grown,) = since(before, view.bill())
        assert view.taken() - taken == D("0.1")
    assert [grown.spent, grown.wasted, grown.documents] == [1, 0, 1]


async def test_a_free_account_has_no_bill(tmp_path: Path) -> None:
    """The private service tells units, too: they are nobody's money."""
    path = tmp_path / "ledger.sqlite"
    await fill(path)
    async with Store(path, ManualClock()) as store:
        await store.remember("terms", TERMS + '"free": ["a"]}')
    with View(path) as view:
        assert view.bill() == []
        assert view.taken() == 0
        assert {each.flat()["cost"] for each in view.rows()} == {0.0}


async def test_balances_stand_beside_the_bill(tmp_path: Path) -> None:
    """What is fewer at the provider, and what this run says of it."""
    path = tmp_path / "ledger.sqlite"
    await fill(path)
    with View(path) as view:
        bill = view.bill()
    assert list(balance_lines({"a": 100.0, "b": 7.0}, {"a": 94.0}, bill)) == [
        (
            "account a: 100 units were left at the start, 94 are now: 6 fewer; "
            "the bill of this run says 5 to 11"
        ),
        "account b: 7 units were left at the start",
    ]


async def test_a_sample_speaks_for_the_rest(tmp_path: Path) -> None:
    """Units, money and seconds of a document, times those that are left."""
    path = tmp_path / "ledger.sqlite"
    await fill(path)
    with View(path) as view:
        bill, terms = view.bill(), view.terms()
    states = {State.DONE: 4, State.FAILED: 4, State.IN_DOUBT: 1}
    sample = Sample(9, 18, states, 4.5, bill)
    assert not sample.is_good
    assert list(sample_lines(sample, terms)) == [
        "first 9: 4 done, 4 failed, 1 in doubt, 4.5 s, 9 units (0.90 EUR)",
        "the other 18 documents at that pace: at most about 9.0 s, 18 units (1.80 EUR)",
    ]
    assert sample_fields(sample, terms)["rest_cost"] == D("1.8")
    assert sample_fields(sample, Terms())["cost"] is None
    assert Sample(1, 0, {State.DONE: 1}, 1.0, []).is_good
