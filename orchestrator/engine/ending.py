"""Ending a job: final names first, then the ledger, and only then the provider."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.engine.ports import Ledger, Outputs
from orchestrator.engine.work import End, Work, is_free, without_parts
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Phase,
    Progress,
    Remedy,
    State,
    Verdict,
)
from orchestrator.wire.outcome import OutputExists, PartMissing

Fits = Callable[[Sequence[Document], Document], bool]
_NOTHING = Failure("no_result", "it ended without a result", Blame.SERVICE, Remedy.FAIL)

_EXISTS = "output_exists"
_IN_THE_WAY = "there is a file that this batch did not make as it is; nothing was sent"


class Ending:
    """Gives documents their outputs, and writes how they ended.

    ``after`` is the phase of a job whose results are safe; ``spares`` says that work
    that failed is not charged.
    """

    def __init__(
        self, ledger: Ledger, outputs: Outputs, *, after: Phase, spares: bool = False
    ) -> None:
        self._ledger = ledger
        self._outputs = outputs
        self._after = after
        self._spares = spares

    def blocked(self, work: Work) -> Failure | None:
        """Why a job need not be sent: a file stands where its output has to go.

        Documents that such a file is in the way of travel alone (``apart``), so only
        their own jobs are looked at.
        """
        if work.progress.phase is not Phase.SUBMIT or len(work.job.documents) > 1:
            return None
        path = self._outputs.blocked(work.job.document)
        return None if path is None else _exists(f"{path}: {_IN_THE_WAY}")

    async def settle(self, work: Work, state: State, failure: Failure) -> End:
        """End a job without results; in doubt and overdue it stays to be asked for."""
        verdicts = [Verdict(each, state, failure=failure) for _, each in work.job.own()]
        if state is State.FAILED and is_free(work, failure, spares=self._spares):
            work.progress = replace(work.progress, cost=0.0)
        progress = replace(without_parts(work.progress), failure=failure)
        if state not in (State.IN_DOUBT, State.OVERDUE):
            progress = replace(progress, phase=Phase.ENDED)
        await self._outputs.discard(work.job)
        await self._ledger.settle(work.job, progress, verdicts)
        return End(verdicts)

    async def finish(self, work: Work) -> End | None:
        """Every result is here: give them their names.

        ``None`` if a part file was lost meanwhile: it has to be fetched again.
        """
        progress = work.progress
        cannot_be_fetched = any(each.url is None for each in progress.results)
        if len(progress.results) > 1 or cannot_be_fetched:  # else: ``is_alone``
            # All are complete before the first gets its name, and a resume knows it.
            await self._ledger.advance(work.job, progress)
        try:
            verdicts = [
                await self._verdict(progress, index, each)
                for index, each in work.job.own()
            ]
        except PartMissing:
            again = without_parts(progress).at(Phase.FETCH, laps=progress.laps + 1)
            work.reached(again)
            return None
        if any(_is_held(each) for each in verdicts):
            # What was paid for can be fetched again, once the name is free.
            await self._outputs.discard(work.job)
            work.progress = without_parts(progress).at(Phase.FETCH)
        else:
            work.progress = progress.at(self._after)
        if work.job.withdrawn:
            # Parts that nobody waits for any more.
            await self._outputs.discard(work.job)
        await self._ledger.settle(work.job, work.progress, verdicts)
        return End(verdicts)

    async def _verdict(
        self, progress: Progress, index: int, document: Document
    ) -> Verdict:
        parts = [r.saved for r in progress.results if r.document == index and r.saved]
        if not parts:
            failure = dict(progress.rejected).get(index, _NOTHING)
            is_lost = failure.remedy is Remedy.LOST
            state = State.LOST if is_lost else State.FAILED
            return Verdict(document, state, failure=failure)
        try:
            outputs = await self._outputs.keep(document, parts)
        except OutputExists as error:
            return Verdict(document, State.FAILED, failure=_exists(str(error)))
        return Verdict(document, State.DONE, tuple(outputs), made_by=progress.made_by)


def apart(fits: Fits | None, outputs: Outputs) -> Fits | None:
    """The same, with every document alone whose output has a file in its way."""
    if fits is None:
        return None

    def fitting(taken: Sequence[Document], document: Document) -> bool:
        if any(outputs.blocked(each) for each in (*taken[:1], document)):
            return False
        return fits(taken, document)

    return fitting


def _exists(message: str) -> Failure:
    return Failure(_EXISTS, message, Blame.MACHINE, Remedy.FAIL)


def _is_held(verdict: Verdict) -> bool:
    return verdict.failure is not None and verdict.failure.code == _EXISTS
