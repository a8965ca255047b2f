"""Who is given up, and when: a document, an account, or nobody."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from orchestrator.engine.ending import Ending
from orchestrator.engine.expect import Times
from orchestrator.engine.judge import FRESH, Judge
from orchestrator.engine.limits import Gates
from orchestrator.engine.lookup import Lookup
from orchestrator.engine.retry import NETWORK, SERVICE
from orchestrator.engine.work import AccountStopped, End, Wait, Work
from orchestrator.model import (
    Blame,
    Failure,
    Mode,
    Phase,
    Progress,
    Remedy,
    Result,
    State,
)
from orchestrator.providers import compdf
from orchestrator.testing import ManualClock, MemoryLedger, MemoryOutputs
from orchestrator.wire.flow import Limits
from tests.model import document, job_of

NOT_LISTED = Failure("not_listed", "none is ours", Blame.SERVICE, Remedy.LOOKUP)


def refused(status: int) -> Failure:
    """A request that the service refused."""
    return Failure(f"code_{status}", "no", Blame.SERVICE, Remedy.RETRY, status)


SILENCE = Failure("reset", "the connection broke", Blame.NETWORK, Remedy.RETRY)


@dataclass
class Court:
    """A judge of one account at ComPDF, and one job."""

    def __post_init__(self) -> None:
        self.clock = clock = ManualClock()
        document_ = document("d", Mode.ASYNC)
        self.ledger = MemoryLedger([document_], clock=clock)
        unused: Any = None
        self.lookup = Lookup(
            compdf.provider,
            transport=unused,
            ledger=self.ledger,
            gates=Gates(Limits(), clock, lambda *_: None),
            clock=clock,
            trusted=None,
            listens=False,
        )
        luck = random.Random(1)
        self.judge = Judge(
            compdf.provider,
            lookup=self.lookup,
            ending=Ending(self.ledger, MemoryOutputs(), after=Phase.ENDED),
            finish=unused,
            times=Times(compdf.provider.pace, clock, luck),
            clock=clock,
            luck=luck,
        )
        self.work = Work(job_of(document_, created=clock.now()), Progress())

    async def intend(self) -> None:
        """Its submit was sent, and nobody knows what came of it."""
        await self.ledger.intend(self.work.job, self.work.progress)
        self.work.intended = self.clock.now()

    async def say(self, failure: Failure) -> Wait | End | None:
        """The judgement of a failure; what it waits for passes at once."""
        self.work.progress = self.work.progress.failed(failure)
        outcome = await self.judge.judge(self.work)
        if isinstance(outcome, Wait):
            self.clock.skip(outcome.seconds)
        return outcome

    async def ask(self, failure: Failure) -> Wait | End | None:
        """A lookup ends so."""
        await self.lookup._told(self.work, self.work.progress.failed(failure))
        outcome = await self.judge.judge(self.work)
        if isinstance(outcome, Wait):
            self.clock.skip(outcome.seconds)
        return outcome

    def another(self) -> Work:
        """Some other job of the account."""
        return Work(job_of(document("e", Mode.ASYNC), 2), Progress())

    def state(self) -> State:
        """What the ledger says of the document."""
        return self.ledger.state("d")


@pytest.mark.parametrize("status", [429, 503, 507])
async def test_refusals_alone_stop_an_account(status: int) -> None:
    """Nobody is taken: the service has no room, and the document stays open."""
    court = Court()
    for _ in range(SERVICE.attempts - 1):
        assert isinstance(await court.say(refused(status)), Wait)
    with pytest.raises(AccountStopped, match="no"):
        await court.say(refused(status))
    assert court.state() is State.OPEN


async def test_a_queue_that_moves_is_waited_for() -> None:
    """Others are taken: 429 says nothing of this document, however often it comes."""
    court = Court()
    for _ in range(100):
        court.judge.took(Phase.SUBMIT)
        assert isinstance(await court.say(refused(429)), Wait)
    assert court.work.waited > 5 * SERVICE.total
    court.clock.skip(FRESH)
    with pytest.raises(AccountStopped):
        await court.say(refused(429))


async def test_a_document_that_is_always_refused_fails_alone() -> None:
    """Others are taken, so it may be what brings the service down."""
    court = Court()
    outcome: Wait | End | None = None
    while not isinstance(outcome, End):
        court.judge.took(Phase.SUBMIT)
        outcome = await court.say(refused(503))
    assert SERVICE.total <= court.work.waited < SERVICE.total + SERVICE.cap
    assert court.state() is State.FAILED


async def test_a_document_that_never_arrives_fails_alone() -> None:
    """Others are taken: something on the way does not let this one pass."""
    court, outcome = Court(), None
    while not isinstance(outcome, End):
        court.judge.took(Phase.SUBMIT)
        outcome = await court.say(SILENCE)
    assert NETWORK.total <= court.work.waited < NETWORK.total + NETWORK.cap
    assert court.state() is State.FAILED


async def test_silence_for_all_stops_the_account() -> None:
    """A dead network fails no document."""
    court = Court()
    for _ in range(NETWORK.attempts - 1):
        assert isinstance(await court.say(SILENCE), Wait)
    with pytest.raises(AccountStopped):
        await court.say(SILENCE)
    assert court.state() is State.OPEN


async def test_what_is_taken_elsewhere_shows_nothing_of_this_step() -> None:
    """Results are still given out while nothing new is taken in."""
    court = Court()
    for _ in range(SERVICE.attempts - 1):
        court.judge.took(Phase.FETCH)
        assert isinstance(await court.say(refused(503)), Wait)
    with pytest.raises(AccountStopped):
        await court.say(refused(503))


@pytest.mark.parametrize("failure", [refused(503), SILENCE], ids=["503", "silence"])
async def test_what_was_accepted_is_overdue_and_not_failed(failure: Failure) -> None:
    """It is paid for: the next run asks again."""
    court = Court()
    court.work.progress = Progress(
        Phase.FETCH, handle="t", results=(Result("a", "/a"),)
    )
    outcome: Wait | End | None = None
    while not isinstance(outcome, End):
        court.judge.took(Phase.FETCH)
        outcome = await court.say(failure)
    assert court.state() is State.OVERDUE


async def test_the_last_question_of_a_lookup_may_be_refused() -> None:
    """Rounds of a lookup and refusals in a row are counted apart."""
    court = Court()
    await court.intend()
    lost = replace(SILENCE, remedy=Remedy.LOOKUP)
    assert isinstance(await court.say(lost), Wait)
    for _ in range(SERVICE.attempts - 2):
        assert isinstance(await court.ask(NOT_LISTED), Wait)
    assert isinstance(await court.ask(refused(503)), Wait)
    assert isinstance(await court.ask(NOT_LISTED), End)
    assert court.state() is State.IN_DOUBT


async def test_a_lookup_that_is_only_refused_stops_the_account() -> None:
    """Its intent stays, and the next run asks again."""
    court = Court()
    await court.intend()
    for _ in range(SERVICE.attempts - 1):
        assert isinstance(await court.ask(refused(503)), Wait)
    with pytest.raises(AccountStopped):
        await court.ask(refused(503))
    assert court.state() is State.OPEN
    (left,) = court.ledger.open_jobs("a")
    assert left[2] is not None


async def test_a_lookup_goes_on_where_others_are_answered() -> None:
    """Not where requests are taken: only an answer to a question shows anything."""
    court, outcome = Court(), None
    await court.intend()
    while not isinstance(outcome, End):
        await court.lookup._told(court.another(), Progress().failed(NOT_LISTED))
        outcome = await court.ask(refused(503))
    assert SERVICE.total <= court.work.waited < SERVICE.total + SERVICE.cap
    assert court.state() is State.IN_DOUBT


async def test_requests_that_are_taken_show_nothing_of_lookups() -> None:
    """The list of tasks is refused to everybody."""
    court = Court()
    await court.intend()
    for _ in range(SERVICE.attempts - 1):
        court.judge.took(Phase.SUBMIT)
        assert isinstance(await court.ask(refused(503)), Wait)
    court.judge.took(Phase.SUBMIT)
    with pytest.raises(AccountStopped):
        await court.ask(refused(503))
    assert court.state() is State.OPEN


def test_a_step_forward_begins_all_counts_anew() -> None:
    """Also those of lookups that settled nothing."""
    work = Court().work
    work.attempts, work.rounds, work.waited = 3, 4, 5.0
    work.reached(work.progress)
    assert (work.attempts, work.rounds, work.waited) == (0, 0, 0.0)
