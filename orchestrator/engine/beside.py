"""Uploads of one job side by side, within the gates that every upload passes.

The first one goes on the room that the job holds. Each further one takes a place among
the uploads, and only one that is free: nobody is waited for, so nobody can be locked
out, and small documents keep a place on the wire.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from orchestrator.clock import Clock
from orchestrator.engine.exchange import note_links
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Transport
from orchestrator.engine.work import Work
from orchestrator.model import Blame, Failure, Input, Job, Phase, Progress, Remedy
from orchestrator.wire.flow import Beside, Step
from orchestrator.wire.http import Request, Response
from orchestrator.wire.outcome import SourceChanged

AT_ONCE = 4
"""Uploads of one job at a time: more gain little, and starve other documents."""

Turn = Callable[[Work, Step], Awaitable[None]]


def goes_beside(work: Work, step: Step) -> Beside | None:
    """Whether the uploads of a step are more than one whole file that is to be put."""
    beside, uploads = step.beside, work.progress.uploads
    if beside is None or not uploads:
        return None
    is_plain = len(uploads) == 1 and uploads[0].size is None and not uploads[0].done
    return None if is_plain else beside


class SideBySide:
    """Makes all requests that are left of a step; what stops one lets the others end.

    ``turn`` makes one of them, as the driver makes any.
    """

    def __init__(
        self, turn: Turn, *, transport: Transport, gates: Gates, clock: Clock
    ) -> None:
        self._turn = turn
        self._transport = transport
        self._gates = gates
        self._clock = clock

    async def run(self, work: Work, beside: Beside) -> None:
        """Take a job as far as its requests lead.

        Raises:
            MachineError: the ledger cannot be written.
        """
        before = work.progress
        sending = _Sending(work, beside, self._turn)
        try:
            async with asyncio.TaskGroup() as group:
                for given in () if work.heard else _unheard(work):
                    group.create_task(self._read(sending, given))
                sending.widen = partial(self._widen, sending, group)
                await sending.lane()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        # What is tried again is a part, and not worth reading all of a file again.
        work.heard = True
        sending.conclude()
        note_links(work, before, self._clock)

    def _widen(self, sending: _Sending, group: asyncio.TaskGroup) -> None:
        """Open another lane, if there is a place at this moment."""
        meter = self._gates.meter
        # A lane may not be on the wire yet.
        has_place = max(meter.busy, sending.lanes) + 1 < meter.most
        if sending.waiting and sending.lanes < AT_ONCE and has_place:
            sending.lanes += 1
            group.create_task(self._lane(sending))

    async def _lane(self, sending: _Sending) -> None:
        uploads = self._gates.uploads
        try:
            if not uploads.locked():
                async with uploads:  # which is free: it does not wait
                    await sending.lane()
        finally:
            sending.lanes -= 1

    async def _read(self, sending: _Sending, given: Input) -> None:
        """Hash a file that no single request of this run tells whole."""
        try:
            await self._transport.read_over(given)
        except SourceChanged as error:
            sending.stop(
                Failure("source_changed", str(error), Blame.DOCUMENT, Remedy.FAIL)
            )


class _Sending:
    """What is left to be sent of one job, and what came of the rest."""

    def __init__(self, work: Work, beside: Beside, turn: Turn) -> None:
        self._work = work
        self._beside = beside
        self._turn = turn
        self._places = deque(beside.left(work.progress))
        self._failures: list[Failure] = []
        self._back: Progress | None = None
        self.lanes = 1
        self.widen: Callable[[], None] = lambda: None

    @property
    def waiting(self) -> bool:
        """Whether something is left that nobody sends yet."""
        return bool(self._places)

    async def lane(self) -> None:
        """Send one after the other until nothing is left."""
        while self._places:
            place = self._places.popleft()
            self.widen()
            await self._send(place)

    def stop(self, failure: Failure) -> None:
        """Start nothing more."""
        self._failures.append(failure)
        self._places.clear()

    def conclude(self) -> None:
        """Leave the job where its requests led it, or with what stopped one."""
        work = self._work
        final = [each for each in self._failures if each.remedy is not Remedy.RETRY]
        if final:
            work.progress = work.progress.failed(final[0])
        elif self._back is not None:
            work.progress = self._back
        elif self._failures:
            work.progress = work.progress.failed(self._failures[0])
        elif work.progress.phase is Phase.UPLOAD:
            # All of it was there already.
            work.reached(self._beside.done(work.progress, 0))

    async def _send(self, place: int) -> None:
        work, beside = self._work, self._beside
        alone = Work(work.job, work.progress, linked=work.linked, has_room=True)
        await self._turn(alone, _step_at(beside, place))
        if alone.progress.failure is not None:
            self.stop(alone.progress.failure)
        elif alone.progress.laps > work.progress.laps:
            self._back = alone.progress
            self._places.clear()
        else:
            work.reached(beside.done(work.progress, place))


def _step_at(beside: Beside, place: int) -> Step:
    def build(job: Job, progress: Progress) -> Request:
        return beside.build(job, progress, place)

    def parse(job: Job, progress: Progress, response: Response) -> Progress:
        parsed = beside.parse(job, progress, place, response)
        is_there = parsed.failure is None and parsed.laps == progress.laps
        # That is nothing for the ledger: a resume asks what is there, and until the
        # next step is on record the files may still be read for their hashes.
        return progress if is_there else parsed

    return Step(build, parse)


def _unheard(work: Work) -> Sequence[Input]:
    """The files whose hash no request tells: sent in parts, or by a former run."""
    inputs = [given for each in work.job.documents for given in each.inputs]
    uploads = work.progress.uploads
    places = {each.input for each in uploads if each.size is not None or each.done}
    return [inputs[each] for each in sorted(places) if each < len(inputs)]
