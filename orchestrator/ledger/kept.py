"""A manifest that is in its ledger already, as its last merge left it.

Where nothing has changed since, there is nothing to stage, to compare or to merge: the
ledger's own documents are the stage. What tells that nothing has changed is a note that
is written with the merge itself, so it never speaks of another one.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from orchestrator.ledger.opening import telling, uri
from orchestrator.ledger.stage import NOTE, Diff, Share, Stage
from orchestrator.ledger.sums import UNSENT
from orchestrator.model import Operation

_NEW = """
CREATE TEMP VIEW new AS
SELECT id, n, account, mode, large, priority, size, request_hash, fingerprint, spec,
  'same' AS fate
FROM ledger.document WHERE state <> 'gone'
"""
_TODO = """
SELECT account, mode, count(*), sum(size), id, max(size) FROM ledger.document
WHERE state <> 'done' AND state IN ('open', 'in_doubt', 'overdue')
GROUP BY account, mode
ORDER BY account, instr('sync async presigned', mode)
"""
_STATES = """
SELECT state, sum(documents) FROM ledger.tally WHERE state <> 'gone'
GROUP BY 1 HAVING sum(documents) > 0
"""
_UNSENT = f"""
SELECT document.account, document.spec->>'$.operation', count(*)
FROM ledger.document AS document LEFT JOIN ledger.job AS job ON job.id = document.job
WHERE state <> 'done' AND state IN ('open', 'in_doubt', 'overdue')
  AND (job.id IS NULL OR {UNSENT}) GROUP BY 1, 2
"""  # noqa: S608  # a constant of the package


class Kept(Stage):
    """The documents of a ledger, in the place of those of a manifest.

    Args:
        ledger: One that is there.

    Raises:
        MachineError: it is damaged, or cannot be opened.
    """

    def __init__(self, ledger: Path) -> None:
        super().__init__(ledger)
        self._view()

    def _view(self) -> None:
        with telling(self._path):
            self._db.execute("DROP TABLE new")
            self._db.execute(_NEW)

    @property
    def note(self) -> str | None:
        """What was noted with the last merge."""
        query = "SELECT value FROM ledger.meta WHERE key = ?"
        row = self._db.execute(query, (NOTE,)).fetchone()
        return str(row[0]) if row else None

    def compare(self) -> Diff:
        """Everything is the same."""
        states = self.states()
        documents = sum(states.values())
        return Diff(documents, 0, 0, documents, 0, states)

    def states(self) -> dict[str, int]:
        """Documents of the manifest by their state in the ledger."""
        return dict(self._db.execute(_STATES))

    def unsent(self) -> list[tuple[str, Operation, int]]:
        """Documents that have to be sent yet, by account and operation."""
        if self.retry is not None:
            return self.retry.unsent(self._db)
        rows = self._db.execute(_UNSENT)
        return [(account, Operation(what), count) for account, what, count in rows]

    def shares(self) -> list[Share]:
        """What is to be done, by account and mode."""
        return self._shares(_TODO)

    def again(
        self,
        free: Collection[str],  # noqa: ARG002  # nothing is billed again
        *,
        most: int = 10,  # noqa: ARG002
    ) -> tuple[int, list[str]]:
        """Nothing has changed."""
        return 0, []

    def merge(self, note: str | None = None) -> None:  # noqa: ARG002  # it has one
        """Nothing is to be merged, but a run begins.

        Whoever closes a ledger last empties its log, and may not be a mere reader.
        """
        with telling(self._path):
            if self._db.in_transaction:
                self._db.execute("COMMIT")
            self._db.execute("DETACH ledger")
            self._db.execute("ATTACH ? AS ledger", (uri(self._path, "rw"),))
