"""Sums that a ledger keeps of itself, so that nobody has to count its rows.

Theory of operation
-------------------
``tally`` counts documents; triggers carry it along with each row, in its transaction.

What jobs cost depends on rows of four tables. Jobs that have ended are summed up: what
they say of money (the views ``charge`` and ``commitment``) is in ``charged`` and
``committed``; the others are few, and looked at whenever somebody asks. A trigger takes
a job out before any change of what those views read, with exactly what it was summed up
with, since nothing has changed yet; another one sums it up again after the change. So
the sums and the jobs in flight together are the rows at every moment, whoever writes
them, and however a process ends.
"""

from __future__ import annotations

UNSENT = """(job.phase IN ('submit', 'upload', 'execute') AND job.intended IS NULL)"""
"""A job for which nothing that may cost money has happened so far."""

COST = "max(0, job.progress->>'$.cost')"
_UNTOLD = f"coalesce({COST}, '')"
"""Keys of a sum cannot be null: what nobody told is an empty text."""
_ODD = f"(job.reserved = 0 OR {COST} > job.reserved)"
"""Only of these jobs it matters what they were for: the others are as declared."""
_DOCUMENTS = "(SELECT count(*) FROM job_document AS other WHERE other.job = job.id)"

_TABLES = """
CREATE TABLE tally(
  state TEXT NOT NULL,
  account TEXT NOT NULL,
  mode TEXT NOT NULL,
  documents INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(state, account, mode)
) WITHOUT ROWID;

CREATE TABLE charged(
  account TEXT NOT NULL,
  operation TEXT NOT NULL,
  fate TEXT NOT NULL,
  n INTEGER NOT NULL,
  cost NOT NULL,
  reserved REAL NOT NULL,
  is_current INTEGER NOT NULL,
  documents INTEGER NOT NULL,
  PRIMARY KEY(account, operation, fate, n, cost, reserved, is_current)
) WITHOUT ROWID;

CREATE TABLE committed(
  account TEXT NOT NULL,
  operation TEXT NOT NULL,
  n INTEGER NOT NULL,
  cost NOT NULL,
  reserved REAL NOT NULL,
  jobs INTEGER NOT NULL,
  PRIMARY KEY(account, operation, n, cost, reserved)
) WITHOUT ROWID;
"""
_VIEWS = f"""
CREATE VIEW charge AS
SELECT job.id AS job, job.phase AS phase, job.account AS account,
  coalesce(document.spec->>'$.operation', '') AS operation,
  CASE
    WHEN document.job = job.id AND document.state IN ('done', 'missing')
      THEN 'spent'
    WHEN document.job = job.id AND document.state = 'in_doubt' THEN 'possible'
    WHEN document.job = job.id AND job.phase <> 'ended'
      AND document.state IN ('open', 'overdue') THEN 'reserved'
    WHEN job.intended IS NOT NULL THEN 'possible'
    WHEN document.job IS NOT job.id AND EXISTS (
      SELECT 1 FROM event WHERE event.job = job.id
      AND event.document = document.id AND event.kind = 'done') THEN 'spent'
    ELSE 'wasted' END AS fate,
  {_DOCUMENTS} AS n, {_UNTOLD} AS cost, job.reserved AS reserved,
  document.job IS job.id AS is_current
FROM job JOIN job_document AS link ON link.job = job.id
JOIN document ON document.id = link.document
WHERE NOT {UNSENT};

CREATE VIEW commitment AS
SELECT job.id AS job, job.phase AS phase, job.account AS account,
  CASE WHEN {_ODD} THEN coalesce((
    SELECT min(coalesce(link.spec, document.spec)->>'$.operation')
    FROM job_document AS link JOIN document ON document.id = link.document
    WHERE link.job = job.id), '') ELSE '' END AS operation,
  CASE WHEN {_ODD} THEN {_DOCUMENTS} ELSE 1 END AS n,
  {_UNTOLD} AS cost, job.reserved AS reserved
FROM job WHERE NOT {UNSENT};
"""  # noqa: S608  # constants of this module

