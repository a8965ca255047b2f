"""Jobs at accounts or servers that the manifest does not have: nobody carries them.

Where each account is asked is on record before anything is sent. Another server knows
nothing of what was sent to the first, so that its "no such job" proves nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from orchestrator.ledger.words import word
from orchestrator.model import Stranded

SERVERS = "servers"
"""The word of the ledger under which it is noted where accounts are."""

_IN_FLIGHT = "SELECT DISTINCT account FROM job WHERE phase <> 'ended'"
_STRANDED = """
SELECT job.account, count(DISTINCT job.id), count(*)
FROM job JOIN job_document AS link ON link.job = job.id
JOIN document ON document.id = link.document AND document.job = job.id
WHERE job.phase <> 'ended' AND job.phase <> 'release'
AND document.state IN ('open', 'in_doubt', 'overdue')
AND job.account IN (SELECT value FROM json_each(?))
GROUP BY job.account ORDER BY job.account
"""


def servers(db: sqlite3.Connection) -> dict[str, str]:
    """Where each account is, as far as that is on record."""
    said = word(db, SERVERS)
    return dict(json.loads(said)) if said else {}


def adrift(db: sqlite3.Connection, here: Mapping[str, str]) -> list[str]:
    """Accounts with jobs in flight that are not here, or no longer where they were.

    Args:
        db: The ledger.
        here: Where the manifest has its accounts. What is not on record was there, too.
    """
    known = servers(db)
    return [
        name
        for (name,) in db.execute(_IN_FLIGHT)
        if name not in here or known.get(name, here[name]) != here[name]
    ]


def stranded(db: sqlite3.Connection, here: Mapping[str, str]) -> list[Stranded]:
    """Jobs that were left at other accounts or servers, with their documents."""
    names = adrift(db, here)
    if not names:
        return []
    known = servers(db)
    return [
        Stranded(name, jobs, documents, known.get(name, ""), here.get(name))
        for name, jobs, documents in db.execute(_STRANDED, (json.dumps(names),))
    ]
