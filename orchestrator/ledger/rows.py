"""What one commit writes, as rows of one statement (see ``prepare``)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from orchestrator.ledger import record
from orchestrator.ledger.missing import TURN
from orchestrator.ledger.schema import NOW
from orchestrator.model import Job, Phase, Progress, Verdict

AS_IT_WAS = -1.0
"""The time of an intent that stays what it is: its age decides what absence proves."""

_JOBS = """
INSERT INTO job(
  id, account, mode, phase, intended, created, callback, progress, updated, reserved)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6,
       value->>7, value->>8, value->>9
FROM json_each(new.jobs) WHERE true
ON CONFLICT(id) DO UPDATE SET phase = excluded.phase,
  intended = CASE WHEN excluded.intended < 0 THEN job.intended
             ELSE excluded.intended END,
  progress = excluded.progress, updated = excluded.updated,
  reserved = excluded.reserved
"""
_LINKS = """
INSERT INTO job_document(job, position, document)
SELECT value->>0, value->>1, value->>2 FROM json_each(new.links) WHERE true
ON CONFLICT DO NOTHING
"""
_IS_NEW = """
document.id = taken.id AND document.state IN ('failed', 'missing', 'lost')
AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = taken.job)
"""
_REOPENED = f"""
INSERT INTO event(at, kind, account, job, document, detail)
SELECT {NOW}, 'reopened', document.account, document.job, document.id, document.state
FROM (SELECT value->>0 AS job, value->>2 AS id FROM json_each(new.links)) AS taken
JOIN document ON {_IS_NEW}
"""  # noqa: S608  # constants
_OPENED = f"""
UPDATE document SET state = 'open', failure = NULL, job = taken.job,
  code = CASE state WHEN 'failed' THEN code END FROM (
  SELECT value->>0 AS job, value->>2 AS id FROM json_each(new.links)
) AS taken WHERE {_IS_NEW}
"""  # noqa: S608
"""A job that is new takes documents of a retry, which were as they were until now."""
_TAKEN = """
UPDATE document SET job = taken.job FROM (
  SELECT value->>0 AS job, value->>2 AS id FROM json_each(new.links)
) AS taken WHERE document.id = taken.id AND document.state <> 'done'
  AND document.job IS NULL
"""
_KNOWN = """
UPDATE document SET state = 'open', failure = NULL, code = NULL FROM (
  SELECT value->>0 AS job, value->>2 AS id FROM json_each(new.known)
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
  FROM json_each(new.settled)
) AS new WHERE document.id = new.id AND document.job = new.job
"""
"""``stale`` of a document in flight: 1 = edited since, 2 = removed, 3 = both."""
_EVENTS = """
INSERT INTO event(at, kind, account, job, document, detail)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5
FROM json_each(new.events)
"""
_TRUSTED = """
INSERT OR REPLACE INTO account(name, trusted)
SELECT value->>0, value->>1 FROM json_each(new.trusted)
"""
_HASHED = """
INSERT OR REPLACE INTO input(path, sha256)
SELECT value->>0, value->>1 FROM json_each(new.hashed)
"""
_WORDS = """
INSERT OR REPLACE INTO meta(key, value)
SELECT value->>0, value->>1 FROM json_each(new.words)
"""


_KINDS = (
    "jobs",
    "links",
    "known",
    "settled",
    "hashed",
    "trusted",
    "events",
    "words",
    "turned",
)
_STATEMENTS = (
    _LINKS,
    _REOPENED,
    _OPENED,
    _TAKEN,
    _HASHED,
    _KNOWN,
    _SETTLED,
    _TRUSTED,
    _EVENTS,
    _WORDS,
    TURN.format("new.turned"),
    _JOBS,
)
"""Jobs come last: one that ends is summed up then, with its documents as they are."""
_PREPARE = f"""
CREATE TEMP VIEW commits AS
SELECT {", ".join(f"NULL AS {each}" for each in _KINDS)};
CREATE TEMP TRIGGER commits_written INSTEAD OF INSERT ON commits BEGIN
{"".join(f"{each};" for each in _STATEMENTS)}
END;
"""
_MARKS = ", ".join("?" * len(_KINDS))
_WRITE = f"INSERT INTO temp.commits VALUES ({_MARKS})"  # noqa: S608  # only marks


def prepare(connection: sqlite3.Connection) -> None:
    """Make ready for ``Rows.write``.

    A view that nobody reads has a trigger that writes all that a commit consists of. So
    a commit is one call, in which SQLite holds no interpreter lock from its first
    statement to the end of its fsync: one that comes back to Python for each statement
    waits for the lock each time.
    """
    connection.executescript(_PREPARE)


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
    turned: list[tuple[Any, ...]] = field(default_factory=list)

    def take(self, other: Rows) -> None:
        """Add the rows of another call."""
        for kind in _KINDS:
            if more := getattr(other, kind):
                getattr(self, kind).extend(more)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write all of it, as one statement and so as one commit; see ``prepare``."""
        kinds = (getattr(self, kind) for kind in _KINDS)
        bound = tuple(record.text(rows) if rows else None for rows in kinds)
        connection.execute(_WRITE, bound)


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
