"""The tables of the ledger (docs/ledger.md explains each column to users)."""

from __future__ import annotations

import re

from orchestrator.ledger.sums import SUMS

VERSION = 3

NOW = "(julianday('now') - 2440587.5) * 86400.0"
"""Seconds since the epoch, for events that a statement writes about many documents."""

_ROWS = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE document(
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  n INTEGER NOT NULL,
  account TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open',
  job TEXT,
  mode TEXT NOT NULL,
  large INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  size INTEGER NOT NULL,
  request_hash TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  spec TEXT NOT NULL,
  stale INTEGER NOT NULL DEFAULT 0,
  outputs TEXT,
  failure TEXT,
  code TEXT,
  made_by TEXT,
  updated REAL
);
CREATE INDEX document_open ON document(account, large, priority DESC, n)
  WHERE state = 'open' AND job IS NULL;
CREATE INDEX document_state ON document(state, n) WHERE state <> 'done';

CREATE TABLE job(
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  mode TEXT NOT NULL,
  phase TEXT NOT NULL,
  intended REAL,
  created REAL NOT NULL,
  callback TEXT,
  progress TEXT NOT NULL,
  updated REAL NOT NULL,
  reserved REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX job_open ON job(account, created) WHERE phase <> 'ended';

CREATE TABLE job_document(
  job TEXT NOT NULL,
  position INTEGER NOT NULL,
  document TEXT NOT NULL,
  spec TEXT,
  PRIMARY KEY(job, position)
) WITHOUT ROWID;
CREATE INDEX job_document_document ON job_document(document);

CREATE TABLE event(
  key INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  account TEXT,
  job TEXT,
  document TEXT,
  detail TEXT
);
CREATE INDEX event_job ON event(job);

CREATE TABLE input(path TEXT PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE account(
  name TEXT PRIMARY KEY,
  trusted REAL
) WITHOUT ROWID;
"""
TABLES = _ROWS + SUMS
"""Everything that a new ledger is made of."""


def tables_in(schema: str) -> str:
    """The statements that make all of it in an attached database."""
    return re.sub(r"\b(CREATE (?:TABLE|INDEX|VIEW|TRIGGER)) ", rf"\1 {schema}.", TABLES)
