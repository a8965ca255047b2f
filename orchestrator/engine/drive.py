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
from orchestrator.engine.judge import Judge
from orchestrator.engine.limits import Gates, Passage
from orchestrator.engine.lookup import Lookup
from orchestrator.engine.ports import Ledger, Outputs, Reply, Transport
from orchestrator.engine.release import Releases
from orchestrator.engine.work import (
    BEFORE,
    NOWHERE,
    UNWANTED,
    WITHDRAWN,
    End,
    Wait,
    Work,
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
)
from orchestrator.wire import ranges
from orchestrator.wire.flow import Provider, Step
from orchestrator.wire.http import Repeat, Request
from orchestrator.wire.outcome import NotSent, SourceChanged, Unanswered, is_unsent

HOPS = 3
"""How many redirects in a row a download follows."""

_UNPROVEN = (Remedy.LOOKUP, Remedy.OVERDUE, Remedy.DOUBT)
"""Words that leave an intent as it is: the work may have been begun."""
_FINAL = (Remedy.FAIL, Remedy.LOST)
"""Words after which a job ends: whatever was billed was billed, and the intent goes in
the commit that says how it ended. Between two commits it would look like unsent."""


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
        self._judge = Judge(
            provider,
            lookup=self._lookup,
            ending=self._ending,
            finish=self._finish,
            times=self._times,
            clock=clock,
            luck=luck,
        )

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
            if outcome := await self._judge.judge(work):
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
        self._judge.took(before.phase)
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

    # Ending...

    async def _finish(self, work: Work) -> End | None:
        ended = await self._ending.finish(work)
        if ended is not None:
            await self._releases.take(work)
        return ended
