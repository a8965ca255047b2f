"""The driver: the only loop that sends; it knows flows, and no API.

``drive`` carries a job from where it stands until it has to wait (a poll, a retry) or
has ended. Around each request that may cost money it keeps one order: gates passed,
source open, connection there, *intent durable*, first byte, reply, *outcome durable*.
Whatever cuts this line leaves either no intent (nothing was sent) or an intent, which
is looked up before anything is sent again.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from orchestrator.clock import Clock
from orchestrator.engine import retry
from orchestrator.engine.beside import SideBySide, goes_beside
from orchestrator.engine.download import going_on, note_growth, off
from orchestrator.engine.ending import Ending
from orchestrator.engine.exchange import (
    freeing,
    is_uploading,
    note_links,
    parsed_by,
    passage,
    room_for,
    take_back,
    tell_gates,
    unlinked,
)
from orchestrator.engine.expect import Times
from orchestrator.engine.limits import Gates, Passage
from orchestrator.engine.lookup import Lookup
from orchestrator.engine.ports import Ledger, Outputs, Reply, Transport
from orchestrator.engine.release import Releases
from orchestrator.engine.work import (
    BEFORE,
    NOWHERE,
    UNWANTED,
    WITHDRAWN,
    AccountStopped,
    End,
    Wait,
    Work,
    billed,
    doubt,
    elsewhere,
    is_alone,
    is_news,
    is_nowhere,
    redirected,
    spared,
    unsent,
    without_inline,
)
from orchestrator.model import (
    Blame,
    Failure,
    Job,
    Phase,
    Progress,
    Remedy,
    Saved,
    State,
)
from orchestrator.wire import ranges
from orchestrator.wire.flow import Provider, Step
from orchestrator.wire.http import Repeat, Request
from orchestrator.wire.outcome import NotSent, SourceChanged, Unanswered, is_unsent

LAPS = 3
"""How often a job may go back in its flow (a link that died) before it fails."""

HOPS = 3
"""How many redirects in a row a download follows."""

_ENDINGS = {
    Remedy.FAIL: State.FAILED,
    Remedy.OVERDUE: State.OVERDUE,
    Remedy.LOST: State.LOST,
    Remedy.DOUBT: State.IN_DOUBT,
    Remedy.ABSENT: State.IN_DOUBT,
}
_UNPROVEN = (Remedy.LOOKUP, Remedy.OVERDUE, Remedy.DOUBT)
"""Words that leave an intent as it is: the work may have been begun."""
_FINAL = (Remedy.FAIL, Remedy.LOST)
"""Words after which a job ends: whatever was billed was billed, and the intent goes in
the commit that says how it ended. Between two commits it would look like unsent."""
_FULL = (429, 503, 507)
"""Statuses that say that the service has no room now, whatever the document."""


class Driver:
    """Carries jobs of one account."""

    def __init__(
        self,
        provider: Provider,
        *,
        transport: Transport,
        ledger: Ledger,
        outputs: Outputs,
        gates: Gates,
        clock: Clock,
        luck: random.Random,
        trusted: bool | None = None,
        listens: bool = False,
        together: int = 1,
        times: Times | None = None,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._ledger = ledger
        self._outputs = outputs
        self._gates = gates
        self._clock = clock
        self._luck = luck
        self._times = times or Times(provider.pace, clock, luck)
        self._lookup = Lookup(
            provider,
            transport=transport,
            ledger=ledger,
            gates=gates,
            clock=clock,
            trusted=trusted,
            listens=listens,
        )
        self._releases = Releases(
            provider,
            transport=transport,
            ledger=ledger,
            gates=gates,
            clock=clock,
            together=together,
        )
        self._beside = SideBySide(
            self._turn, transport=transport, gates=gates, clock=clock
        )
        after = Phase.RELEASE if provider.release else Phase.ENDED
        spares = provider.spares_failures
        self._ending = Ending(ledger, outputs, after=after, spares=spares)

    @property
    def lookup(self) -> Lookup:
        """Who asks about lost requests, and knows what an absence proves."""
        return self._lookup

    async def drive(self, work: Work) -> Wait | End:
        """Carry a job until it waits or has ended.

        Raises:
            AccountStopped: the account cannot go on; the job stays open.
            MachineError: the ledger or an output cannot be written.
        """
        work.age(self._clock)
        if work.progress.phase is Phase.RELEASE:
            await self._releases.take(work)
            return End(())
        outcome = None
        while outcome is None:
            if not is_uploading(self._provider, work):
                outcome = await self._stretch(work)
                continue
            async with room_for(self._gates, self._provider, work):
                outcome = await self._stretch(work)
        if isinstance(outcome, End):
            self._times.left(work)
        return outcome

    async def finish(self) -> None:
        """Let go of jobs at the provider that were gathered for it; ends a run.

        Raises:
            MachineError: the ledger cannot be written.
        """
        await self._releases.finish()

    async def _stretch(self, work: Work) -> Wait | End | None:
        """Carry a job as far as the room that it holds is what it needs."""
        while is_uploading(self._provider, work) is work.has_room:
            work.progress = spared(work.job, work.progress)
            if work.intended is not None:
                await self._lookup.ask(work)
            elif work.progress.phase is Phase.FETCH and work.progress.has_saved():
                if ended := await self._finish(work):
                    return ended
            elif beside := goes_beside(work, step := self._step(work)):
                await self._beside.run(work, beside)
            else:
                await self._turn(work, step)
            if outcome := await self._judge(work):
                return outcome
        return None

    def _step(self, work: Work) -> Step:
        return self._provider.flows[work.job.mode][work.progress.phase]

    # One turn...

    async def _turn(self, work: Work, step: Step) -> None:
        if barred := self._barred(work):
            work.progress = work.progress.failed(barred)
            return
        request = step.build(work.job, work.progress)
        before = work.progress
        if work.job.withdrawn and request.repeat.may_cost:
            work.progress = before.failed(WITHDRAWN)
            return
        request = await going_on(self._outputs, work, request)
        try:
            async with passage(self._gates, request, has_room=work.has_room) as wire:
                if not unlinked(self._provider, work, self._clock):
                    await self._exchange(work, step, request, wire)
                    note_links(work, before, self._clock)
        except NotSent as error:
            await take_back(self._ledger, work, error.code)
            work.progress = before.failed(unsent(error))
        except SourceChanged as error:
            await take_back(self._ledger, work, "source_changed")
            work.progress = before.failed(
                Failure("source_changed", str(error), Blame.DOCUMENT, Remedy.FAIL)
            )
        except Unanswered as error:
            work.progress = self._after_silence(request, before, error)
        except asyncio.CancelledError as error:
            if is_unsent(error):
                await asyncio.shield(take_back(self._ledger, work, "cancelled"))
            raise

    def _barred(self, work: Work) -> Failure | None:
        """Why the next request of a job cannot be sent, or must not be."""
        if is_nowhere(work.progress):
            return NOWHERE
        if work.job.unwanted and work.progress.phase in BEFORE:
            return UNWANTED
        return self._ending.blocked(work)

    async def _exchange(
        self,
        work: Work,
        step: Step,
        request: Request,
        wire: Passage,
        hops: int = 0,
    ) -> None:
        async def intend() -> None:
            work.intended = self._clock.now()
            work.doubt(self._clock)
            try:
                await self._ledger.intend(work.job, work.progress)
            except asyncio.CancelledError:
                # Not a byte has left: say so before giving way.
                await asyncio.shield(take_back(self._ledger, work, "cancelled"))
                raise

        hook = intend if request.repeat.may_cost else None
        async with self._transport.send(request, before=hook) as reply:
            if not hops:
                wire.heard(reply.response)
            onward = redirected(request, reply.response)
            if hops and onward is None and not reply.response.is_success:
                # A storage's refusal is no word of the account: ask at home again.
                work.progress = work.progress.failed(elsewhere(reply.response))
                return
            if onward is None or hops >= HOPS:
                await self._answered(work, step, request, freeing(reply, wire))
                return
        # A new request on the wire, and none of our headers with it.
        await self._exchange(work, step, onward, wire, hops + 1)

    async def _answered(
        self, work: Work, step: Step, request: Request, reply: Reply
    ) -> None:
        if ranges.is_off(request, reply.response):
            work.anew = True
            work.progress = work.progress.failed(off(reply.response))
            return
        whole = ranges.whole(request, reply.response)
        parsed = parsed_by(self._provider, step, work.job, work.progress, whole)
        if parsed.failure is not None:
            await self._refused(work, request, parsed)
            return
        before = work.progress
        if before.phase is Phase.POLL:
            await self._lookup.polled(work, reply.response)
            self._times.answered(work, parsed.phase)
        try:
            await self._take(work, request, parsed, reply)
        except Unanswered as error:
            await note_growth(self._outputs, work, request)
            self._cut(work, request, before, error, reply.response.status)

    async def _take(
        self, work: Work, request: Request, parsed: Progress, reply: Reply
    ) -> None:
        """Take a good reply: make it durable, and save what it carries."""
        await self._lookup.accepted(work.job, request, parsed.handle)
        carries = next((i for i, r in enumerate(parsed.results) if r.inline), None)
        if request.repeat is Repeat.CHARGED:
            # The handle is durable before a cut body could lose it.
            work.reached(without_inline(parsed))
            await self._ledger.advance(work.job, work.progress)
            work.intended = None
        elif carries is None and is_news(work.progress, parsed):
            await self._ledger.advance(work.job, parsed)
            work.intended = None
        if carries is not None:
            parsed = await self._save(work.job, parsed, carries, request, reply)
            work.intended = None
        if parsed.failure is not None:
            # What came is not what was asked for: that counts as a try.
            work.progress = parsed
        else:
            work.reached(parsed)

    async def _save(
        self, job: Job, parsed: Progress, index: int, request: Request, reply: Reply
    ) -> Progress:
        result = parsed.results[index]
        saved = await self._outputs.receive(
            job,
            index,
            reply.chunks(),
            size=result.size,
            sha256=result.sha256,
            target=job.documents[result.document].target,
            document=result.document,
            alone=is_alone(job, parsed),
            start=ranges.starts_at(request, reply.response),
            tag=ranges.tag_of(reply.response),
        )
        kept = saved if isinstance(saved, Saved) else None
        results = list(parsed.results)
        results[index] = replace(result, inline=False, saved=kept)
        parsed = replace(parsed, results=tuple(results))
        return parsed if isinstance(saved, Saved) else parsed.failed(saved)

    async def _refused(self, work: Work, request: Request, parsed: Progress) -> None:
        """Take a reply that says no, and tell the gates."""
        failure = parsed.failure
        if failure is None:
            return
        tell_gates(self._gates, failure)
        if not request.repeat.may_cost and failure.remedy is Remedy.LOOKUP:
            # Nothing was at stake: asking again is the lookup.
            parsed = parsed.failed(replace(failure, remedy=Remedy.RETRY))
        elif failure.remedy not in _UNPROVEN and failure.remedy not in _FINAL:
            await take_back(self._ledger, work, failure.code)
        work.progress = parsed

    def _after_silence(
        self, request: Request, before: Progress, error: Unanswered
    ) -> Progress:
        """Judge a lost reply by what repeating the request would do."""
        self._gates.had_trouble()
        remedy = Remedy.LOOKUP if request.repeat.may_cost else Remedy.RETRY
        return before.failed(Failure(error.code, str(error), Blame.NETWORK, remedy))

    def _cut(
        self,
        work: Work,
        request: Request,
        before: Progress,
        error: Unanswered,
        status: int,
    ) -> None:
        """Judge a reply whose head came, and whose body did not."""
        if work.progress.phase is not before.phase:
            # The head of the reply is durable: go on by its handle.
            self._gates.had_trouble()
            return
        silent = self._after_silence(request, before, error)
        if silent.failure is not None:
            silent = silent.failed(replace(silent.failure, status=status))
        work.progress = silent

    # Judging...

    async def _judge(self, work: Work) -> Wait | End | None:
        """Say whether a job waits or has ended; ``None`` = it can go on at once."""
        progress = work.progress
        if progress.failure is not None:
            return await self._judge_failure(work, progress.failure)
        if progress.laps > LAPS:
            why = f"it went back {progress.laps} times: links died, requests were lost"
            # What was accepted is kept within reach: it may be paid for.
            is_accepted = progress.phase in (Phase.POLL, Phase.FETCH)
            state = State.OVERDUE if is_accepted else State.FAILED
            work.progress = replace(progress, laps=0)
            failure = Failure("too_many_laps", why, Blame.SERVICE, Remedy.FAIL)
            return await self._ending.settle(work, state, failure)
        if progress.phase is Phase.ENDED:
            return await self._finish(work)
        if progress.wait is not None:
            work.progress = replace(progress, wait=None)
            return Wait(progress.wait)
        if progress.phase is Phase.POLL:
            return await self._pace(work)
        return None

    async def _pace(self, work: Work) -> Wait | End:
        pace = self._provider.pace
        if work.age(self._clock).likely(self._clock) > pace.deadline:
            why = f"not finished after {pace.deadline:.0f} s; asked again next time"
            failure = Failure("overdue", why, Blame.SERVICE, Remedy.OVERDUE)
            return await self._ending.settle(work, State.OVERDUE, failure)
        return self._times.wait(work)

    async def _judge_failure(self, work: Work, failure: Failure) -> Wait | End | None:
        settle = self._ending.settle
        if failure == UNWANTED:
            await settle(work, State.FAILED, failure)
            # Nobody asked for what ended here: there is nothing to tell.
            return End(())
        if failure.remedy is Remedy.LOOKUP:
            can_ask = work.intended is not None and self._lookup.can_ask(work)
            return (can_ask and self._retry(work, failure)) or await settle(
                work, State.IN_DOUBT, doubt(failure)
            )
        if failure.remedy is Remedy.RETRY:
            return self._retry(work, failure) or await self._give_up(work, failure)
        if failure.remedy is Remedy.STOP:
            raise AccountStopped(failure)
        return await settle(work, _ENDINGS[failure.remedy], failure)

    async def _give_up(self, work: Work, failure: Failure) -> End:
        """End a job after its last try, with what was paid for still within reach."""
        is_silent = failure.blame is Blame.NETWORK and failure.status is None
        if is_silent or failure.status in _FULL:
            raise AccountStopped(failure)
        settle = self._ending.settle
        if work.intended is not None:
            return await settle(work, State.IN_DOUBT, doubt(failure))
        is_accepted = work.progress.phase in (Phase.POLL, Phase.FETCH)
        if is_accepted and failure.status is not None:
            return await settle(work, State.OVERDUE, failure)
        # What was fetched is no document, however often it was fetched.
        failure = billed(failure) if is_accepted else failure
        return await settle(work, State.FAILED, failure)

    def _retry(self, work: Work, failure: Failure) -> Wait | None:
        work.attempts += 1
        seconds = retry.decide(
            retry.policy_for(failure),
            failure,
            attempt=work.attempts,
            waited=work.waited,
            luck=self._luck.random(),
        )
        if seconds is None:
            return None
        work.waited += seconds
        if work.intended is None:
            work.progress = replace(work.progress, failure=None)
        return Wait(seconds)

    # Ending...

    async def _finish(self, work: Work) -> End | None:
        ended = await self._ending.finish(work)
        if ended is not None:
            await self._releases.take(work)
        return ended
