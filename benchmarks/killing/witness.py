"""What the service billed, document by document, told by the service alone.

A trigger in the service's own database keeps the names of files that jobs are made of,
also of jobs that are deleted later. Nothing here asks the client or its ledger.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

_TRIGGERS = """
CREATE TABLE IF NOT EXISTS witness(job TEXT NOT NULL, said TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS witness_input AFTER INSERT ON input BEGIN
  INSERT INTO witness SELECT id, new.name FROM job WHERE n = new.job;
END;
CREATE TRIGGER IF NOT EXISTS witness_job AFTER INSERT ON job BEGIN
  INSERT INTO witness VALUES (new.id, CAST(new.extra AS TEXT));
END;
"""
_ID = re.compile(r"(?<![0-9a-z])d[0-9]{6}(?![0-9a-z])")


def place(data: Path) -> None:
    """Have the service's database remember names from now on."""
    with closing(sqlite3.connect(data / "service.sqlite", timeout=30)) as db:
        db.executescript(_TRIGGERS)


def bill_of(data: Path) -> tuple[Counter[str], int]:
    """How often each document was billed, and lines that name no document."""
    with closing(sqlite3.connect(data / "service.sqlite", timeout=30)) as db:
        said: dict[str, set[str]] = {}
        for job, text in db.execute("SELECT job, said FROM witness"):
            said.setdefault(job, set()).update(_ID.findall(text))
        billed = db.execute("SELECT job FROM bill WHERE kind = 'accepted'").fetchall()
    bill: Counter[str] = Counter()
    for (job,) in billed:
        bill.update(said.get(job) or {"?"})
    return bill, bill.pop("?", 0)
