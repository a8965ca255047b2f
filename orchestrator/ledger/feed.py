"""Open documents of one account in pages: the work queue side of the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from orchestrator.ledger.retry import Retry
from orchestrator.ledger.store import Left, Store
from orchestrator.model import Document, Job


@dataclass(slots=True)
class Allowance:
    """How many documents a run may still start, over all accounts."""

    left: int | None = None

    def grant(self, documents: list[Document]) -> list[Document]:
        """As many of these as may be started."""
        if self.left is None:
            return documents
        granted = documents[: self.left]
        self.left -= len(granted)
        return granted


@dataclass(slots=True)
class Pages:
    """Fits ``engine.ports.Feed``; a document is given once, until ``rewind``.

    ``only`` holds ids or shell patterns; empty means every document. With ``retry`` it
    gives what that asks for, and of what a former run left only that or what was sent.
    """

    store: Store
    account: str
    only: Sequence[str] = ()
    allowance: Allowance = field(default_factory=Allowance)
    retry: Retry | None = None
    _last: Job | None = None
    _after: dict[bool, tuple[int, int]] = field(default_factory=dict)

    async def page(self, *, large: bool, limit: int) -> Sequence[Document]:
        """The next documents that are in no job; empty at the end."""
        if self.allowance.left == 0:
            return ()
        while True:
            found = await asyncio.to_thread(
                self.store.open_documents,
                self.account,
                large=large,
                after=self._after.get(large),
                limit=limit,
                retry=self.retry,
            )
            if not found:
                return ()
            self._after[large] = (found[-1].priority, found[-1].n)
            if wanted := [each for each in found if self._is_wanted(each)]:
                return self.allowance.grant(wanted)

    def rewind(self) -> None:
        """Begin again at the top, for what became open meanwhile.

        What failed once more in a retry is not asked for a third time.
        """
        if self.retry is None:
            self._after.clear()

    async def left(self, limit: int) -> Sequence[Left]:
        """The next jobs that a former run left, oldest first; empty at the end.

        To be read to its end before the first new job is made.
        """
        found = await asyncio.to_thread(
            self.store.left,
            self.account,
            after=self._last,
            limit=limit,
            retry=self.retry,
        )
        self._last = found[-1][0] if found else self._last
        return found

    async def documents(
        self, jobs: Sequence[str]
    ) -> Mapping[str, tuple[Document, ...]]:
        """The documents of jobs that wait, each in its place.

        Raises:
            MachineError: the ledger cannot be read.
        """
        return await asyncio.to_thread(self.store.documents, jobs)

    def _is_wanted(self, document: Document) -> bool:
        return not self.only or any(is_named(document.id, by=by) for by in self.only)


def is_named(document: str, *, by: str) -> bool:
    """Whether an id or a shell pattern means a document."""
    return document == by or fnmatchcase(document, by)
