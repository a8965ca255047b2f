"""Reading a ledger, also while a run holds it: status and export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.ledger import bill as bills, record
from orchestrator.ledger.attention import troubles
from orchestrator.ledger.bill import OF_DOCUMENT
from orchestrator.ledger.opening import connect, require
from orchestrator.ledger.stranded import stranded
from orchestrator.ledger.sums import UNSENT
from orchestrator.ledger.words import word
from orchestrator.model import (
    Document,
    Failure,
    Output,
    Reason,
    State,
    Stranded,
    Trouble,
)
from orchestrator.plan.deadlines import deadline, iso

COLUMNS = (
    "id",
    "state",
    "provider",
    "mode",
    "reason",
    "operation",
    "bytes",
    "output",
    "output_bytes",
    "sha256",
    "made_by",
    "job",
    "code",
    "message",
    "blame",
    "updated",
    "deadline",
    "units",
    "units_possible",
    "cost",
)
"""Columns of an export, in order; docs/ledger.md says what each holds."""

EXAMPLES = 3
"""Ids that are named for each reason."""
_ROWS = f"""
SELECT spec, state, outputs, failure, made_by, job, document.updated,
  {OF_DOCUMENT},
  job.id IS NOT NULL AND NOT {UNSENT},
  job.account, job.created, job.intended, job.progress
FROM document LEFT JOIN job ON job.id = document.job
  AND job.phase NOT IN ('release', 'ended')
  AND state IN ('open', 'in_doubt', 'overdue', 'failed')
"""  # noqa: S608  # a constant of the package


_CARRIED = """
job.phase = 'release' OR job.phase <> 'ended' AND EXISTS (
  SELECT 1 FROM job_document AS link JOIN document ON document.id = link.document
  WHERE link.job = job.id AND document.job = job.id AND document.state = 'open')
"""
_IN_FLIGHT = f"""
SELECT phase, count(*) FROM job WHERE phase <> 'ended' AND ({_CARRIED}) GROUP BY phase
"""  # noqa: S608  # the only insertion is a constant
_UNANSWERED = f"""
SELECT count(*) FROM job
WHERE phase <> 'ended' AND intended IS NOT NULL AND ({_CARRIED})
"""  # noqa: S608  # the only insertion is a constant
_SPENT = """
WITH spent AS (
  SELECT job.account AS account, min(document.spec->>'$.operation') AS operation,
    count(*) AS documents, job.progress->>'$.cost' AS cost
  FROM job JOIN job_document AS link ON link.job = job.id
  JOIN document ON document.id = link.document AND document.job = job.id
  WHERE document.state = 'done' OR job.progress->>'$.cost' > 0
  GROUP BY job.id
)
SELECT account, operation, count(*), sum(documents), sum(coalesce(cost, documents)),
  sum(CASE WHEN cost IS NULL THEN documents ELSE 0 END)
