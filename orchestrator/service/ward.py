"""Work beside which the service died, done alone: only what is guilty dies again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager


class Ward:
    """Lets suspects work alone, each by itself, and all others side by side."""

    def __init__(self) -> None:
        self._suspects: set[str] = set()
        self._line = asyncio.Condition()
        self._at_work = 0
        self._is_taken = False

    def suspect(self, names: Collection[str]) -> None:
        """These were at work when the service died; said before any work begins."""
        self._suspects.update(names)

    @asynccontextmanager
    async def place(self, name: str) -> AsyncIterator[None]:
        """A place to work, until the context ends."""
        if not self._suspects:
            yield
            return
        is_alone = name in self._suspects
        await self._enter(is_alone=is_alone)
        try:
            yield
        finally:
            self._suspects.discard(name)
            async with self._line:
                self._at_work -= 1
                self._is_taken = self._is_taken and not is_alone
                self._line.notify_all()

    async def _enter(self, *, is_alone: bool) -> None:
        async with self._line:
            await self._line.wait_for(lambda: not self._is_taken)
            if is_alone:
                # Nobody begins any more, and who is at work comes to an end.
                self._is_taken = True
                await self._line.wait_for(lambda: not self._at_work)
            self._at_work += 1
