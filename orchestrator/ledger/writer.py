"""Hands what is to be written to whoever commits: a group at a time.

Theory of operation
-------------------
The loop gathers. What was asked for while a commit runs is the next commit (group
commit without a timer), and while none runs, what one turn of the loop asks for. So the
thread is woken once for each commit, and the loop once by its end: each wake-up costs
as much as the rows of several documents.

Where a commit is made is the only thing that ``ThreadWriter`` adds; two others, in the
loop itself and in a process, are measured beside it by ``benchmarks/ledger.py``.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from orchestrator.ledger.rows import Rows

SOON = 0.5
"""Seconds after which what nobody waits for gets a commit of its own."""

Commit = Callable[[Sequence[Rows]], Exception | None]
"""Writes rows as one commit; says what went wrong, and never raises."""


class Writer(ABC):
    """Writes groups of rows in the order in which they came; made in its loop."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._loop = asyncio.get_running_loop()
        self._rows: list[Rows] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._told: list[asyncio.Future[None]] = []
        self._is_busy = False
        self._is_due = False
        self._is_noted = False

    def put(self, rows: Rows) -> asyncio.Future[None]:
        """Write; done once it is on disk. What is cancelled is written all the same."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._rows.append(rows)
        self._waiting.append(done)
        self._look()
        return done

    def note(self, rows: Rows) -> None:
        """Write with the next commit, or soon."""
        self._rows.append(rows)
        if not self._is_noted:
            self._is_noted = True
            self._loop.call_later(SOON, self._remind)

    def note_from_thread(self, rows: Rows) -> None:
        """The same from another thread than the loop's."""
        self._loop.call_soon_threadsafe(self.note, rows)

    @abstractmethod
    async def close(self) -> None:
        """Wait until all is written."""

    @abstractmethod
    def _begin(self, group: Sequence[Rows]) -> None:
        """Begin a commit; ``_ended`` is called in the loop when it is done."""

    def _remind(self) -> None:
        self._is_noted = False
        self._look()

    def _look(self) -> None:
        if not (self._is_busy or self._is_due):
            self._is_due = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._is_due = False
        if self._rows and not self._is_busy:
            self._is_busy = True
            self._told, self._waiting = self._waiting, []
            self._begin(self._take())

    def _take(self) -> list[Rows]:
        taken, self._rows = self._rows, []
        return taken

    def _ended(self, error: Exception | None) -> None:
        self._is_busy = False
        told, self._told = self._told, []
        for each in told:
            if each.done():
                continue
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)
        if self._waiting:
            # Behind those who have just been told: what they ask for goes with it.
            self._look()


class ThreadWriter(Writer):
    """Commits in a thread of its own."""

    def __init__(self, commit: Commit) -> None:
        super().__init__(commit)
        self._groups: queue.SimpleQueue[Sequence[Rows]] = queue.SimpleQueue()
        self._closed = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Wait until all is written."""
        while self._rows:
            # Behind a commit that runs: that one must not speak for these.
            last = self.put(Rows())
            await asyncio.wait([last])
            last.exception()  # it is told to whoever waits for rows of his own
        self._groups.put(())
        # Not by one more thread: a machine without memory would not give it.
        await self._closed.wait()

    def _begin(self, group: Sequence[Rows]) -> None:
        self._groups.put(group)

    def _serve(self) -> None:
        while group := self._groups.get():
            error = self._commit(group)
            self._loop.call_soon_threadsafe(self._ended, error)
        self._loop.call_soon_threadsafe(self._closed.set)
