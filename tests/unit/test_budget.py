"""The budget: what it holds, gives back, counts, refuses, and says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator.batch.accounts import Account, accounts_of
from orchestrator.batch.run import Tally
from orchestrator.batch.spending import spending_of
from orchestrator.engine.budget import Budget, Terms, Till
from orchestrator.engine.work import Work
from orchestrator.errors import ManifestError, UsageError
from orchestrator.ledger.bill import Committed
from orchestrator.manifest import load_manifest
from orchestrator.manifest.schema import bound_of
from orchestrator.model import (
    Blame,
    Failure,
    Operation,
    Phase,
    Progress,
    Remedy,
    State,
    Verdict,
)
from orchestrator.plan.batch import room_of
from orchestrator.settings import AccountSettings, BudgetSettings, StopSettings
from tests.model import document, job_of

D = Decimal
BAD = Failure("damaged_file", "it is damaged", Blame.DOCUMENT, Remedy.FAIL, 422)


def till_of(limit: str, most: str = "2", price: str = "1", kept: str = "0") -> Till:
    """A budget and the one account that has it."""
    terms = Terms(lambda _: D(most), D(price))
    return Till("a", Budget(D(limit), D(kept)), terms)


def work_of(number: int, till: Till | None = None, **progress: object) -> Work:
    """A job of one document, held where there is a till."""
    job = job_of(document(f"d{number}"), number)
    made = Progress(**progress)  # type: ignore[arg-type]  # by name
    return Work(till.hold(job) if till else job, made)


def test_a_job_may_take_a_part_of_its_documents() -> None:
    """As many as fit, from the first on; what fills the budget exactly fits."""
    till = till_of("5", kept="0.9")
    documents = [document(f"d{n}") for n in range(4)]
    assert till.fitting(documents) == 2
    assert till_of("4").fitting(documents) == 2
    assert till_of("3.999999").fitting(documents) == 1
    assert till_of("1.9").fitting(documents) == 0


def test_what_was_held_becomes_what_was_told() -> None:
    """And who waits is stirred once there is room, and only then."""
    till, stirred = till_of("4"), []
    till.listen(lambda: stirred.append(1))
    first, second = work_of(1, till), work_of(2, till)
    assert first.job.reserved == D(2)
    assert till.fitting([document("x")]) == 0
    hopes = [till.has_hope]
    first.progress = Progress(Phase.ENDED, cost=0.5)
    till.ended(first)
    assert stirred == [1]
    assert till.fitting([document("x")]) == 0
    second.progress = Progress(Phase.ENDED)
    till.ended(second)
    assert [*hopes, till.has_hope] == [True, False]
    assert till.fitting([document("x")]) == 0
    failure = till.refusal(document("x"))
    assert failure.code == "budget"
    assert "2.5 are spent or reserved, and x may cost 2" in failure.message
    terms = Terms(lambda _: D(1), D("0.0205"))
    money = Till("a", Budget(D(1), D("1.0"), measure="EUR"), terms)
    assert (
        "the budget of 1.00 EUR is reached: 1.00 are spent or reserved, and x may "
        "cost 0.0205;"
    ) in money.refusal(document("x")).message


def test_a_job_that_is_left_keeps_what_may_be_charged() -> None:
    """An account that stops gives back what was not sent, and nothing else."""
    till = till_of("4")
    sent, unsent = work_of(1, till), work_of(2, till)
    sent.intended = 5.0
    till.left(unsent)
    assert till.fitting([document("x")]) == 1
    till.left(sent)
    assert till.fitting([document("x"), document("y")]) == 1
    till.close()
    assert till.fitting([document("x"), document("y")]) == 1


def test_free_work_goes_on_when_nothing_is_left() -> None:
    """What costs nothing fits into an empty budget."""
    assert till_of("0", most="0").fitting([document("x")]) == 1


@pytest.mark.parametrize(
    ("cost", "reserved", "is_above"),
    [(2.0, "2", False), (2.000001, "2", True), (3.0, "3", False), (None, "2", False)],
)
def test_a_higher_cost_is_told(
    cost: float | None, reserved: str, *, is_above: bool
) -> None:
    """Above what is declared, unless more was declared when it was sent."""
    work = work_of(1, cost=cost)
    work.job = replace(work.job, reserved=D(reserved))
    complaint = till_of("9").complaint(work)
    assert (complaint is not None) is is_above
    if complaint is not None:
        assert complaint.code == "cost_above_declared"
        assert "max_cost of the account a allows 2" in complaint.message


def accounts(**most: str) -> Mapping[str, Account]:
    """ConvertAPI accounts with what a document costs at most, and a price."""
    return accounts_of(
        {
            name: AccountSettings(
                name, "convertapi", price=D("0.1"), max_cost={None: D(each)}
            )
            for name, each in most.items()
        }
        | {"local": AccountSettings("local", "local")}
    )


def jobs(
    account: str, cost: str | None, reserved: str = "0", documents: int = 1
) -> Committed:
    """Three jobs of a kind."""
    told = None if cost is None else D(cost)
    return Committed(account, Operation.CONVERT, documents, told, D(reserved), 3)


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (jobs("a", "0.1", "2"), "0.03"),
        (jobs("a", None, "2"), "0.6"),
        (jobs("a", None, documents=5), "3"),
        (jobs("a", "0"), "0"),
        (jobs("local", "1"), "0"),
    ],
)
def test_former_runs_count(row: Committed, kept: str) -> None:
    """Told, or reserved, or the most of today; exactly, and ours for nothing."""
    said = BudgetSettings(D(1), "EUR")
    assert spending_of(said, accounts(a="2"), [row]).budget.kept == D(kept)


def test_an_account_without_a_price_is_not_counted_as_nothing() -> None:
    """What the ledger holds of it has to be known; units count as they are."""
    row = jobs("former", "1")
    units = spending_of(BudgetSettings(D(9)), accounts(a="1"), [row])
    assert units.budget.kept == 3
    with pytest.raises(UsageError, match="3 units of the account former"):
        spending_of(BudgetSettings(D(9), "EUR"), accounts(a="1"), [row])


def test_a_declaration_that_a_former_run_proved_wrong_starts_nothing() -> None:
    """Until it says what is charged."""
    row = jobs("a", "6", documents=2)
    till = spending_of(None, accounts(a="2"), [row]).till("a")
    assert till.broken is not None
    assert "cost 3 units" in till.broken.message
    once = spending_of(None, accounts(a="0.5"), [jobs("a", "2", documents=2)])
    assert "cost 1 unit, and" in once.broken["a"]
    assert spending_of(None, accounts(a="3"), [row]).till("a").broken is None


@pytest.mark.parametrize(
    ("limit", "costs", "fits"),
    [
        ("10", [("a", 3, "2")], 3),
        ("5", [("a", 3, "2")], 2),
        ("5", [("a", 10, "1"), ("a", 1, "10")], 0),
        ("5", [("a", 10, "1"), ("local", 7, "0")], 12),
        ("0.3", [("a", 4, "0.1")], 3),
    ],
)
def test_a_plan_says_what_is_sure_to_fit(
    limit: str, costs: list[tuple[str, int, str]], fits: int
) -> None:
    """In whatever order they come."""
    todo = [(name, count, D(most)) for name, count, most in costs]
    room = room_of(D(limit), None, D(0), todo)
    assert (room.fits, room.open) == (fits, sum(each[1] for each in costs) - fits)


@pytest.mark.parametrize(
    ("bound", "failed", "ended", "stops"),
    [
        ("5%", 1, 20, False),
        ("5%", 2, 20, True),
        ("5%", 19, 19, False),
        ("0.5%", 1, 200, False),
        ("0.5%", 1, 199, True),
        (3, 3, 3, False),
        (3, 4, 4, True),
        (0, 1, 1, True),
    ],
)
def test_too_many_failures(
    bound: object, failed: int, ended: int, *, stops: bool
) -> None:
    """More than allowed; a share only of a sample that says something."""
    tally = Tally()
    for n in range(ended):
        state = State.FAILED if n < failed else State.DONE
        failure = BAD if n < failed else None
        tally.take(Verdict(document(f"d{n}"), state, failure=failure))
    why = tally.excess(StopSettings(bound_of(bound)))
    assert (why is not None) is stops
    by_code = tally.excess(StopSettings(codes={"damaged_file": bound_of(bound)}))
    assert (by_code is not None) is stops
    assert tally.excess(StopSettings(codes={"other": bound_of(bound)})) is None


HEAD = """\
version: 1
budget: {budget}
providers:
  paid: {{type: convertapi, key: "${{env:K}}", {account}}}
