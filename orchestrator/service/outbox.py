"""Webhooks that still have to be delivered, durable beside the jobs."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass

from orchestrator.service.database import Database


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook on its way; ``due`` in seconds since the epoch.

    ``dialect`` is the API that it speaks for, and so says what signs it.
    """

    id: str
    url: str
    body: bytes
    due: float
    tries: int = 0
    dialect: str = "native"


def post(db: sqlite3.Connection, delivery: Delivery) -> None:
    """Put a webhook in, inside the change that it tells of."""
    db.execute(
        "INSERT INTO delivery (id, url, body, due, tries, dialect)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        astuple(delivery),
    )


class Outbox:
    """What is still to be delivered, and when."""

    def __init__(self, base: Database) -> None:
        self._base = base

    def due(self, now: float, limit: int = 16) -> list[Delivery]:
        """Webhooks to be sent now, the longest overdue first."""
        rows = self._base.reader.execute(
            "SELECT id, url, body, due, tries, dialect FROM delivery WHERE due <= ?"
            " ORDER BY due LIMIT ?",
            (now, limit),
        )
        return [Delivery(*row) for row in rows]

    def next_due(self) -> float | None:
        """When the next webhook is due, if there is one."""
        query = "SELECT min(due) FROM delivery"
        due: float | None = self._base.reader.execute(query).fetchone()[0]
        return due

    async def remove(self, delivery_id: str) -> None:
        """Forget a webhook: it was taken, or is given up."""

        def change(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM delivery WHERE id = ?", (delivery_id,))

        await self._base.write(change)

    async def postpone(self, delivery_id: str, due: float) -> None:
        """Try a webhook again later."""

        def change(db: sqlite3.Connection) -> None:
            db.execute(
                "UPDATE delivery SET tries = tries + 1, due = ? WHERE id = ?",
                (due, delivery_id),
            )

        await self._base.write(change)
