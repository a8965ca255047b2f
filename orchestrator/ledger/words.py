"""Words about the batch itself: how they are read out of any ledger."""

from __future__ import annotations

import sqlite3


def word(db: sqlite3.Connection, key: str) -> str | None:
    """A word about the batch, as it was written last."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])
