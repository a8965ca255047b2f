"""Looking up a job whose reply was lost: taken over, sent again, or left in doubt."""

from __future__ import annotations

import math
from dataclasses import replace

from orchestrator.clock import Clock
from orchestrator.engine.exchange import parsed_by, passage, take_back, tell_gates
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Ledger, Transport
from orchestrator.engine.work import Work, doubt
from orchestrator.model import Blame, Failure, Job, Progress, Remedy
from orchestrator.wire.flow import Absence, Provider, Step
from orchestrator.wire.http import Repeat, Request, Response
from orchestrator.wire.outcome import NotSent, Unanswered

_REFUSED = (Remedy.RETRY, Remedy.STOP)


class Lookup:
    """Asks one account about jobs whose intent has no known outcome.

    ``trusted`` says whether the API was seen to go by our own ids, or to ignore one;
    ``listens``, that webhooks may come.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        transport: Transport,
        ledger: Ledger,
        gates: Gates,
        clock: Clock,
        trusted: bool | None,
        listens: bool,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._ledger = ledger
        self._gates = gates
        self._clock = clock
        self._trusted = trusted
        self._listens = listens
        self.answered = -math.inf
        """When a lookup was last answered, by the monotonic clock."""

    @property
    def is_trusted(self) -> bool:
        """Whether an absence proves something, as far as that depends on trust."""
        return self._trusted is True

    def may_gain(self) -> bool:
        """Whether an absence that proves nothing now may prove something later."""
        needs_trust = self._provider.absence is Absence.PROVES_ONCE_TRUSTED
        return needs_trust and self._trusted is None

    async def trust(self, account: str) -> None:
        """The API was seen to go by our own ids: that is durable, and said once."""
        if self._trusted is None:
            self._trusted = True
            await self._ledger.trust(account)

    async def accepted(self, job: Job, request: Request, handle: str | None) -> None:
        """A request was accepted: under an id of theirs, ours may be unknown for good.

        An API that ignored one of our ids may have ignored that of a lost request too.
        That is durable, and nothing makes up for it.
        """
        is_ours = self._provider.is_ours
        if request.repeat is not Repeat.NAMED or not is_ours or not handle:
            return
        if self._trusted is not False and not is_ours(job, handle):
            self._trusted = False
            await self._ledger.distrust(job.account)

    async def polled(self, work: Work, response: Response) -> None:
        """A poll was answered: under an id of ours, that is as good as a lookup."""
        is_ours, handle = self._provider.is_ours, work.progress.handle
        is_good = response.is_success and not response.is_page
        if is_good and is_ours and handle and is_ours(work.job, handle):
            await self.trust(work.job.account)

    def can_ask(self, work: Work) -> bool:
        """Whether anything could tell what became of a lost request."""
        hears = self._provider.adoption is not None and self._listens
        return hears or self._find(work) is not None

    async def ask(self, work: Work) -> None:
        """Ask once, and take the job as far as the answer leads."""
        find, asked = self._question(work)
        if find is None:
            self._await_echo(work)
            return
        request = find.build(work.job, asked)
        try:
            async with (
                passage(self._gates, request) as wire,
                self._transport.send(request) as reply,
            ):
                wire.heard(reply.response)
                found = parsed_by(self._provider, find, work.job, asked, reply.response)
        except (NotSent, Unanswered) as error:
            silence = Failure(error.code, str(error), Blame.NETWORK, Remedy.RETRY)
            work.progress = work.progress.failed(silence)
            return
        await self._told(work, found)

    async def _told(self, work: Work, found: Progress) -> None:
        if found.failure is None or found.failure.remedy not in _REFUSED:
            # Tries count for each question, and rounds of questions by themselves.
            work.attempts = 0
            self.answered = self._clock.monotonic()
        if found.failure is None and found.suspects:
            work.progress = found  # the next question is about one of them
        elif found.failure is None:
            await self._adopt(work, found)
        elif found.failure.remedy is not Remedy.ABSENT:
            tell_gates(self._gates, found.failure)
            work.progress = work.progress.failed(found.failure)
        elif self._find(work) is None:
            # The echo spoke of another job, or was forged.
            work.echo = None
            self._await_echo(work)
        else:
            await self._absent(work)

    def _find(self, work: Work) -> Step | None:
        return self._provider.flows[work.job.mode][work.progress.phase].find

    def _question(self, work: Work) -> tuple[Step | None, Progress]:
        """What to ask about a job whose reply was lost, and from where."""
        find, adoption = self._find(work), self._provider.adoption
        if find is not None or adoption is None or work.echo is None:
            return find, work.progress
        said = adoption.read(work.job, work.progress, work.echo)
        return (adoption.confirm, said) if said else (None, work.progress)

    def _await_echo(self, work: Work) -> None:
        """Wait for a webhook that names the job, where one may come; else doubt."""
        age = work.doubt(self._clock).likely(self._clock)
        adoption = self._provider.adoption
        left = adoption.patience - age if adoption and self._listens else 0.0
        if left > 0:
            work.progress = replace(work.progress, failure=None, wait=left)
        else:
            work.progress = _doubted(work.progress)

    async def _adopt(self, work: Work, found: Progress) -> None:
        await self.trust(work.job.account)
        await self._ledger.advance(work.job, found)
        work.intended = None
        work.reached(found)

    async def _absent(self, work: Work) -> None:
        """A lookup found nothing: that proves something, or it does not."""
        since, settle = work.doubt(self._clock), self._provider.settle
        age = since.least(self._clock)
        absence = self._provider.absence
        proves = absence is Absence.PROVES or (
            absence is Absence.PROVES_ONCE_TRUSTED and self.is_trusted
        )
        if not proves or since.most(self._clock) > self._provider.retention / 2:
            work.progress = _doubted(work.progress)
        elif age < settle:
            work.progress = replace(work.progress, failure=None, wait=settle - age)
        else:
            laps = work.progress.laps + 1
            again = replace(work.progress, failure=None, wait=None, laps=laps)
            work.reached(again)
            await take_back(self._ledger, work, "absent")


def _doubted(progress: Progress) -> Progress:
    return progress.failed(doubt(progress.failure, progress.phase))
