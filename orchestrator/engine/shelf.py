"""Documents of jobs that wait are left to the ledger, and read again in pages.

A job that waits for its provider needs little: its id, its handle, since when it waits.
Its documents are most of it (the data of an invoice may be tens of kilobytes), and the
ledger has held them since before the job was sent. So once many wait, they let go of
their documents, and have them again when they are due: memory does not grow with what
documents hold, and a resume goes the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator.engine.work import Work
from orchestrator.model import Document, Phase

KEPT = 256
"""Jobs that may wait as a whole."""
TOGETHER = 64
"""Jobs whose documents are read at a time."""

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, tuple[Document, ...]]]]
"""Gives the documents of jobs, each with its place, as the ledger has them."""


class Shelf:
    """Where jobs that wait lay down their documents; without ``read``, nowhere."""

    def __init__(self, read: Read | None = None, *, kept: int = KEPT) -> None:
        self._read = read
        self._kept = kept
        self._reading = 0
        self._whole: deque[Work] = deque()

    def __len__(self) -> int:
        """Jobs that were due and are not carried yet."""
        return self._reading + len(self._whole)

    def lay(self, work: Work, waiting: int) -> None:
        """Let go of the documents of a job that was accepted, if many wait.

        One whose outcome is unknown keeps them: it may have to be sent again.
        """
        if self._read is None or waiting < self._kept or work.spell is None:
            return
        if work.progress.phase is Phase.POLL and work.intended is None:
            work.job = replace(work.job, documents=())

    def has(self, work: Work) -> bool:
        """Whether the documents of a job are here, and not with it."""
        return not work.job.documents

    def taken(self) -> Work | None:
        """A job that is whole again and was taken down beside another one."""
        return self._whole.popleft() if self._whole else None

    def beside(self, more: Callable[[], Work | None]) -> Iterator[Work]:
        """Others to take down together with one."""
        for _ in range(TOGETHER - 1):
            if (work := more()) is None:
                return
            yield work
            if not self.has(work):
                return

    async def take_down(self, works: Sequence[Work]) -> Work:
        """Give jobs their documents again, and the first of them back.

        Raises:
            MachineError: the ledger cannot be read.
        """
        bare = [each for each in works if self.has(each)]
        self._reading += len(works)
        try:
            documents = await self._documents(bare)
        finally:
            self._reading -= len(works)
        for each in bare:
            each.job = replace(each.job, documents=documents[each.name])
        self._whole.extend(works[1:])
        return works[0]

    async def _documents(
        self, works: Sequence[Work]
    ) -> Mapping[str, tuple[Document, ...]]:
        if self._read is None:
            return {}
        return await self._read([each.name for each in works])
