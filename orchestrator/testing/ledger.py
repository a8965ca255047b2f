"""A ledger that forgets when it is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.ledger import record
from orchestrator.model import Document, Job, Phase, Progress, State, Verdict
from orchestrator.testing.clock import ManualClock
from orchestrator.testing.effect import Effect, unheard


@dataclass(slots=True)
class Entry:
    """A document in the ledger; ``later`` is what it became while in flight."""

    document: Document
    state: State = State.OPEN
    job: str | None = None
    verdict: Verdict | None = None
    later: Document | None = None


@dataclass(slots=True)
class _Held:
    job: Job
    progress: str
    phase: Phase
    intended: float | None


class MemoryLedger:
    """A ledger and its work queue in memory; values travel as text, as in a file."""

    def __init__(
        self,
        documents: Iterable[Document] = (),
        *,
        clock: ManualClock | None = None,
        effect: Effect = unheard,
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self.jobs: dict[str, _Held] = {}
        self.trusted: dict[str, bool] = {}
        self.fails: Exception | None = None
        self._clock = clock or ManualClock()
        self._effect = effect
        for each in documents:
            self.put(each)

    def put(self, document: Document) -> None:
        """Add a document, or say that it is asked for differently now."""
        entry = self.entries.get(document.id)
        if entry is None:
            self.entries[document.id] = Entry(document)
        elif entry.job and self._is_open(entry.job):
            entry.later = None if document == entry.document else document
        else:
            self.entries[document.id] = Entry(document)

    async def intend(self, job: Job, progress: Progress) -> None:
        """Before a request that may cost money."""
        self._write(f"intend {progress.phase}", job, progress, self._clock.now())

    async def not_sent(self, job: Job, progress: Progress, why: str) -> None:
        """Take an intent back."""
        self._write(f"not_sent {why}", job, progress, None)

    async def advance(self, job: Job, progress: Progress) -> None:
        """Write where the job stands."""
        self._write(f"advance {progress.phase}", job, progress, None)

    async def settle(
        self, job: Job, progress: Progress, verdicts: Sequence[Verdict]
    ) -> None:
        """Write how documents ended."""
        doubt = any(each.state is State.IN_DOUBT for each in verdicts)
        known = self.jobs.get(job.id)
        intended = known.intended if known and doubt else None
        self._check()
        self._put(job, progress, intended)
        for each in verdicts:
            self._settle(self.entries[each.document.id], each)
        states = " ".join(each.state for each in verdicts)
        self._effect(f"settle {states}")

    async def trust(self, account: str) -> None:
        """Note a lookup that was answered positively."""
        self._check()
        self.trusted[account] = True
        self._effect("trust")

    async def distrust(self, account: str) -> None:
        """Note that the API made an id of its own."""
        self._check()
        self.trusted[account] = False
        self._effect("distrust")

    # What a run asks...

    def trust_of(self, account: str) -> bool | None:
        """Whether the API goes by our own ids, as far as it was seen."""
        return self.trusted.get(account)

    def open_jobs(self, account: str) -> list[tuple[Job, Progress, float | None]]:
        """Jobs that were left, oldest first."""
        left = sorted(self.jobs.values(), key=lambda held: held.job.created)
        return [
            (self._as_left(held.job), record.progress(held.progress), held.intended)
            for held in left
            if held.job.account == account and self._is_left(held)
        ]

    def _as_left(self, job: Job) -> Job:
        entries = [self.entries[each.id] for each in job.documents]
        gone = frozenset(
            place
            for place, each in enumerate(entries)
            if each.state is State.DONE or each.job != job.id
        )
        own = [each for place, each in enumerate(entries) if place not in gone]
        edited = [each.later is not None for each in own]
        return replace(job, withdrawn=gone, unwanted=bool(own) and all(edited))

    def open_documents(
        self, account: str, *, large: bool, after: tuple[int, int] | None, limit: int
    ) -> list[Document]:
        """A page of open documents that are in no job, most urgent first."""
        found = sorted(self._open(account, large=large), key=_urgency)
        if after is not None:
            found = [each for each in found if _urgency(each) > (-after[0], after[1])]
        return found[:limit]

    def state(self, id_: str) -> State:
        """The state of a document."""
        return self.entries[id_].state

    def _open(self, account: str, *, large: bool) -> Iterator[Document]:
        for each in self.entries.values():
            document = each.document
            is_fit = document.provider == account and document.is_large == large
            if is_fit and each.state is State.OPEN and each.job is None:
                yield document

    def _is_open(self, job: str) -> bool:
        return self._is_left(self.jobs[job])

    def _is_left(self, held: _Held) -> bool:
        if held.phase is Phase.RELEASE:
            return True
        entries = (self.entries[each.id] for each in held.job.documents)
        waiting = (State.OPEN, State.IN_DOUBT, State.OVERDUE)
        return held.phase is not Phase.ENDED and any(
            each.job == held.job.id and each.state in waiting for each in entries
        )

    def _check(self) -> None:
        if self.fails is not None:
            raise self.fails

    def _write(
        self, what: str, job: Job, progress: Progress, intended: float | None
    ) -> None:
        self._check()
        self._put(job, progress, intended)
        for entry in (self.entries[each.id] for _, each in job.own()):
            is_known = intended is None and entry.job == job.id
            if is_known and entry.state is State.IN_DOUBT:
                entry.state, entry.verdict = State.OPEN, None
        self._effect(what)

    def _put(self, job: Job, progress: Progress, intended: float | None) -> None:
        kept = record.durable(progress)
        self.jobs[job.id] = _Held(
            replace(job, callback=None), record.text(kept), kept.phase, intended
        )
        if kept.phase not in (Phase.RELEASE, Phase.ENDED):
            for each in job.documents:
                entry = self.entries[each.id]
                entry.job = entry.job or job.id

    def _settle(self, entry: Entry, verdict: Verdict) -> None:
        if entry.later is None:
            entry.state, entry.verdict = verdict.state, verdict
            return
        ours = bool(verdict.outputs) and entry.later.output == entry.document.output
        overwrite = ours or entry.later.overwrite
        fresh = Entry(replace(entry.later, overwrite=overwrite))
        self.entries[entry.document.id] = fresh


def _urgency(document: Document) -> tuple[int, int]:
    return -document.priority, document.n


class MemoryFeed:
    """Open documents of a :class:`MemoryLedger`, in pages."""

    def __init__(self, ledger: MemoryLedger, account: str) -> None:
        self._ledger = ledger
        self._account = account
        self._after: dict[bool, tuple[int, int]] = {}
        self.asked: list[bool] = []

    async def page(self, *, large: bool, limit: int) -> Sequence[Document]:
        """The next documents that are not in a job."""
        self.asked.append(large)
        await asyncio.sleep(0)
        after = self._after.get(large)
        found = self._ledger.open_documents(
            self._account, large=large, after=after, limit=limit
        )
        if found:
            self._after[large] = (found[-1].priority, found[-1].n)
        return found

    def rewind(self) -> None:
        """Begin again at the top."""
        self._after.clear()