CHARGED = "account, operation, fate, n, cost, reserved, is_current"
COMMITTED = "account, operation, n, cost, reserved"


def _add(sign: str, which: str) -> str:
    """Add what jobs say of money to the sums, or take it off."""
    return f"""
INSERT INTO charged({CHARGED}, documents)
SELECT {CHARGED}, {sign}1 FROM charge WHERE {which}
ON CONFLICT DO UPDATE SET documents = documents + excluded.documents;
INSERT INTO committed({COMMITTED}, jobs)
SELECT {COMMITTED}, {sign}1 FROM commitment WHERE {which}
ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs;
"""  # noqa: S608


_ENDED_OF = """
SELECT link.job FROM job_document AS link JOIN job ON job.id = link.job
WHERE link.document = OLD.id AND job.phase = 'ended'
"""


def _counted(row: str, sign: str) -> str:
    return f"""
INSERT INTO tally(state, account, mode, documents, bytes)
VALUES({row}.state, {row}.account, {row}.mode, {sign}1, {sign}{row}.size)
ON CONFLICT DO UPDATE SET documents = documents + excluded.documents,
  bytes = bytes + excluded.bytes;
"""


_TALLIED = f"""
CREATE TRIGGER tally_insert AFTER INSERT ON document
BEGIN {_counted("NEW", "")} END;

CREATE TRIGGER tally_update AFTER UPDATE OF state, account, mode, size ON document
WHEN OLD.state <> NEW.state OR OLD.account <> NEW.account OR OLD.mode <> NEW.mode
  OR OLD.size <> NEW.size
BEGIN {_counted("OLD", "-")} {_counted("NEW", "")} END;

CREATE TRIGGER tally_delete AFTER DELETE ON document
BEGIN {_counted("OLD", "-")} END;
"""
_OF_DOCUMENT = f"""
UPDATE OF state, job, spec ON document
WHEN (OLD.state <> NEW.state OR OLD.job IS NOT NEW.job
  OR OLD.spec->>'$.operation' IS NOT NEW.spec->>'$.operation')
  AND EXISTS ({_ENDED_OF})
"""
_SUMMED = f"""
CREATE TRIGGER sum_new_job AFTER INSERT ON job WHEN NEW.phase = 'ended'
BEGIN {_add("", "job = NEW.id")} END;

CREATE TRIGGER sum_job_before BEFORE UPDATE ON job WHEN OLD.phase = 'ended'
BEGIN {_add("-", "job = OLD.id")} END;

CREATE TRIGGER sum_job_after AFTER UPDATE ON job WHEN NEW.phase = 'ended'
BEGIN {_add("", "job = NEW.id")} END;

CREATE TRIGGER sum_document_before BEFORE {_OF_DOCUMENT}
BEGIN {_add("-", f"job IN ({_ENDED_OF})")} END;

CREATE TRIGGER sum_document_after AFTER {_OF_DOCUMENT}
BEGIN {_add("", f"job IN ({_ENDED_OF})")} END;
"""
"""Links and events need none: a job that has ended gets no more of them."""
SUMS = f"{_TABLES}{_VIEWS}{_TALLIED}{_SUMMED}"
"""All of it, for a ledger that is new."""

BEGIN = f"""
INSERT INTO tally(state, account, mode, documents, bytes)
SELECT state, account, mode, count(*), sum(size) FROM document GROUP BY 1, 2, 3;
INSERT INTO charged({CHARGED}, documents)
SELECT {CHARGED}, count(*) FROM charge WHERE phase = 'ended' GROUP BY {CHARGED};
INSERT INTO committed({COMMITTED}, jobs)
SELECT {COMMITTED}, count(*) FROM commitment WHERE phase = 'ended'
GROUP BY {COMMITTED};
"""  # noqa: S608
"""Sums up what a ledger of an older version holds; after ``SUMS``."""
