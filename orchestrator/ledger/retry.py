"""Documents that a retry asks for anew: which they are, and when they are opened.

Theory of operation
-------------------
A document that failed, or whose output is missing, stays so with its reason until a job
is made for it: the commit that writes the job's first row opens it (``rows``). So what
a run does not get to, however it ends, is as it was before. Only results that are paid
for and wait at the provider are opened at once: a job carries them already.

What a document had failed with stays beside it (``code``) while it is open: because a
job of the retry was not sent in the end, or because it was edited. So the same retry
finds it once more.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ledger import record
from orchestrator.ledger.opening import connect
from orchestrator.ledger.schema import NOW
from orchestrator.ledger.sums import UNSENT
from orchestrator.model import Operation, Output, State

_FAILED = """document.state IN ('failed', 'open') AND document.code IS NOT NULL
  AND document.code = coalesce(?, document.code)"""
_IS_CARRIED = """EXISTS (SELECT 1 FROM {0}job AS live WHERE live.id = document.job
  AND live.phase NOT IN ('release', 'ended'))"""
_TODO = f"""
SELECT document.account, document.mode, count(*), sum(document.size), document.id,
  max(document.size)
FROM new JOIN ledger.document AS document ON document.id = new.id
LEFT JOIN ledger.job AS job ON job.id = document.job
WHERE document.state <> 'done' AND (document.state IN ('in_doubt', 'overdue')
  OR document.state = 'open' AND job.id IS NOT NULL AND NOT {UNSENT} OR {{0}})
GROUP BY 1, 2 ORDER BY 1, instr('sync async presigned', document.mode)
"""  # noqa: S608  # constants
_UNSENT_TODO = """
SELECT document.account, document.spec->>'$.operation', count(*)
FROM ledger.document AS document
WHERE document.state <> 'done' AND {0} AND NOT {1} GROUP BY 1, 2
"""


CHOSEN = """(
  SELECT chosen.account, chosen.large, chosen.priority, chosen.n, document.spec
  FROM temp.retried AS chosen CROSS JOIN document USING(key))"""
"""What was chosen (see ``Retry.choose``), with what a page needs."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Which documents are asked for anew.

    Attributes:
        states: In these states: failed, missing or lost.
        code: Of failed ones, only those that failed with this code.
    """

    states: frozenset[State]
    code: str | None = None

    @property
    def bound(self) -> tuple[str | None, ...]:
        """What the marks of ``chosen`` stand for."""
        return (self.code,) if State.FAILED in self.states else ()

    @property
    def chosen(self) -> str:
        """SQL: whether a row of ``document`` is meant; never null."""
        terms = [
            _FAILED if each is State.FAILED else f"document.state = '{each}'"
            for each in sorted(self.states)
        ]
        return f"({' OR '.join(f'({term})' for term in terms)})"

    def choose(self, db: sqlite3.Connection) -> None:
        """Choose what is to be sent, into a table of a connection that only reads.

        Once for a run: to sort a million of them for each page takes hours.
        """
        db.execute("DROP TABLE IF EXISTS temp.retried")
        db.execute(
            "CREATE TEMP TABLE retried AS "  # noqa: S608  # constants
            "SELECT key, account, large, priority, n FROM document "
            f"WHERE state <> 'done' AND {self.chosen} "
            f"AND NOT {_IS_CARRIED.format('')}",
            self.bound,
        )
        db.execute(
            "CREATE INDEX temp.retried_order "
            "ON retried(account, large, priority DESC, n)"
        )

    @property
    def todo(self) -> str:
        """SQL over a stage: what a run carries, by account and mode."""
        return _TODO.format(self.chosen)

    def unsent(self, db: sqlite3.Connection) -> list[tuple[str, Operation, int]]:
        """Documents of a stage that are to be sent, by account and operation."""
        query = _UNSENT_TODO.format(self.chosen, _IS_CARRIED.format("ledger."))
        rows = db.execute(query, self.bound)
        return [(account, Operation(what), count) for account, what, count in rows]


def reopen(path: Path, retry: Retry) -> int:
    """Open documents whose results are paid for and can be fetched; see above.

    Of those that are missing, what is left of our own outputs may be replaced.

    Returns:
        How many documents were opened.
    """
    where = f"document.state <> 'open' AND {retry.chosen} AND {_IS_CARRIED.format('')}"
    with closing(connect(path)) as connection:
        if State.MISSING in retry.states:
            _free_names(connection)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO event(at, kind, account, job, document, detail) "  # noqa: S608  # constants
            f"SELECT {NOW}, 'reopened', account, job, id, state FROM document "
            f"WHERE {where}",
            retry.bound,
        )
        cursor = connection.execute(
            "UPDATE document SET state = 'open', failure = NULL, "  # noqa: S608
            f"code = CASE state WHEN 'failed' THEN code END WHERE {where}",
            retry.bound,
        )
        connection.execute("COMMIT")
        return cursor.rowcount


def _free_names(connection: sqlite3.Connection) -> None:
    """Let what is left of our own outputs be replaced, where nobody changed it."""
    rows = connection.execute(
        "SELECT id, outputs FROM document WHERE state = ? AND outputs IS NOT NULL",
        (State.MISSING,),
    )
    ours = [(id_,) for id_, kept in rows if all(map(is_ours, record.outputs(kept)))]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "UPDATE document SET spec = json_set(spec, '$.overwrite', json('true')) "
        "WHERE id = ?",
        ours,
    )
    connection.execute("COMMIT")


def is_ours(output: Output) -> bool:
    """Whether nothing is under the name of an output, or exactly that output."""
    try:
        with Path(output.path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return found == output.sha256
