"""Whether a ledger proves what it says: nothing lost, and nothing billed twice.

Everything is asked in one read transaction, so also a ledger that a run is writing is
seen as it was at one moment. What is grouped is grouped by SQLite, on disk: memory does
not grow with the number of documents.

A job counts as *billed* for a document if a request of it that may cost money left and
was not provably refused, or if the document was done by it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger import record
from orchestrator.ledger.opening import connect, refuse_removed
from orchestrator.ledger.sums import CHARGED, COMMITTED
from orchestrator.model import Output, State

_SPENT = """
CREATE TEMP TABLE spent AS
SELECT job.id AS job, job.intended IS NOT NULL AS unknown,
  sum(event.kind = 'done') > 0 OR (
    max(CASE event.kind WHEN 'intent' THEN event.key ELSE 0 END) >
    max(CASE event.kind WHEN 'not_sent' THEN event.key ELSE 0 END)
  ) AS billed
FROM job JOIN event ON event.job = job.id
WHERE event.kind IN ('intent', 'not_sent', 'done') GROUP BY job.id;
CREATE TEMP TABLE bill AS
SELECT link.document AS document, count(*) AS times
FROM temp.spent AS spent JOIN job_document AS link ON link.job = spent.job
WHERE spent.billed AND NOT spent.unknown GROUP BY link.document;
CREATE UNIQUE INDEX temp.bill_document ON bill(document);
CREATE TEMP TABLE reason AS
SELECT document, count(*) AS times FROM event
WHERE kind IN ('changed', 'reopened', 'resubmitted') AND document IS NOT NULL
GROUP BY document;
CREATE UNIQUE INDEX temp.reason_document ON reason(document);
"""
_COUNTS = """
SELECT count(*) FILTER (WHERE NOT document.made_by IS 'user' OR job IS NOT NULL),
  coalesce(sum(bill.times), 0),
  coalesce(sum(max(0, bill.times - 1)), 0),
  count(*) FILTER (WHERE document.made_by IS 'user' AND job IS NULL)
FROM document LEFT JOIN temp.bill AS bill ON bill.document = document.id
WHERE state = 'done'
"""
_WASTED = """
SELECT coalesce(sum(bill.times), 0)
FROM document JOIN temp.bill AS bill ON bill.document = document.id
WHERE state IN ('failed', 'lost', 'gone', 'missing')
"""
_UNKNOWN = """
SELECT count(*) FILTER (WHERE phase <> 'ended'), count(*) FILTER (WHERE phase = 'ended')
FROM job JOIN job_document AS link ON link.job = job.id WHERE intended IS NOT NULL
"""

_FAULTS: tuple[tuple[str, str, str], ...] = (
    (
        "no_output",
        "it is done, and no output is on record",
        (
            "SELECT id, job FROM document WHERE state = 'done' "
            "AND coalesce(outputs, '[]') = '[]'"
        ),
    ),
    (
        "no_bill",
        "it is done, and no job on record made it",
        (
            "SELECT id, job FROM document WHERE state = 'done' AND NOT EXISTS ("
            "SELECT 1 FROM event WHERE event.job = document.job "
            "AND event.document = document.id AND event.kind = 'done') "
            "AND NOT (made_by IS 'user' AND job IS NULL)"
        ),
    ),
    (
        "billed_twice",
        "more jobs were billed for it than it was asked for",
        (
            "SELECT id, job FROM document JOIN temp.bill AS bill "
            "ON bill.document = document.id LEFT JOIN temp.reason AS reason "
            "ON reason.document = document.id "
            "WHERE bill.times > 1 + coalesce(reason.times, 0)"
        ),
    ),
    (
        "done_in_doubt",
        "it is done, and its job still has an intent without an outcome",
        (
            "SELECT document.id, job FROM document JOIN job ON job.id = document.job "
            "WHERE state = 'done' AND job.intended IS NOT NULL"
        ),
    ),
    (
        "no_intent",
        "it is in doubt, and its job has no intent",
        (
            "SELECT document.id, job FROM document "
            "LEFT JOIN job ON job.id = document.job WHERE state = 'in_doubt' "
            "AND job.intended IS NULL AND code IS NOT 'withdrawn'"
        ),
    ),
    (
        "stranded",
        "it is to be carried on, and its job has ended: no run will take it up",
        (
            "SELECT document.id, job FROM document "
            "LEFT JOIN job ON job.id = document.job WHERE document.job IS NOT NULL "
            "AND state IN ('open', 'in_doubt', 'overdue') "
            "AND coalesce(job.phase, 'ended') IN ('release', 'ended')"
        ),
    ),
    (
        "no_reason",
        "it has failed, and no reason is on record",
        "SELECT id, job FROM document WHERE state = 'failed' AND failure IS NULL",
    ),
)
"""Code, what is wrong, and the documents that it is true of, with their jobs."""
_SHARED = """
SELECT min(id), max(id), path FROM (
  SELECT document.id AS id, each.value->>'$.path' AS path
  FROM document, json_each(document.outputs) AS each WHERE state = 'done')
