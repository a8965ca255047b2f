"""Whether the outputs of documents that are done are still there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from orchestrator.ledger import record
from orchestrator.ledger.opening import connect
from orchestrator.model import State

PAGE = 1000

Turned = tuple[State, int, State]
"""What a document turns into, its key in the ledger, and what it was until now."""
TURN = """
UPDATE document SET state = turned.state FROM (
  SELECT value->>0 AS state, value->>1 AS key, value->>2 AS before FROM json_each({})
) AS turned WHERE document.key = turned.key AND document.state = turned.before
"""
"""With what stands for the rows, as JSON, in place of the braces."""
_ENDED = """
SELECT key, state, outputs FROM document
WHERE key > ? AND state IN ('done', 'missing') ORDER BY key LIMIT ?
"""


def turned(path: Path) -> Iterator[Sequence[Turned]]:
    """Documents that are done and whose output is gone or has another size, in pages.

    And those that were missing, and whose outputs are back, with the disk that they lie
    on. Memory is flat, and a page may be empty.
    """
    after = 0
    with closing(connect(path, readonly=True)) as db:
        while rows := db.execute(_ENDED, (after, PAGE)).fetchall():
            after = rows[-1][0]
            yield [
                (State.DONE if state == State.MISSING else State.MISSING, key, state)
                for key, state, outputs in rows
                if _are_there(outputs) is (state == State.MISSING)
            ]


def look(
    path: Path, tell: Callable[[Sequence[Turned]], None], stopped: Callable[[], bool]
) -> None:
    """Look for every output, and tell of documents that turned; ends early if asked."""
    for page in turned(path):
        if page:
            tell(page)
        if stopped():
            return


def mark_missing(path: Path) -> int:
    """Mark documents whose outputs are gone, and those whose outputs are back.

    Returns:
        How many were done until now.
    """
    gone = 0
    with closing(connect(path)) as db:

        def write(page: Sequence[Turned]) -> None:
            nonlocal gone
            gone += sum(state is State.MISSING for state, *_ in page)
            db.execute(TURN.format("?"), (record.text(page),))

        look(path, write, lambda: False)
    return gone


def _are_there(outputs: str | None) -> bool:
    for each in record.outputs(outputs) if outputs else ():
        try:
            if os.stat(each.path).st_size != each.size:  # noqa: PTH116  # a million of them
                return False
        except OSError:
            return False
    return True
