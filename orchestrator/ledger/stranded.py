"""Jobs at accounts that the manifest no longer has: nobody carries them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

_STRANDED = """
SELECT job.account, count(DISTINCT job.id), count(*)
FROM job JOIN job_document AS link ON link.job = job.id
JOIN document ON document.id = link.document AND document.job = job.id
WHERE job.phase <> 'ended' AND job.phase <> 'release'
AND document.state IN ('open', 'in_doubt', 'overdue')
AND job.account NOT IN (SELECT value FROM json_each(?))
GROUP BY job.account ORDER BY job.account
"""


@dataclass(frozen=True, slots=True)
class Stranded:
    """What was left at one account that is not in the manifest."""

    account: str
    jobs: int
    documents: int


def stranded(db: sqlite3.Connection, accounts: Collection[str]) -> list[Stranded]:
    """Jobs that were left at other accounts than these, with their documents."""
    rows = db.execute(_STRANDED, (json.dumps(sorted(accounts)),))
    return [Stranded(*row) for row in rows]
