"""Hands what is to be written to the thread that commits: a group at a time.

Theory of operation
-------------------
The loop gathers. What was asked for while a commit runs is the next commit (group
commit without a timer), and while none runs, what one turn of the loop asks for. So the
thread is woken once for each commit, and the loop once by its end: each wake-up costs
as much as the rows of several documents.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from orchestrator.ledger.rows import Rows

SOON = 0.5
"""Seconds after which what nobody waits for gets a commit of its own."""

Commit = Callable[[Sequence[Rows]], Exception | None]
"""Writes rows as one commit; says what went wrong, and never raises."""
_Entry = tuple[Rows, "asyncio.Future[None] | None"]


class Writer(Protocol):
    """Writes groups of rows in the order in which they came."""

    def put(self, rows: Rows) -> asyncio.Future[None]:
        """Write; done once it is on disk. What is cancelled is written all the same."""
        ...

    def note(self, rows: Rows) -> None:
        """Write with the next commit, or soon."""
        ...

    async def close(self) -> None:
        """Wait until all is written."""
        ...


class ThreadWriter:
    """Commits in a thread of its own; made in the loop that uses it."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Entry] = []
        self._is_busy = False
        self._is_due = False
        self._is_noted = False
        self._groups: queue.SimpleQueue[list[_Entry]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    def put(self, rows: Rows) -> asyncio.Future[None]:
        """Write; done once it is on disk. What is cancelled is written all the same."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._gathered.append((rows, done))
        self._look()
        return done

    def note(self, rows: Rows) -> None:
        """Write with the next commit, or soon."""
        self._gathered.append((rows, None))
        if not self._is_noted:
            self._is_noted = True
            self._loop.call_later(SOON, self._remind)

    async def close(self) -> None:
        """Wait until all is written."""
        last, self._gathered = self._gathered, []
        if last:
            self._groups.put(last)
        self._groups.put([])
        await asyncio.to_thread(self._thread.join)

    def _remind(self) -> None:
        self._is_noted = False
        self._look()

    def _look(self) -> None:
        if not (self._is_busy or self._is_due):
            self._is_due = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._is_due = False
        if self._gathered and not self._is_busy:
            self._is_busy = True
            group, self._gathered = self._gathered, []
            self._groups.put(group)

    def _serve(self) -> None:
        while group := self._groups.get():
            error = self._commit([rows for rows, _ in group])
            self._loop.call_soon_threadsafe(self._written, group, error)

    def _written(self, group: Sequence[_Entry], error: Exception | None) -> None:
        self._is_busy = False
        resolve([done for _, done in group], error)
        if any(done is not None for _, done in self._gathered):
            # Behind those who have just been told: what they ask for goes with it.
            self._look()


def resolve(
    futures: Sequence[asyncio.Future[None] | None], error: Exception | None
) -> None:
    """Tell everybody who still waits how a commit went."""
    for each in futures:
        if each is None or each.done():
            continue
        if error is None:
            each.set_result(None)
        else:
            each.set_exception(error)