FROM spent GROUP BY account, operation ORDER BY account, operation
"""


def plain(value: Decimal) -> float:
    """A number for a column: at most six digits behind the point."""
    return float(round(value, 6))


@dataclass(frozen=True, slots=True)
class Spent:
    """What an account charged for a kind of work; ``guessed`` units were not told."""

    account: str
    operation: str
    jobs: int
    documents: int
    units: float
    guessed: float


@dataclass(frozen=True, slots=True)
class Row:
    """One document as the ledger knows it."""

    document: Document
    state: State
    outputs: tuple[Output, ...]
    failure: Failure | None
    made_by: str
    job: str | None
    updated: float | None
    deadline: float | None = None
    units: Decimal = Decimal(0)
    units_possible: Decimal = Decimal(0)
    price: Decimal | None = None
    is_sent: bool = False
    """Whether a job carries it that may have been billed."""

    def flat(self) -> dict[str, Any]:
        """The row of an export: one text or number for each of ``COLUMNS``."""
        document, failure = self.document, self.failure
        return {
            "id": document.id,
            "state": str(self.state),
            "provider": document.provider,
            "mode": str(document.mode),
            "reason": document.reason,
            "operation": str(document.operation),
            "bytes": document.size,
            "output": "\n".join(each.path for each in self.outputs),
            "output_bytes": sum(each.size for each in self.outputs),
            "sha256": "\n".join(each.sha256 for each in self.outputs),
            "made_by": self.made_by,
            "job": self.job,
            "code": failure.code if failure else None,
            "message": failure.message if failure else None,
            "blame": str(failure.blame) if failure else None,
            "updated": self.updated,
            "deadline": None if self.deadline is None else iso(self.deadline),
            "units": plain(self.units),
            "units_possible": plain(self.units_possible),
            "cost": None if self.price is None else plain(self.units * self.price),
        }


class View:
    """A ledger that is only read."""

    def __init__(self, path: Path) -> None:
        require(path)
        self._db = connect(path, readonly=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def states(self) -> dict[State, int]:
        """Number of documents in each state."""
        rows = self._db.execute(
            "SELECT state, sum(documents) FROM tally GROUP BY 1 HAVING sum(documents)"
        )
        return {State(state): count for state, count in rows}

    def reasons(self) -> list[Reason]:
        """What stands against documents, by state and code; the most first."""
        rows = self._db.execute(
            "SELECT state, code, count(*), failure FROM document "
            # The first condition is what the index is over.
            "WHERE state <> 'done' AND state NOT IN ('open', 'gone') "
            "GROUP BY state, code ORDER BY count(*) DESC"
        ).fetchall()
        return [
            Reason(
                State(state),
                code or "",
                count,
                self._examples(state, code),
                record.failure(failure) if failure else None,
            )
            for state, code, count, failure in rows
        ]

    def _examples(self, state: str, code: str | None) -> tuple[str, ...]:
        rows = self._db.execute(
            "SELECT id FROM document WHERE state <> 'done' AND state = ? AND code IS ? "
            "ORDER BY n LIMIT ?",
            (state, code, EXAMPLES),
        )
        return tuple(id_ for (id_,) in rows)

    def codes(self) -> list[str]:
        """What documents have failed with, also those that were edited since."""
        rows = self._db.execute(
            "SELECT DISTINCT code FROM document WHERE state <> 'done' "
            "AND state IN ('failed', 'open') AND code IS NOT NULL ORDER BY 1"
        )
        return [code for (code,) in rows]

    def troubles(self, state: State) -> Iterator[Trouble]:
        """Documents in a state, with all that is known of them."""
        return troubles(self._db, state)

    def units(self) -> list[Spent]:
        """What accounts charged so far, by kind of work.

        A job that was carried to its end and whose cost nobody told counts one unit for
        each of its documents.
        """
        rows = self._db.execute(_SPENT)
        return [Spent(*row) for row in rows]

    def bill(self) -> list[bills.Line]:
        """What accounts charged or may have charged; free ones are left out."""
        return bills.bill(self._db, self.terms().free)

    def terms(self) -> bills.Terms:
        """Prices and budget as the last run knew them."""
        return bills.terms(self._db)

    def stopped(self) -> dict[str, Failure]:
        """Why the last run stopped to start documents, by account."""
        said = word(self._db, "stopped")
        return record.failures(said) if said else {}

    def taken(self) -> Decimal:
        """What is taken of the budget, in its measure; 0 where there is none."""
        said = self.terms()
        rows = bills.committed(self._db, said.free) if said.limit is not None else ()
        return bills.taken(rows, said)

    def in_flight(self) -> dict[str, int]:
        """Number of jobs that carry open documents, or are to be deleted, by phase."""
        return dict(self._db.execute(_IN_FLIGHT).fetchall())

    def unanswered(self) -> int:
        """Those of them whose request left, and whose answer is not known yet."""
        row = self._db.execute(_UNANSWERED).fetchone()
        return int(row[0])

    def stranded(self, here: Mapping[str, str]) -> list[Stranded]:
        """Jobs that were left at other accounts or servers than these."""
        return stranded(self._db, here)

    def rows(
        self,
        *,
        state: State | None = None,
        retentions: Mapping[str, float] | None = None,
    ) -> Iterator[Row]:
        """Every document in the order of the manifest.

        ``retentions`` tells for how many seconds each account's provider keeps jobs;
        without it, deadlines are told of results alone.
        """
        where = "WHERE state = ?" if state else ""
        found = self._db.execute(
            f"{_ROWS} {where} ORDER BY n", (state,) if state else ()
        )
        kept, said = retentions or {}, self.terms()
        for spec, now, outputs, failure, made_by, job, updated, cost, *more in found:
            is_sent, *flight = more
            document = record.document(spec)
            is_free = document.provider in said.free
            told, possible = bills.of_document("[]" if is_free else cost)
            yield Row(
                document=document,
                state=State(now),
                outputs=record.outputs(outputs) if outputs else (),
                failure=record.failure(failure) if failure else None,
                made_by=made_by or "",
                job=job,
                updated=updated,
                deadline=_deadline(flight, kept),
                units=told,
                units_possible=possible,
                price=Decimal(0) if is_free else said.prices.get(document.provider),
                is_sent=bool(is_sent),
            )


def _deadline(flight: Sequence[Any], retentions: Mapping[str, float]) -> float | None:
    """When what waits at the provider is gone; of a job that has ended, ``None``."""
    account, created, intended, progress = flight
    if progress is None:
        return None
    return deadline(
        record.progress(progress),
        created=created,
        intended=intended,
        retention=retentions.get(account),
    )