documents: [{{id: a, design: sample@1, params: {{}}}}, \
{{id: b, input: x.docx, provider: paid}}]
"""


@pytest.mark.parametrize(
    ("budget", "account", "words"),
    [
        ("{units: 5}", "max_cost: 1", ""),
        ("{units: 5}", "max_cost: {convert: 1}", ""),
        ("{units: 5}", "max_cost: {merge: 1}", ":4:3: the account paid declares no"),
        ("{units: 5}", "price: 1", ":4:3: the account paid declares no max_cost"),
        ("{money: 5, currency: EUR}", "max_cost: 1", ":4:3: the account paid has no"),
        ("{money: 5, currency: EUR}", "max_cost: 0", ""),
        ("{money: 5}", "max_cost: 1, price: 1", ":2:9: budget needs a currency"),
        ("{units: 5, money: 5}", "max_cost: 1", ":2:9: budget must have one of"),
        ("{units: 5, mony: 5}", "max_cost: 1", "did you mean money?"),
        ("{units: -1}", "max_cost: 1", ":2:17: budget.units must be a number of at"),
        ("{units: 5}", "max_cost: 0.1234567", "max_cost must be a number of at"),
        ("{units: 5}", "max_cost: {paint: 1}", "has no operation paint"),
    ],
)
def test_what_a_budget_needs_is_told_at_its_place(
    budget: str, account: str, words: str, tmp_path: Path
) -> None:
    """The accounts that documents use, and no others; ours needs nothing."""
    (tmp_path / "x.docx").touch()
    path = tmp_path / "m.yaml"
    path.write_text(HEAD.format(budget=budget, account=account), encoding="utf-8")
    found = load_manifest(path, types=("local", "convertapi"))
    said = ""
    try:
        found.validate()
    except ManifestError as error:
        said = str(error)
    assert bool(said) is bool(words), said
    assert words in said
