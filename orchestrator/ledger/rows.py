"""What one commit writes, as rows of a few statements (see ``store``)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from orchestrator.ledger import record
from orchestrator.model import Job, Phase, Progress, Verdict

AS_IT_WAS = -1.0
"""The time of an intent that stays what it is: its age decides what absence proves."""

_JOBS = """
INSERT INTO job(
  id, account, mode, phase, intended, created, callback, progress, updated, reserved)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6,
       value->>7, value->>8, value->>9
FROM json_each(?) WHERE true
ON CONFLICT(id) DO UPDATE SET phase = excluded.phase,
  intended = CASE WHEN excluded.intended < 0 THEN job.intended
             ELSE excluded.intended END,
  progress = excluded.progress, updated = excluded.updated,
  reserved = excluded.reserved
"""
_LINKS = """
INSERT OR IGNORE INTO job_document(job, position, document)
SELECT value->>0, value->>1, value->>2 FROM json_each(?)
"""
_TAKEN = """
UPDATE document SET job = taken.job FROM (
  SELECT value->>0 AS job, value->>2 AS id FROM json_each(?)
) AS taken WHERE document.id = taken.id AND document.state <> 'done'
  AND (document.job IS NULL OR document.job = taken.job)
"""
_KNOWN = """
UPDATE document SET state = 'open', failure = NULL, code = NULL FROM (
  SELECT value->>0 AS job, value->>2 AS id FROM json_each(?)
) AS known WHERE document.id = known.id AND document.job = known.job
  AND document.state = 'in_doubt'
"""
"""What became of the request is known by now: it is in flight, or was never sent."""
_SETTLED = """
UPDATE document SET
  state = CASE
    WHEN new.state = 'in_doubt' OR stale = 0 THEN new.state
    WHEN stale = 1 THEN 'open'
    WHEN stale = 2 AND new.state <> 'failed' THEN new.state
    ELSE 'gone' END,
  job = CASE WHEN stale & 1 AND new.state <> 'in_doubt' THEN NULL ELSE document.job END,
  spec = CASE WHEN stale & 1 AND new.state <> 'in_doubt' AND new.outputs IS NOT NULL
              AND document.spec->>'$.output' = new.output
         THEN json_set(document.spec, '$.overwrite', json('true'))
         ELSE document.spec END,
  outputs = CASE WHEN document.spec->>'$.output' <> new.output THEN NULL
            ELSE coalesce(new.outputs, document.outputs) END,
  failure = CASE WHEN stale & 1 AND new.state <> 'in_doubt' THEN NULL
            ELSE new.failure END,
  code = CASE WHEN stale & 1 AND new.state <> 'in_doubt' THEN NULL ELSE new.code END,
  made_by = new.made_by, updated = new.at,
  stale = CASE WHEN new.state = 'in_doubt' THEN stale ELSE 0 END
FROM (
  SELECT value->>0 AS id, value->>1 AS state, value->>2 AS outputs,
         value->>3 AS failure, value->>4 AS code, value->>5 AS made_by,
         value->>6 AS at, value->>7 AS output, value->>8 AS job
  FROM json_each(?)
) AS new WHERE document.id = new.id AND document.job = new.job
"""
"""``stale`` of a document in flight: 1 = edited since, 2 = removed, 3 = both."""
_EVENTS = """
INSERT INTO event(at, kind, account, job, document, detail)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5
FROM json_each(?)
"""
_TRUSTED = """
INSERT OR REPLACE INTO account(name, trusted)
SELECT value->>0, value->>1 FROM json_each(?)
"""
_HASHED = """
INSERT OR REPLACE INTO input(path, sha256)
SELECT value->>0, value->>1 FROM json_each(?)
"""
_WORDS = """
INSERT OR REPLACE INTO meta(key, value)
SELECT value->>0, value->>1 FROM json_each(?)
"""


@dataclass(slots=True)
class Rows:
    """What one call writes; the rows of many calls make one commit."""

    jobs: list[tuple[Any, ...]] = field(default_factory=list)
    links: list[tuple[Any, ...]] = field(default_factory=list)
    known: list[tuple[Any, ...]] = field(default_factory=list)
    settled: list[tuple[Any, ...]] = field(default_factory=list)
    hashed: list[tuple[Any, ...]] = field(default_factory=list)
    trusted: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    words: list[tuple[Any, ...]] = field(default_factory=list)

    def take(self, other: Rows) -> None:
        """Add the rows of another call."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))

    def write(self, connection: sqlite3.Connection) -> None:
        """Run at most one statement for each kind of row (links take two)."""
        for sql, rows in (
            (_JOBS, self.jobs),
            (_LINKS, self.links),
            (_TAKEN, self.links),
            (_HASHED, self.hashed),
            (_KNOWN, self.known),
            (_SETTLED, self.settled),
            (_TRUSTED, self.trusted),
            (_EVENTS, self.events),
            (_WORDS, self.words),
        ):
            if rows:
                connection.execute(sql, (record.text(rows),))


def links_of(job: Job) -> list[tuple[Any, ...]]:
    """The documents that wait for a job, in order."""
    return [(job.id, place, each.id) for place, each in job.own()]


def job_row(
    job: Job, progress: Progress, *, at: float, intended: float | None = None
) -> tuple[Any, ...]:
    """A job as it stands."""
    kept = record.durable(progress)
    return (
        job.id,
        job.account,
        job.mode,
        kept.phase,
        intended,
        job.created,
        # It holds the secret part of a path; a resume gives the job a new one.
        None,
        record.text(kept),
        at,
        job.reserved,
    )


def settled_row(job: Job, verdict: Verdict, at: float) -> tuple[Any, ...]:
    """How a document ended."""
    failure = verdict.failure
    return (
        verdict.document.id,
        verdict.state,
        record.text(verdict.outputs) if verdict.outputs else None,
        record.text(failure) if failure else None,
        failure.code if failure else None,
        verdict.made_by or None,
        at,
        verdict.document.output,
        job.id,
    )


def event_row(at: float, kind: str, job: Job, detail: str | Phase) -> tuple[Any, ...]:
    """Something that happened to a job."""
    document = job.documents[0].id if len(job.documents) == 1 else None
    return (at, kind, job.account, job.id, document, str(detail))
