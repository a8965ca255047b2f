"""The ledger in SQLite: durable writes in groups, and pages of open work.

Theory of operation
-------------------
One connection writes, in a thread of its own (``writer``). What is queued while a
commit runs is the next commit, and every call returns only when its commit is on disk
(WAL, ``synchronous=FULL``); only what nothing goes on by is written without waiting. A
commit is one SQL call, whatever its rows are (``rows``), because a thread that comes
back to Python for each row starves for the interpreter lock under a busy loop.

An *intent* is a job row whose ``intended`` is set: a request that may cost money was
about to be sent, and its outcome is not known. Whatever happens next clears it:
``advance`` (the provider answered), ``not_sent`` (it provably did not arrive) or
``settle``. A resume asks the provider about every row that still has one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.clock import Clock
from orchestrator.errors import MachineError
from orchestrator.ledger import bill, record
from orchestrator.ledger.missing import Turned
from orchestrator.ledger.opening import Vouched, broken, connect, identity
from orchestrator.ledger.retry import CHOSEN, Retry
from orchestrator.ledger.rows import (
    AS_IT_WAS,
    Rows,
    event_row,
    job_row,
    links_of,
    prepare,
    settled_row,
)
from orchestrator.ledger.stranded import SERVERS, servers, stranded
from orchestrator.ledger.sums import UNSENT
from orchestrator.ledger.words import word
from orchestrator.ledger.writer import Commit, ThreadWriter, Writer
from orchestrator.model import (
    Document,
    Input,
    Job,
    Mode,
    Phase,
    Progress,
    State,
    Stranded,
    Verdict,
)

_LEFT = """
 FROM job WHERE account = ? AND phase <> 'ended' AND (phase = 'release' OR EXISTS (
  SELECT 1 FROM job_document AS link JOIN document ON document.id = link.document
  WHERE link.job = job.id AND document.job = job.id
  AND document.state IN ('open', 'in_doubt', 'overdue')))
"""
_PAGE_OF = "AND (created, id) > (?, ?) ORDER BY created, id LIMIT ?"
_UNCHOSEN = f"""
AND NOT ({UNSENT} AND EXISTS (
  SELECT 1 FROM job_document AS link JOIN document ON document.id = link.document
  WHERE link.job = job.id AND document.job = job.id AND NOT {{0}}))
"""  # noqa: S608  # a constant
"""A retry sends nothing but what it asks for; what was sent is carried on."""
_CARRIED = """
SELECT link.job, coalesce(link.spec, document.spec),
  document.job IS NOT link.job OR document.state = 'done'
  OR document.state = 'failed' AND document.code IS 'given_up', document.stale
