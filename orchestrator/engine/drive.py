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
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from orchestrator.clock import Clock
from orchestrator.engine import retry
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Ledger, Outputs, Reply, Transport
from orchestrator.model import (
    LARGE,
    Blame,
    Document,
    Failure,
    Job,
    Phase,
    Progress,
    Remedy,
    Saved,
    State,
    Verdict,
)
from orchestrator.wire.flow import Absence, Provider, Step
from orchestrator.wire.http import Form, Raw, Repeat, Request
from orchestrator.wire.outcome import (
    NotSent,
    OutputExists,
    PartMissing,
    SourceChanged,
    Unanswered,
    is_unsent,
)

LAPS = 3
"""How often a job may go back in its flow (a link that died) before it fails."""

_ENDINGS = {
    Remedy.FAIL: State.FAILED,
    Remedy.OVERDUE: State.OVERDUE,
    Remedy.LOST: State.LOST,
    Remedy.DOUBT: State.IN_DOUBT,
}


_NOTHING = Failure("no_result", "it ended without a result", Blame.SERVICE, Remedy.FAIL)


class AccountStopped(Exception):
    """The account cannot go on; what is open stays open."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(slots=True)
class Work:
    """A job in memory while it is carried.

    ``intended`` is when an intent was written whose outcome is unknown (seconds since
    the epoch); ``attempts`` and ``waited`` count for the step at hand.
    """

    job: Job
    progress: Progress
    intended: float | None = None
    attempts: int = 0
    waited: float = 0.0

    @property
    def name(self) -> str:
        """The job's own id."""
        return self.job.id

    def reached(self, progress: Progress) -> None:
        """Take a step forward: what was counted against the last one is forgotten."""
        self.progress = progress
        self.attempts = 0
        self.waited = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """The job waits that many seconds, or for a webhook."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """The job has ended for this run."""

    verdicts: Sequence[Verdict]


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
        trusted: bool = False,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._ledger = ledger
        self._outputs = outputs
        self._gates = gates
        self._clock = clock
        self._luck = luck
        self._trusted = trusted

    async def drive(self, work: Work) -> Wait | End:
        """Carry a job until it waits or has ended.

        Raises:
            AccountStopped: the account cannot go on; the job stays open.
            MachineError: the ledger or an output cannot be written.
        """
        if work.progress.phase is Phase.RELEASE:
            await self.release(work)
            return End(())
        while True:
            if work.intended is not None:
                await self._look_up(work)
            elif work.progress.phase is Phase.FETCH and work.progress.has_saved():
                if ended := await self._finish(work):
                    return ended
            else:
                await self._turn(work, self._step(work))
            if outcome := await self._judge(work):
                return outcome

    def _step(self, work: Work) -> Step:
        return self._provider.flows[work.job.mode][work.progress.phase]

    # One turn...

    async def _turn(self, work: Work, step: Step) -> None:
        request = step.build(work.job, work.progress)
        before = work.progress
        try:
            async with self._passage(request):
                await self._exchange(work, step, request)
        except NotSent as error:
            await self._take_back(work, error.code)
            work.progress = before.failed(_network(error.code, str(error)))
        except SourceChanged as error:
            await self._take_back(work, "source_changed")
            work.progress = before.failed(
                Failure("source_changed", str(error), Blame.DOCUMENT, Remedy.FAIL)
            )
        except Unanswered as error:
            work.progress = self._after_silence(work, request, before, error)
        except asyncio.CancelledError as error:
            if is_unsent(error):
                await asyncio.shield(self._take_back(work, "cancelled"))
            raise

    def _passage(self, request: Request) -> AbstractAsyncContextManager[None]:
        load = _load(request)
        return self._gates.passage(load, is_large=load >= LARGE)

    async def _exchange(self, work: Work, step: Step, request: Request) -> None:
        async def intend() -> None:
            work.intended = self._clock.now()
            try:
                await self._ledger.intend(work.job, work.progress)
            except asyncio.CancelledError:
                # Not a byte has left: say so before giving way.
                await asyncio.shield(self._take_back(work, "cancelled"))
                raise

        hook = intend if request.repeat.may_cost else None
        async with self._transport.send(request, before=hook) as reply:
            parsed = step.parse(work.job, work.progress, reply.response)
            if parsed.failure is None:
                await self._take(work, request, parsed, reply)
            else:
                await self._refused(work, parsed)

    async def _take(
        self, work: Work, request: Request, parsed: Progress, reply: Reply
    ) -> None:
        """Take a good reply: make it durable, and save what it carries."""
        carries = next((i for i, r in enumerate(parsed.results) if r.inline), None)
        if request.repeat is Repeat.CHARGED:
            # The handle is durable before a cut body could lose it.
            work.reached(_without_inline(parsed))
            await self._ledger.advance(work.job, work.progress)
            work.intended = None
        elif carries is None and _is_news(work.progress, parsed):
            await self._ledger.advance(work.job, parsed)
            work.intended = None
        self._gates.width.went_well()
        if carries is not None:
            parsed = await self._save(work.job, parsed, carries, reply)
            work.intended = None
        work.reached(parsed)

    async def _save(
        self, job: Job, parsed: Progress, index: int, reply: Reply
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
        )
        kept = saved if isinstance(saved, Saved) else None
        results = list(parsed.results)
        results[index] = replace(result, inline=False, saved=kept)
        parsed = replace(parsed, results=tuple(results))
        return parsed if isinstance(saved, Saved) else parsed.failed(saved)

    async def _refused(self, work: Work, parsed: Progress) -> None:
        """Take a reply that says no, and tell the gates."""
        failure = parsed.failure
        if failure is None:
            return
        if failure.retry_after:
            self._gates.pause(failure.retry_after)
        if failure.status in (429, 503):
            self._gates.width.was_refused(f"status {failure.status}")
        elif failure.blame is Blame.SERVICE:
            self._gates.width.had_trouble()
        if failure.remedy is not Remedy.LOOKUP:
            await self._take_back(work, failure.code)
        work.progress = parsed

    async def _take_back(self, work: Work, why: str) -> None:
        if work.intended is not None:
            await self._ledger.not_sent(work.job, work.progress, why)
            work.intended = None

    def _after_silence(
        self, work: Work, request: Request, before: Progress, error: Unanswered
    ) -> Progress:
        """Judge a lost reply by what repeating the request would do."""
        self._gates.width.had_trouble()
        if work.progress.phase is not before.phase:
            # The head of the reply is durable: go on by its handle.
            return work.progress
        remedy = Remedy.LOOKUP if request.repeat.may_cost else Remedy.RETRY
        failure = Failure(error.code, str(error), Blame.NETWORK, remedy)
        return before.failed(failure)

    # Looking up...

    async def _look_up(self, work: Work) -> None:
        find = self._step(work).find
        if find is None:
            work.progress = work.progress.failed(_doubt(work.progress.failure))
            return
        asked = work.progress
        request = find.build(work.job, asked)
        try:
            async with (
                self._passage(request),
                self._transport.send(request) as reply,
            ):
                found = find.parse(
                    work.job, replace(asked, failure=None), reply.response
                )
        except (NotSent, Unanswered) as error:
            work.progress = asked.failed(_network(error.code, str(error)))
            return
        if found.failure is None:
            await self._adopt(work, found)
        elif found.failure.remedy is Remedy.ABSENT:
            await self._absent(work)
        else:
            await self._count_refusal(found.failure)
            work.progress = asked.failed(found.failure)

    async def _count_refusal(self, failure: Failure) -> None:
        if failure.retry_after:
            self._gates.pause(failure.retry_after)
        if failure.status in (429, 503):
            self._gates.width.was_refused(f"status {failure.status}")

    async def _adopt(self, work: Work, found: Progress) -> None:
        if not self._trusted:
            self._trusted = True
            await self._ledger.trust(work.job.account)
        await self._ledger.advance(work.job, found)
        work.intended = None
        work.reached(found)

    async def _absent(self, work: Work) -> None:
        """A lookup found nothing: that proves something, or it does not."""
        age = max(0.0, self._clock.now() - (work.intended or 0.0))
        absence = self._provider.absence
        proves = absence is Absence.PROVES or (
            absence is Absence.PROVES_ONCE_TRUSTED and self._trusted
        )
        if not proves or age > self._provider.retention / 2:
            work.progress = work.progress.failed(_doubt(work.progress.failure))
        elif age < self._provider.settle:
            work.progress = replace(
                work.progress, failure=None, wait=self._provider.settle - age
            )
        else:
            work.reached(replace(work.progress, failure=None, wait=None))
            await self._take_back(work, "absent")

    # Judging...

    async def _judge(self, work: Work) -> Wait | End | None:
        """Say whether a job waits or has ended; ``None`` = it can go on at once."""
        progress = work.progress
        if progress.failure is not None:
            return await self._judge_failure(work, progress.failure)
        if progress.laps > LAPS:
            why = "its links died again and again"
            return await self._settle_failed(work, "too_many_laps", why)
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
        if self._clock.now() - work.job.created > pace.deadline:
            why = f"not finished after {pace.deadline:.0f} s; asked again next time"
            failure = Failure("overdue", why, Blame.SERVICE, Remedy.OVERDUE)
            return await self._settle(work, State.OVERDUE, failure)
        wait = min(pace.cap, pace.first * pace.factor ** min(work.progress.polls, 40))
        wait *= 1 + 0.1 * self._luck.random()
        return Wait(max(wait, pace.floor))

    async def _judge_failure(self, work: Work, failure: Failure) -> Wait | End | None:
        if failure.remedy is Remedy.LOOKUP:
            can_ask = work.intended is not None and self._step(work).find is not None
            return (can_ask and self._retry(work, failure)) or await self._settle(
                work, State.IN_DOUBT, _doubt(failure)
            )
        if failure.remedy is Remedy.RETRY:
            if wait := self._retry(work, failure):
                return wait
            if failure.blame is Blame.NETWORK:
                raise AccountStopped(failure)
            if work.intended is not None:
                return await self._settle(work, State.IN_DOUBT, _doubt(failure))
            return await self._settle(work, State.FAILED, failure)
        if failure.remedy is Remedy.STOP:
            raise AccountStopped(failure)
        return await self._settle(work, _ENDINGS[failure.remedy], failure)

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

    async def _settle_failed(self, work: Work, code: str, why: str) -> End:
        failure = Failure(code, why, Blame.SERVICE, Remedy.FAIL)
        return await self._settle(work, State.FAILED, failure)

    # Ending...

    async def _settle(self, work: Work, state: State, failure: Failure) -> End:
        """End a job without results; in doubt and overdue it stays to be asked for."""
        verdicts = [
            Verdict(each, state, failure=failure) for each in work.job.documents
        ]
        keeps = state in (State.IN_DOUBT, State.OVERDUE)
        progress = replace(work.progress, failure=failure)
        if not keeps:
            progress = replace(progress, phase=Phase.ENDED)
        await self._outputs.discard(work.job)
        await self._ledger.settle(work.job, progress, verdicts)
        return End(verdicts)

    async def _finish(self, work: Work) -> End | None:
        """Every result is here: final names, then the ledger, then the provider.

        ``None`` if a part file was lost meanwhile: it has to be fetched again.
        """
        progress = work.progress
        if len(progress.results) > 1:
            # All are complete before the first gets its name, and a resume knows it.
            await self._ledger.advance(work.job, progress)
        try:
            verdicts = [
                await self._verdict(progress, index, each)
                for index, each in enumerate(work.job.documents)
            ]
        except OutputExists as error:
            return await self._hold(work, str(error))
        except PartMissing:
            work.reached(replace(_without_parts(progress), laps=progress.laps + 1))
            return None
        after = Phase.RELEASE if self._provider.release else Phase.ENDED
        work.progress = progress.at(after)
        await self._ledger.settle(work.job, work.progress, verdicts)
        await self.release(work)
        return End(verdicts)

    async def _verdict(
        self, progress: Progress, index: int, document: Document
    ) -> Verdict:
        parts = [r.saved for r in progress.results if r.document == index and r.saved]
        if not parts:
            failure = dict(progress.rejected).get(index, _NOTHING)
            return Verdict(document, State.FAILED, failure=failure)
        outputs = await self._outputs.keep(document, parts)
        return Verdict(document, State.DONE, tuple(outputs), made_by=progress.made_by)

    async def _hold(self, work: Work, why: str) -> End:
        """A stranger's file has the output's name: fail, but keep what was paid for.

        The job stays where it can be fetched again, once the name is free.
        """
        failure = Failure("output_exists", why, Blame.MACHINE, Remedy.FAIL)
        await self._outputs.discard(work.job)
        verdicts = [
            Verdict(each, State.FAILED, failure=failure) for each in work.job.documents
        ]
        held = _without_parts(work.progress).at(Phase.FETCH)
        await self._ledger.settle(work.job, held, verdicts)
        return End(verdicts)

    async def release(self, work: Work) -> None:
        """Delete the job at the provider, now that its results are safe here.

        One try: what is left expires at the provider by itself.
        """
        step = self._provider.release
        if step is None or work.progress.phase is not Phase.RELEASE:
            return
        request = step.build(work.job, work.progress)
        try:
            async with (
                self._passage(request),
                self._transport.send(request) as reply,
            ):
                work.progress = step.parse(work.job, work.progress, reply.response)
        except (NotSent, Unanswered):
            return
        await self._ledger.advance(work.job, work.progress.at(Phase.ENDED))


def _without_inline(progress: Progress) -> Progress:
    results = tuple(replace(each, inline=False) for each in progress.results)
    return replace(progress, results=results)


def _without_parts(progress: Progress) -> Progress:
    results = tuple(replace(each, saved=None) for each in progress.results)
    return replace(progress, results=results)


def _is_news(before: Progress, after: Progress) -> bool:
    return replace(before, polls=0, wait=None, failure=None) != replace(
        after, polls=0, wait=None, failure=None
    )


def _load(request: Request) -> int:
    body = request.body
    if isinstance(body, Raw):
        return body.input.size
    if isinstance(body, Form):
        return sum(each.input.size for each in body.parts if hasattr(each, "input"))
    return 0


def _network(code: str, message: str) -> Failure:
    return Failure(code, message, Blame.NETWORK, Remedy.RETRY)


def _doubt(cause: Failure | None) -> Failure:
    why = f"{cause.message}; " if cause else ""
    return Failure(
        cause.code if cause else "no_outcome",
        f"{why}it may have been billed, and the provider cannot tell",
        cause.blame if cause else Blame.NETWORK,
        Remedy.DOUBT,
    )
