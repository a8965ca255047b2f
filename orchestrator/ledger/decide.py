"""What the user decides about documents that no run can settle by itself.

Documents are chosen first, into a table of this connection that spills to disk; what
cannot be chosen is told at once. Then one transaction writes the decision: documents,
jobs and an event for each document. So a cut leaves all of it or nothing, and the same
decision again finds nothing left to do.

A document that was decided about leaves its job. The others of the job stay with it;
a job that nobody waits for any more has ended, and keeps the time of its intent: it may
have been billed, and that stays on record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.errors import MachineError
from orchestrator.ledger import record
from orchestrator.ledger.opening import connect
from orchestrator.ledger.stranded import adrift
from orchestrator.ledger.sums import UNSENT
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Output,
    Phase,
    Remedy,
    State,
)

DECIDABLE = (
    State.IN_DOUBT,
    State.OVERDUE,
    State.LOST,
    State.MISSING,
    State.OPEN,
)
"""States that only a user, or a run that is luckier, can end.

Of those that are open, only what was left where the manifest does not lead any more:
every run carries the others.
"""

PAGE = 500
_ELSEWHERE = "key = ? AND (state = 'failed' OR state = 'open' AND job IS NULL)"
"""What is named, and nothing waits for: its user may have made it in another way."""


class Decision(StrEnum):
    """What becomes of a document; the words are kinds of events."""

    RESUBMITTED = "resubmitted"
    """It is opened again as new work, which may be billed a second time."""
    MARKED_DONE = "marked_done"
    """The user has its output, and put it under its name."""
    GIVEN_UP = "given_up"
    """It has failed for good."""


_LEADS_TO = {
    Decision.RESUBMITTED: State.OPEN,
    Decision.MARKED_DONE: State.DONE,
    Decision.GIVEN_UP: State.FAILED,
}
_CHOSEN = """
CREATE TEMP TABLE chosen(
  key INTEGER PRIMARY KEY, state TEXT NOT NULL, job TEXT, outputs TEXT, failure TEXT);