FROM job_document AS link JOIN document ON document.id = link.document
WHERE link.job IN (SELECT value FROM json_each(?)) ORDER BY link.job, position
"""
"""A document that was edited while its job was in flight is settled as it was; one
that the user decided about, or that is done, is not its any more, and keeps its place.
"""
_PAGE = 1000

Left = tuple[Job, Progress, float | None]
"""A job that a former run left, where it stands, and when its intent was written."""
_Carried = tuple[tuple[Document, ...], frozenset[int], frozenset[int]]


def _left(retry: Retry | None) -> tuple[str, tuple[str | None, ...]]:
    """Where jobs are that a former run left, and what its marks stand for."""
    if retry is None:
        return _LEFT, ()
    return f"{_LEFT} {_UNCHOSEN.format(retry.chosen)}", retry.bound


class Store:
    """A ledger that is being written; fits ``engine.ports.Ledger``."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        writer: Callable[[Commit], Writer] = ThreadWriter,
    ) -> None:
        """Open a ledger; ``writer`` says where its commits are made.

        Raises:
            MachineError: it cannot be opened, or is not a ledger of this version.
        """
        self.path = path
        self._make_writer = writer
        self._clock = clock
        self._connection = connect(path)
        try:
            self._reader = connect(path, readonly=True)
        except MachineError:
            self._connection.close()
            raise
        self._identity = identity(path)
        prepare(self._connection)
        self._writer: Writer | None = None
        self._ended = False
        self._retry: Retry | None = None
        self._vouched: Vouched | None = None
        self._reading = threading.Lock()
        self.commits = 0
        self.rows = 0

    async def __aenter__(self) -> Self:
        self._writer = self._make_writer(self._commit)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = True
        if self._writer is not None:
            await self._writer.close()
        self._connection.close()
        if self._reading.acquire(blocking=False):
            self._reading.release()
            self._close_reader()
        else:
            await asyncio.to_thread(self._close_reader)

    def _close_reader(self) -> None:
        # A run that was stopped leaves a thread behind that still reads a page: SQLite
        # does not bear it that its connection is closed meanwhile.
        with self._reading:
            self._reader.close()

    def vouch(self) -> None:
        """Say that the file was found sound: only we write to it from now on.

        So a run that is killed leaves a ledger that need not be looked through.
        """
        self._vouched = Vouched(self.path)

    # What the engine calls...

    async def intend(self, job: Job, progress: Progress) -> None:
        """Write an intent: the job, its documents and its phase, before it is sent."""
        now = self._clock.now()
        await self._write(
            Rows(
                jobs=[job_row(job, progress, intended=now, at=now)],
                links=links_of(job),
                events=[event_row(now, "intent", job, progress.phase)],
            )
        )

    async def not_sent(self, job: Job, progress: Progress, why: str) -> None:
        """Take an intent back: the request provably did not arrive.

        A document that was in doubt over it is open again.
        """
        now = self._clock.now()
        await self._write(
            Rows(
                jobs=[job_row(job, progress, at=now)],
                known=links_of(job),
                events=[event_row(now, "not_sent", job, why)],
            )
        )

    async def advance(self, job: Job, progress: Progress) -> None:
        """Write where the job stands."""
        now = self._clock.now()
        detail = progress.failure.code if progress.failure else progress.phase
        # A job that only has to be forgotten takes no document, least of all one that
        # was edited meanwhile and is open for its next job.
        is_over = progress.phase in (Phase.RELEASE, Phase.ENDED)
        links = [] if is_over else links_of(job)
        rows = Rows(
            jobs=[job_row(job, progress, at=now)],
            links=links,
            known=links,
            events=[event_row(now, "advance", job, detail)],
        )
        if progress.phase is Phase.ENDED:
            # Nothing goes on by this: it only spares the next run a deletion.
            self._note(rows)
        else:
            await self._write(rows)

    async def settle(
        self, job: Job, progress: Progress, verdicts: Sequence[Verdict]
    ) -> None:
        """Write how documents ended; the job is what its progress says.

        A document in doubt keeps its job, and the job keeps its intent, so that the
        next run looks it up again.
        """
        now = self._clock.now()
        doubt = any(each.state is State.IN_DOUBT for each in verdicts)
        intended = AS_IT_WAS if doubt else None
        events = [
            (
                now,
                str(each.state),
                job.account,
                job.id,
                each.document.id,
                each.failure.code if each.failure else None,
            )
            for each in verdicts
        ]
        await self._write(
            Rows(
                jobs=[job_row(job, progress, intended=intended, at=now)],
                links=links_of(job),
                settled=[settled_row(job, each, now) for each in verdicts],
                events=events,
            )
        )

    async def trust(self, account: str) -> None:
        """Note that a lookup of one of our own ids was answered positively."""
        await self._write(Rows(trusted=[(account, self._clock.now())]))

    async def distrust(self, account: str) -> None:
        """Note that the API gave a job another id than the one that we sent."""
        await self._write(Rows(trusted=[(account, 0)]))

    def hashed(self, value: Input, sha256: str) -> None:
        """Note the SHA-256 of an input as it was sent; written with the next commit."""
        self._note(Rows(hashed=[(value.path, sha256)]))

    async def note(self, kind: str, account: str, detail: str) -> None:
        """Write an event that concerns no single job: a limit changed, say."""
        now = self._clock.now()
        await self._write(Rows(events=[(now, kind, account, None, None, detail)]))

    def jot(self, kind: str, account: str, detail: str) -> None:
        """Note without waiting for it; written with the next commit."""
        row = (self._clock.now(), kind, account, None, None, detail)
        self._note(Rows(events=[row]))

    def turn(self, documents: Sequence[Turned]) -> None:
        """Write that outputs are gone, or back; written with the next commit.

        Called from any thread.
        """
        if self._writer is not None:
            self._writer.note_from_thread(Rows(turned=list(documents)))

    async def remember(self, key: str, value: str) -> None:
        """Write a word about the batch itself, in place of what was said before."""
        await self._write(Rows(words=[(key, value)]))

    def remembered(self, key: str) -> str | None:
        """A word about the batch, as it was written last."""
        return word(self._reader, key)

    async def settle_in(self, here: Mapping[str, str], same: Collection[str]) -> None:
        """Note where accounts are, before anything is sent there.

        Trust is in a server: it begins anew at another one, but for accounts in
        ``same``, which are the same service under another address.
        """
        known = servers(self._reader)
        found = {**known, **here}
        if found == known:
            return
        moved = [name for name in here if known.get(name, here[name]) != here[name]]
        anew = [(name, None) for name in moved if name not in same]
        row = (SERVERS, record.text(found))
        await self._write(Rows(words=[row], trusted=list(anew)))

    # Writing...

    async def _write(self, rows: Rows) -> None:
        if self._ended or self._writer is None:
            raise MachineError(f"ledger {self.path}: it is closed")
        # A commit cannot be called back: who is cancelled while waiting for one
        # still learns afterwards what is on disk.
        await self._writer.put(rows)

    def _note(self, rows: Rows) -> None:
        if self._writer is not None:
            self._writer.note(rows)

    def _commit(self, group: Sequence[Rows]) -> MachineError | None:
        rows = Rows()
        for each in group:
            rows.take(each)
        if self._vouched is not None:
            self._vouched.before()
        try:
            rows.write(self._connection)
        except Exception as error:  # noqa: BLE001  # whoever waits has to be told, always
            self._roll_back()
            return broken(self.path, error)
        if identity(self.path) != self._identity:
            # SQLite goes on writing to a file that has no name any more.
            return MachineError(
                f"ledger {self.path}: it was removed or replaced during the run; what "
                "is in flight may be billed. Put it back before you run again, or all "
                "of it is sent anew"
            )
        if self._vouched is not None:
            self._vouched.after()
        self.commits += 1
        self.rows += len(rows.jobs)
        return None

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    # Reading...

    def open_documents(
        self,
        account: str,
        *,
        large: bool,
        after: tuple[int, int] | None,
        limit: int,
        retry: Retry | None = None,
    ) -> list[Document]:
        """A page of open documents that are in no job, most urgent first.

        ``after`` is priority and place of the last document of the page before. Of a
        ``retry``, they are those that it asks for anew, and nothing else.
        """
        where = ""
        bound: tuple[int, ...] = ()
        if after is not None:
            where = "AND (priority < ? OR (priority = ? AND n > ?))"
            bound = (after[0], after[0], after[1])
        if retry is None:
            source, where = "document", f"AND state = 'open' AND job IS NULL {where}"
        else:
            source = self._chosen(retry)
        query = (
            f"SELECT spec FROM {source} WHERE account = ? AND large = ? {where} "  # noqa: S608  # constants
            "ORDER BY priority DESC, n LIMIT ?"
        )
        rows = self._page(query, account, int(large), *bound, limit)
        return [record.document(spec) for (spec,) in rows]

    def _chosen(self, retry: Retry) -> str:
        """Where that is which a retry sends, as it was when the first page was read."""
        with self._reading:
            if self._retry != retry and not self._ended:
                retry.choose(self._reader)
                self._retry = retry
        return CHOSEN

    def _page(self, query: str, *bound: object) -> list[Any]:
        """Read, in whatever thread; nothing any more once the ledger is closed."""
        with self._reading:
            if self._ended:
                return []
            return self._reader.execute(query, bound).fetchall()

    def open_jobs(self, account: str) -> list[Left]:
        """All jobs that a former run left, oldest first; see ``left``."""
        found: list[Left] = []
        while page := self.left(account, after=found[-1][0] if found else None):
            found += page
        return found

    def has_left(self, account: str, retry: Retry | None = None) -> bool:
        """Whether a former run left jobs of an account."""
        where, bound = _left(retry)
        query = f"SELECT 1 {where} LIMIT 1"
        row = self._reader.execute(query, (account, *bound)).fetchone()
        return row is not None

    def names_left(self, account: str) -> set[str]:
        """Ids and handles of the jobs that a former run left."""
        rows = self._reader.execute(
            f"SELECT id, progress->>'$.handle' {_LEFT}", (account,)
        )
        return {name for row in rows for name in row if name}

    def left(
        self,
        account: str,
        *,
        after: Job | None = None,
        limit: int = _PAGE,
        retry: Retry | None = None,
    ) -> list[Left]:
        """A page of the jobs that a former run left, oldest first.

        One whose documents all failed (a stranger's file had the name) stays where it
        is until the user opens its documents again. A ``retry`` leaves alone what was
        never sent, unless it asks for it.
        """
        start = (after.created, after.id) if after else (float("-inf"), "")
        where, bound = _left(retry)
        query = (
            "SELECT id, mode, created, callback, progress, intended, reserved "
            f"{where} {_PAGE_OF}"
        )
        rows = self._page(query, account, *bound, *start, limit)
        carried = self._carried([row[0] for row in rows])
        found: list[Left] = []
        for id_, mode, created, callback, progress, intended, reserved in rows:
            documents, gone, stale = carried[id_]
            job = Job(id_, account, Mode(mode), documents, created, callback)
            own = frozenset(range(len(documents))) - gone
            job = replace(
                job,
                withdrawn=gone,
                unwanted=bool(own) and own <= stale,
                reserved=bill.exact(reserved),
            )
            found.append((job, record.progress(progress), intended))
        return found

    def _carried(self, jobs: Sequence[str]) -> dict[str, _Carried]:
        """The documents of jobs; places of those not theirs now, and of stale ones."""
        rows = self._page(_CARRIED, record.text(jobs))
        nothing: frozenset[int] = frozenset()
        found: dict[str, _Carried] = dict.fromkeys(jobs, ((), nothing, nothing))
        for job, spec, is_gone, is_stale in rows:
            documents, gone, stale = found[job]
            here = frozenset({len(documents)})
            found[job] = (
                (*documents, record.document(spec)),
                gone | here if is_gone else gone,
                stale | here if is_stale else stale,
            )
        return found

    def documents(self, jobs: Sequence[str]) -> dict[str, tuple[Document, ...]]:
        """The documents of jobs, each in its place.

        Raises:
            MachineError: the ledger cannot be read, or does not know them any more.
        """
        try:
            carried = self._carried(jobs)
        except sqlite3.Error as error:
            raise broken(self.path, error) from error
        found = {job: documents for job, (documents, *_) in carried.items()}
        if gone := [job for job, documents in found.items() if not documents]:
            raise MachineError(f"ledger {self.path}: it has lost the job {gone[0]}")
        return found

    def has_jobs(self, account: str) -> bool:
        """Whether an account was ever asked for anything."""
        row = self._reader.execute(
            "SELECT 1 FROM document WHERE account = ? AND job IS NOT NULL LIMIT 1",
            (account,),
        ).fetchone()
        return row is not None

    def stranded(self, here: Mapping[str, str]) -> list[Stranded]:
        """Jobs that were left at other accounts or servers than these."""
        return stranded(self._reader, here)

    def committed(self, free: Collection[str]) -> list[bill.Committed]:
        """What jobs cost, or may have cost, over all runs; not of free accounts."""
        return bill.committed(self._reader, free)

    def trust_of(self, account: str) -> bool | None:
        """Whether the API goes by our own ids, as far as it was ever seen."""
        row = self._reader.execute(
            "SELECT trusted FROM account WHERE name = ?", (account,)
        ).fetchone()
        return None if row is None or row[0] is None else row[0] > 0