GROUP BY path HAVING count(*) > 1
"""
_SUMS: tuple[tuple[str, str], ...] = (  # our own names
    (
        "documents by state",
        (
            "SELECT state, account, mode, sum(documents), sum(bytes) FROM ("
            "SELECT state, account, mode, documents, bytes FROM tally UNION ALL "
            "SELECT state, account, mode, -1, -size FROM document) "
            "GROUP BY 1, 2, 3 HAVING sum(documents) <> 0 OR sum(bytes) <> 0"
        ),
    ),
    (
        "what was charged",
        (
            f"SELECT {CHARGED}, sum(documents) FROM ("  # noqa: S608  # names of columns
            f"SELECT {CHARGED}, documents FROM charged UNION ALL "
            f"SELECT {CHARGED}, -1 FROM charge "
            "WHERE phase = 'ended') "
            f"GROUP BY {CHARGED} HAVING sum(documents) <> 0"
        ),
    ),
    (
        "what was reserved",
        (
            f"SELECT {COMMITTED}, sum(jobs) FROM ("  # noqa: S608
            f"SELECT {COMMITTED}, jobs FROM committed UNION ALL "
            f"SELECT {COMMITTED}, -1 FROM commitment "
            "WHERE phase = 'ended') "
            f"GROUP BY {COMMITTED} HAVING sum(jobs) <> 0"
        ),
    ),
)
"""What is summed up, and the sums that are not those of the rows."""
_INPUTS = """
SELECT min(document.id), input.path, input.sha256
FROM document, json_each(document.spec, '$.inputs') AS each
JOIN input ON input.path = each.value->>'$.path'
WHERE state = 'done' GROUP BY input.path
"""


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is not as it should be: a code, and words."""

    code: str
    message: str
    document: str | None = None
    job: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """What was billed, in documents of jobs.

    Attributes:
        done: Documents that jobs of this batch have done.
        billed: How often jobs were billed for documents that are done.
        again: Those among them that came on top of the first.
        by_hand: Documents that the user marked done.
        wasted: Accepted, and the document is not done: it failed, say.
        unknown: Intents without an outcome: the next run looks them up.
        possible: Intents that the user decided about: they may have been billed.
    """

    done: int = 0
    billed: int = 0
    again: int = 0
    by_hand: int = 0
    wasted: int = 0
    unknown: int = 0
    possible: int = 0


class Proof:
    """A ledger as it is at one moment."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            refuse_removed(path)
            raise UsageError(f"no ledger at {path}: this manifest was never run")
        self._path = path
        self._db = connect(path, readonly=True)
        self._db.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise MachineError(f"ledger {self._path}: {error}") from error

    def damages(self) -> list[str]:
        """What SQLite finds wrong with the file; empty if it is whole."""
        try:
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check(20)")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [line for text in found if text != "ok" for line in text.splitlines()]

    def states(self) -> dict[State, int]:
        """Number of documents in each state."""
        with self._reading():
            rows = self._db.execute(
                "SELECT state, count(*) FROM document GROUP BY state"
            )
            return {State(state): count for state, count in rows}

    def bill(self) -> Bill:
        """What was billed; to be asked before ``deviations``."""
        with self._reading():
            for statement in _SPENT.split(";"):
                self._db.execute(statement)
            done, billed, again, by_hand = self._db.execute(_COUNTS).fetchone()
            (wasted,) = self._db.execute(_WASTED).fetchone()
            unknown, possible = self._db.execute(_UNKNOWN).fetchone()
        return Bill(done, billed, again, by_hand, wasted, unknown, possible)

    def deviations(self) -> Iterator[Deviation]:
        """Where states, jobs, events and outputs contradict each other."""
        with self._reading():
            for code, message, sql in _FAULTS:
                for id_, job in self._db.execute(sql):
                    yield Deviation(code, message, id_, job)
            for first, second, path in self._db.execute(_SHARED):
                twice = first == second
                also = (
                    "twice on its record" if twice else f"also the output of {second}"
                )
                yield Deviation("shared_output", f"{path}: {also}", first, path=path)
            for what, sql in _SUMS:
                if wrong := self._db.execute(sql).fetchone():
                    *kind, over = wrong
                    words = " ".join(str(each) for each in kind)
                    message = f"{what}: the sum for {words} is off by {over}"
                    yield Deviation("wrong_sum", message)

    def outputs(self) -> Iterator[tuple[str, str, Output]]:
        """Every output of every done document: id, format, and what is on record."""
        with self._reading():
            rows = self._db.execute(
                "SELECT id, spec->>'$.target', outputs FROM document "
                "WHERE state = 'done' AND outputs IS NOT NULL ORDER BY key"
            )
            for id_, target, outputs in rows:
                for each in record.outputs(outputs):
                    yield id_, target, each

    def inputs(self) -> Iterator[tuple[str, str, str]]:
        """Every input of done documents: an id, its path, the hash that was sent."""
        with self._reading():
            yield from self._db.execute(_INPUTS)

    def jobs(self) -> int:
        """How many jobs were ever sent, or may have been."""
        with self._reading():
            row = self._db.execute(
                "SELECT count(DISTINCT job) FROM event WHERE kind = 'intent'"
            ).fetchone()
        return int(row[0])