CREATE TEMP TABLE closing(job TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE adrift(account TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_IS_LEFT = """
(state <> 'open' OR job IN (
  SELECT job.id FROM job JOIN temp.adrift USING(account)
  WHERE job.phase <> 'ended' AND job.phase <> 'release'))
"""
_EVENTS = """
INSERT INTO event(at, kind, account, job, document, detail)
SELECT :at, :kind, document.account, document.job, document.id,
  'user: ' || document.state || coalesce(' ' || document.code, '')
FROM temp.chosen JOIN document USING(key) ORDER BY key
"""
_RESUBMIT = """
UPDATE document SET state = 'open', job = NULL, failure = NULL, code = NULL,
  stale = 0, updated = :at
WHERE key IN (SELECT key FROM temp.chosen)
"""
_MARK_DONE = """
UPDATE document SET state = 'done', job = NULL, failure = NULL, code = NULL,
  stale = 0, updated = :at, made_by = 'user', outputs = chosen.outputs
FROM temp.chosen AS chosen WHERE document.key = chosen.key
"""
_GIVE_UP = """
UPDATE document SET state = 'failed', code = 'given_up', stale = 0, updated = :at,
  failure = chosen.failure
FROM temp.chosen AS chosen WHERE document.key = chosen.key
"""
_WRITES = {
    Decision.RESUBMITTED: _RESUBMIT,
    Decision.MARKED_DONE: _MARK_DONE,
    Decision.GIVEN_UP: _GIVE_UP,
}
_CLOSING = """
INSERT OR IGNORE INTO temp.closing
SELECT job.id FROM temp.chosen JOIN job ON job.id = chosen.job
WHERE job.phase NOT IN ('release', 'ended') AND NOT EXISTS (
  SELECT 1 FROM job_document AS link JOIN document ON document.id = link.document
  WHERE link.job = job.id AND document.job = job.id
  AND document.state IN ('open', 'in_doubt', 'overdue', 'failed')
  AND NOT (document.state = 'failed' AND document.code IS 'given_up'))
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A document that is about to be decided about; ``key`` is the ledger's own."""

    key: int
    document: Document
    state: State
    failure: Failure | None
    job: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """What names came to: faults in words, and ids that are decided so already."""

    faults: tuple[str, ...]
    already: tuple[str, ...]


class Decider:
    """A ledger in which decisions are written; its batch must be held meanwhile.

    Args:
        path: Where it is.
        here: Where the manifest has its accounts, if it can be read.
    """

    def __init__(self, path: Path, here: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._db = connect(path)
        self._db.executescript(_CHOSEN)
        left = [] if here is None else adrift(self._db, here)
        self._db.executemany(
            "INSERT INTO temp.adrift VALUES(?)", [(name,) for name in left]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    # Choosing...

    def choose(
        self,
        decision: Decision,
        names: Sequence[str],
        *,
        states: Collection[State] = DECIDABLE,
        code: str | None = None,
    ) -> Named:
        """Choose documents by id or shell pattern; no names mean all that can be.

        Args:
            decision: What is to be decided about them.
            names: Ids and shell patterns.
            states: Only documents in these states are chosen.
            code: Only documents with this code are chosen.
        """
        faults: list[str] = []
        already: list[str] = []
        patterns: list[str] = []
        for name in dict.fromkeys(names):
            row = self._db.execute(
                f"SELECT key, state, code, {_IS_LEFT} FROM document WHERE id = ?",  # noqa: S608  # a constant
                (name,),
            ).fetchone()
            if row is None:
                patterns.append(name)
            elif row[1] in states and code in (None, row[2]) and row[3]:
                self._take("key = ?", (row[0],))
            elif decision is Decision.MARKED_DONE and self._take(_ELSEWHERE, (row[0],)):
                pass
            elif self._is_decided(name, decision, row[1]):
                already.append(name)
            else:
                faults.append(_nothing_to_decide(name, row[1], row[2]))
        faults += [f"{each!r}: no such document" for each in self._unmatched(patterns)]
        if patterns or not names:
            self._match(patterns, states, code)
        return Named(tuple(faults), tuple(already))

    def _is_decided(self, name: str, decision: Decision, state: str) -> bool:
        """Whether the last word about a document was this decision."""
        if state != _LEADS_TO[decision]:
            return False
        row = self._db.execute(
            "SELECT event.kind FROM event JOIN job_document AS link "
            "ON link.job = event.job AND link.document = event.document "
            "WHERE link.document = ? ORDER BY event.key DESC LIMIT 1",
            (name,),
        ).fetchone()
        return row is not None and row[0] == decision

    def _unmatched(self, patterns: Sequence[str]) -> list[str]:
        left = list(patterns)
        for (id_,) in self._db.execute("SELECT id FROM document") if left else ():
            left = [each for each in left if not fnmatchcase(id_, each)]
            if not left:
                break
        return left

    def _match(
        self, patterns: Sequence[str], states: Collection[State], code: str | None
    ) -> None:
        def is_meant(id_: str) -> bool:
            return not patterns or any(fnmatchcase(id_, each) for each in patterns)

        self._db.create_function("is_meant", 1, is_meant)
        marks = ", ".join("?" * len(states))
        self._take(
            f"state IN ({marks}) AND (? IS NULL OR code = ?) AND is_meant(id) "
            f"AND {_IS_LEFT}",
            (*states, code, code),
        )

    def _take(self, where: str, bound: tuple[object, ...]) -> bool:
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO temp.chosen(key, state, job) "  # noqa: S608  # the only insertions are constants
            f"SELECT key, state, job FROM document WHERE {where}",
            bound,
        )
        return cursor.rowcount > 0

    def counts(self) -> dict[State, int]:
        """Number of chosen documents in each state."""
        rows = self._db.execute("SELECT state, count(*) FROM temp.chosen GROUP BY 1")
        return {State(state): count for state, count in rows}

    def chosen(self) -> Iterator[Chosen]:
        """Every chosen document, in pages."""
        after = 0
        while rows := self._db.execute(
            "SELECT document.key, spec, document.state, failure, document.job "
            "FROM (SELECT key FROM temp.chosen WHERE key > ? ORDER BY key LIMIT ?) "
            "JOIN document USING(key) ORDER BY 1",
            (after, PAGE),
        ).fetchall():
            after = rows[-1][0]
            for key, spec, state, failure, job in rows:
                why = record.failure(failure) if failure else None
                yield Chosen(key, record.document(spec), State(state), why, job)

    def found(self, key: int, outputs: Sequence[Output]) -> None:
        """Note what is under a document's name, for ``MARKED_DONE``."""
        self._db.execute(
            "UPDATE temp.chosen SET outputs = ? WHERE key = ?",
            (record.text(tuple(outputs)), key),
        )

    # Deciding...

    def decide(self, decision: Decision, *, at: float) -> None:
        """Write a decision about all that was chosen; all of it, or nothing.

        ``at`` is in seconds since the epoch.

        Raises:
            MachineError: the ledger cannot be written.
        """
        bound = {"at": at, "kind": str(decision)}
        if decision is Decision.GIVEN_UP:
            self._say_why()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(_EVENTS, bound)
            self._db.execute(_WRITES[decision], bound)
            self._db.execute(_CLOSING)
            self._close_jobs(at)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise MachineError(f"ledger {self._path}: {error}") from error

    def _say_why(self) -> None:
        for each in self.chosen():
            self._db.execute(
                "UPDATE temp.chosen SET failure = ? WHERE key = ?",
                (record.text(given_up(each.state, each.failure)), each.key),
            )

    def _close_jobs(self, at: float) -> None:
        """End jobs that nobody waits for; links to their results are not kept."""
        after = ""
        while rows := self._db.execute(
            f"SELECT job.id, progress, {UNSENT} FROM temp.closing "  # noqa: S608  # a constant
            "JOIN job ON job.id = closing.job WHERE job.id > ? ORDER BY 1 LIMIT ?",
            (after, PAGE),
        ).fetchall():
            after = rows[-1][0]
            self._db.executemany(
                "UPDATE job SET phase = 'ended', progress = ?, updated = ? "
                "WHERE id = ?",
                [
                    (_ended(progress, is_unsent=bool(unsent)), at, id_)
                    for id_, progress, unsent in rows
                ],
            )


def given_up(state: State, before: Failure | None) -> Failure:
    """Why a document that was given up has failed; keeps what was known."""
    known = f": {before.code}: {before.message}" if before else ""
    words = str(state).replace("_", " ")
    return Failure(
        "given_up",
        f"the user gave it up; it was {words}{known}",
        before.blame if before else Blame.SERVICE,
        Remedy.FAIL,
        before.status if before else None,
    )


def _ended(progress: str, *, is_unsent: bool) -> str:
    ended = replace(record.progress(progress), phase=Phase.ENDED)
    if is_unsent:
        ended = replace(ended, cost=0.0)
    return record.text(record.durable(ended))


def _nothing_to_decide(name: str, state: str, code: str | None) -> str:
    words = state.replace("_", " ") + (f" ({code})" if code else "")
    if state == State.OPEN:
        return f"{name!r} is open: `orchestrator run` carries it, or looks it up first"
    if state == State.FAILED:
        return (
            f"{name!r} is {words}: `orchestrator retry --failed` asks for it again, "
            "and --mark-done takes the output that you have"
        )
    if state in DECIDABLE:
        return f"{name!r} is {words}, which --state or --code leaves out"
    return f"{name!r} is {words}: there is nothing to decide"
