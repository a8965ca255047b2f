"""Whether the outputs of documents that are done are still there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from orchestrator.ledger import record
from orchestrator.ledger.opening import connect
from orchestrator.model import Blame, Failure, Remedy, State

PAGE = 1000
_GONE, _SIZE, _UNREADABLE = (
    Failure(code, words, Blame.MACHINE, Remedy.FAIL)
    for code, words in (
        ("output_gone", "there is no file under its name"),
        ("output_size", "the file has another size than the one that was written"),
        ("output_unreadable", "its folder cannot be read"),
    )
)
"""The codes are those of a proof."""

Turned = tuple[State, int, State, str | None, str | None]
"""What a document turns into, its key in the ledger, what it was until now, and why: a
code, and a failure as text."""
TURN = """
UPDATE document SET state = turned.state, code = turned.code, failure = turned.failure
FROM (
  SELECT value->>0 AS state, value->>1 AS key, value->>2 AS before,
    value->>3 AS code, value->>4 AS failure FROM json_each({})
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
                found
                for key, state, outputs in rows
                if (found := _turned(key, State(state), outputs)) is not None
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


def _turned(key: int, state: State, outputs: str | None) -> Turned | None:
    """What became of a document, if anything did."""
    why = _lacks(outputs)
    if (why is None) is (state is State.DONE):
        return None
    if why is None:
        return State.DONE, key, state, None, None
    return State.MISSING, key, state, why.code, record.text(why)


def _lacks(outputs: str | None) -> Failure | None:
    """What is not as it was written, of the outputs of a document."""
    for each in record.outputs(outputs) if outputs else ():
        try:
            if os.stat(each.path).st_size != each.size:  # noqa: PTH116  # a million of them
                return _SIZE
        except (FileNotFoundError, NotADirectoryError):
            return _GONE
        except OSError:
            return _UNREADABLE
    return None
