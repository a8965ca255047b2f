"""Words for people: figures, plans, summaries."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from orchestrator.model import (
    Blame,
    Failure,
    Mode,
    Operation,
    Reason,
    Remedy,
    State,
)
from orchestrator.plan.batch import Part, Plan, needs_of
from orchestrator.plan.deadlines import Due, Late
from orchestrator.plan.modes import choose
from orchestrator.report import plan as report
from orchestrator.report.summary import status_lines, summary_lines
from orchestrator.report.units import number, size, span
from orchestrator.wire.flow import Thresholds


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_960, "1.0 MB"),
        (20_000_000, "20.0 MB"),
        (3_000_000_000_000, "3.0 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    """In decimal units, and never 1000.0 of one."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.97, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    """As one says them."""
    assert span(seconds) == text


def test_numbers() -> None:
    """One document, many documents."""
    assert [number(n, "document") for n in (0, 1, 1000)] == [
        "0 documents",
        "1 document",
        "1,000 documents",
    ]


@pytest.mark.parametrize(
    ("count", "mode", "words"),
    [
        (0, Mode.SYNC, "0 bytes is up to 10 MB"),
        (10_000_000, Mode.SYNC, "10.0 MB is up to 10 MB"),
        (10_000_001, Mode.ASYNC, "10,000,001 bytes is over 10 MB and up to 50 MB"),
        (10_400_000, Mode.ASYNC, "10.4 MB is over"),
        (50_000_000, Mode.ASYNC, "50.0 MB is over 10 MB and up to 50 MB"),
        (50_000_001, Mode.PRESIGNED, "50,000,001 bytes is over 50 MB"),
        (120_000_000, Mode.PRESIGNED, "120.0 MB is over 50 MB"),
    ],
)
def test_the_mode_goes_by_size_and_the_reason_is_true(
    count: int, mode: Mode, words: str
) -> None:
    """Each threshold belongs to the mode below it."""
    found = choose(count, Operation.CONVERT, None, Thresholds(), {})
    assert found.mode is mode
    assert words in found.reason


def test_other_ways_to_a_mode() -> None:
    """What the manifest says, what the API lacks, what is exactly once."""
    one = choose(5, Operation.CONVERT, Mode.ASYNC, Thresholds(), {})
    assert (one.mode, one.reason) == (Mode.ASYNC, "the manifest asks for it")
    lacks = {Mode.SYNC: (Mode.ASYNC, "no such call"), Mode.ASYNC: (Mode.SYNC, "nor")}
    assert choose(5, Operation.CONVERT, None, Thresholds(), lacks).mode in Mode
    lacks = {Mode.SYNC: (Mode.ASYNC, "no such call")}
    found = choose(5, Operation.CONVERT, None, Thresholds(), lacks)
    assert found.mode is Mode.ASYNC
    assert "no such call" in found.reason
    once = {Mode.PRESIGNED}
    found = choose(5, Operation.CONVERT, None, Thresholds(), {}, once=once)
    assert found.mode is Mode.PRESIGNED
    found = choose(0, Operation.GENERATE, None, Thresholds(), {})
    assert found.reason == "no file to send"


def plan(**changes: object) -> Plan:
    """A plan of two parts."""
    parts = [
        Part("a", "local", "sync", 3, 600, "d1", "small", Decimal("0.30")),
        Part("a", "local", "presigned", 1, 120_000_000, "d2", "large", None),
    ]
    values: dict[str, object] = {
        "name": "batch",
        "documents": 4,
        "new": 4,
        "changed": 0,
        "same": 0,
        "gone": 0,
        "states": {},
        "parts": parts,
        "room": 10**9,
        "needs": needs_of(parts),
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]  # by name


def test_a_plan_in_words() -> None:
    """One line for each mode, with its reason; cost and room at the end."""
    text = "\n".join(report.lines(plan()))
    for words in (
        "Plan of batch: 4 documents",
        "every document is new",
        "4 documents, 120.0 MB to send",
        "pre-signed",
        "a (local), as d2: large",
        "about 0.30",
        "enough",
    ):
        assert words in text, text
    assert "MAY NOT BE ENOUGH" in "\n".join(report.lines(plan(room=1000)))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([(None, True)], "nothing to pay"),
        ([(Decimal(0), False)], "about 0"),
        ([(None, False)], "not known: no `price` is said for a0"),
        (
            [(Decimal("0.30"), False), (None, False), (None, True)],
            "about 0.30, and what a1 charges (no `price` is said)",
        ),
    ],
)
def test_a_cost_that_nobody_knows_is_not_nothing(
    parts: list[tuple[Decimal | None, bool]], words: str
) -> None:
    """Only the private service is known to charge nothing."""
    made = [
        Part(f"a{n}", "convertapi", "sync", 3, 600, "d1", "small", cost, is_free)
        for n, (cost, is_free) in enumerate(parts)
    ]
    assert f"  cost    {words}" in list(report.lines(plan(parts=made)))


def test_a_plan_that_cannot_make_it_says_so() -> None:
    """Which results have expired or will, and what would have to change."""
    due = Due("pdf", 3, 1, "d1", 1_700_000_000.0, "d2", 2)
    slow = Late("flow", 8000, 0.5, 16_000.0, 7200.0, 3600)
    text = "\n".join(report.lines(plan(dues=[due], lates=[slow])))
    for words in (
        "due     pdf: 3 documents left there (2 of them perhaps); 1 expired (as d1)",
        "1 expired (as d1): billed, and perhaps lost",
        "next 2023-11-14T22:13:20Z (d2)",
        "LATE    flow: 8,000 documents may wait there and take 4 h 26 min to fetch",
        "kept for 2 h 00 min, enough for 3,600: lower `limits: jobs`",
    ):
        assert words in text, text
    assert "expired" not in "\n".join(report.lines(plan()))


def test_what_is_only_asked_about_is_not_called_sent() -> None:
    """Documents in doubt are among those to do; what changed is asked for once."""
    found = plan(states={"in_doubt": 2, "overdue": 1}, again=1, again_examples=["d1"])
    text = "\n".join(report.lines(found))
    assert "; of these 2 in doubt, 1 overdue: looked up before they are sent" in text
    assert "1 document changed and would be billed again, which" in text
    text = "\n".join(report.lines(found, is_run=True))
    assert "1 document changed and will be billed again: d1" in text
    assert "--adopt" not in text


def test_a_plan_of_nothing() -> None:
    """Everything is in the ledger."""
    done = plan(parts=[], new=0, same=4, states={"done": 4}, room=None)
    text = "\n".join(report.lines(done))
    assert "4 done" in text
    assert "nothing to do" in text
    assert done.cost is None


def test_a_summary_says_what_to_do() -> None:
    """Each state that needs somebody has its advice and its reasons."""
    stop = Failure("unauthorized", "the key is refused", Blame.ACCOUNT, Remedy.STOP)
    states = {State.DONE: 5, State.FAILED: 2, State.IN_DOUBT: 1}
    bad = Failure("damaged_file", "it cannot be read", Blame.DOCUMENT, Remedy.FAIL)
    lost = Failure("reset", "the connection broke", Blame.NETWORK, Remedy.DOUBT)
    reasons = [
        Reason(State.FAILED, "damaged_file", 2, ("d7", "d9"), bad),
        Reason(State.IN_DOUBT, "reset", 1, ("d1",), lost),
    ]
    text = "\n".join(
        summary_lines(
            states,
            reasons,
            ended={State.DONE: 5, State.FAILED: 2},
            written=5000,
            seconds=3.5,
            stopped={"a": stop},
        )
    )
    for words in (
        "7 documents in 3.5 s (2.0 a second), 5.0 kB written",
        "5 done, 2 failed, 1 in doubt",
        "account a stopped: unauthorized: the key is refused",
        "retry MANIFEST --failed",
        "damaged_file: it cannot be read (d7, d9): mend the document",
        "may have been billed",
        "status MANIFEST --attention",
        "resolve MANIFEST --resubmit|--mark-done|--give-up ID…",
    ):
        assert words in text, text
    nothing = summary_lines({}, [], ended={}, written=0, seconds=0.2, stopped={})
    assert list(nothing) == ["nothing to do, 0.2 s", "batch: no documents"]


def test_a_batch_that_stopped_is_not_told_just_to_go_on() -> None:
    """The cause comes first; and that nothing was done is no "nothing to do"."""
    stop = Failure("budget", "reached; raise it", Blame.ACCOUNT, Remedy.STOP)
    lines = list(
        summary_lines(
            {State.OPEN: 3}, [], ended={}, written=0, seconds=0.2, stopped={"a": stop}
        )
    )
    assert lines[0] == "nothing was finished, 0.2 s"
    assert (
        "open: 3 documents; mend what stopped the account, "
        "then run the same command to go on"
    ) in lines
    assert lines[-1] == "  orchestrator run MANIFEST  go on"


def test_a_status_is_for_people_who_know_no_phases() -> None:
    """Jobs are where a stranger would say that they are; a holder is left alone."""
    flight = {"submit": 2, "poll": 3}
    text = "\n".join(status_lines({State.OPEN: 9}, [], flight, None, unanswered=1))
    for words in (
        "5 jobs left by a run that ended",
        "     3  at the provider, not finished",
        "     1  of them sent, and not answered",
        "orchestrator run MANIFEST",
    ):
        assert words in text, text
    held = "\n".join(
        status_lines({State.OPEN: 9}, [], flight, Held(), manifest=("m y.yaml",))
    )
    assert "5 jobs being carried" in held
    assert "orchestrator run" not in held
    assert "open: 9 documents; the run that holds the batch carries them" in held
    assert "held by process 7 on here" in held


@dataclass(frozen=True)
class Held:
    """Somebody who holds the batch."""

    pid: int = 7
    host: str = "here"


def test_more_ids_than_are_named_are_said_to_be_more() -> None:
    """A few examples; several codes are asked for one by one."""
    bad = Failure("a", "no", Blame.SERVICE, Remedy.FAIL)
    reasons = [
        Reason(State.FAILED, "a", 9, ("x", "y"), bad),
        Reason(State.FAILED, "given_up", 1, ("z",), bad),
    ]
    text = "\n".join(
        status_lines({State.FAILED: 10}, reasons, {}, None, manifest=("m y.yaml",))
    )
    assert "9  a: no (x, y, …): ask again later" in text
    assert "given_up: no (z): you gave it up" in text
    assert "orchestrator retry 'm y.yaml' --failed --code a" in text
    assert "orchestrator failed 'm y.yaml' -o FILE.yaml" in text
