"""Documents that need eyes, each with all that the ledger knows of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from orchestrator.ledger import record
from orchestrator.model import Mode, Phase, State, Trouble

STATES = (State.IN_DOUBT, State.OVERDUE, State.LOST, State.MISSING, State.FAILED)
"""In this order: what may cost money comes first."""

_TROUBLES = """
SELECT document.spec, document.state, document.failure, document.account, job.id,
  coalesce(job.mode, document.mode), job.phase, job.intended, job.created,
  job.progress,
  (SELECT count(*) FROM job_document AS link WHERE link.job = job.id),
  (SELECT count(*) FROM event WHERE event.job = job.id
   AND event.document = document.id AND event.kind = document.state),
  (SELECT max(event.at) FROM event WHERE event.job = job.id
   AND event.document = document.id AND event.kind = document.state)
FROM document LEFT JOIN job ON job.id = document.job
WHERE document.state = ? ORDER BY document.n
"""


def troubles(connection: sqlite3.Connection, state: State) -> Iterator[Trouble]:
    """Documents in a state, in the order of the manifest."""
    for row in connection.execute(_TROUBLES, (state,)):
        yield _trouble(row)


def _trouble(row: tuple[Any, ...]) -> Trouble:
    spec, state, failure, account, job, mode, phase, intended, *more = row
    created, progress, documents, runs, last = more
    stood = record.progress(progress) if progress else None
    cost = stood.cost if stood else None
    share = 1.0 if cost is None else cost / max(1, documents)
    return Trouble(
        document=record.document(spec),
        state=State(state),
        failure=record.failure(failure) if failure else None,
        account=account,
        mode=Mode(mode),
        job=job,
        phase=Phase(phase) if phase else None,
        handle=record.unsigned(stood.handle) if stood else None,
        intended=intended,
        created=created,
        units=share if job else 0.0,
        guessed=cost is None,
        runs=runs,
        last=last,
    )
