"""Documents that wait at a provider, out of a ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from orchestrator.ledger import record
from orchestrator.plan.deadlines import Flight

_FLIGHTS = """
SELECT job.account, document.id, job.created, job.intended, job.progress
FROM {0}.job AS job
CROSS JOIN {0}.job_document AS link ON link.job = job.id
CROSS JOIN {0}.document AS document
  ON document.id = link.document AND document.job = job.id
WHERE job.phase <> 'ended' AND job.phase <> 'release'
AND document.state IN ('open', 'in_doubt', 'overdue', 'failed')
ORDER BY job.created
"""


def flights(db: sqlite3.Connection, schema: str = "main") -> Iterator[Flight]:
    """Every document whose job has not ended, the oldest first."""
    for account, document, created, intended, progress in db.execute(
        _FLIGHTS.format(schema)
    ):
        yield Flight(account, document, created, intended, record.progress(progress))
