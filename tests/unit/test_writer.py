"""Groups of rows on their way to the disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from orchestrator.ledger.rows import Rows
from orchestrator.ledger.writer import ThreadWriter


async def test_what_comes_last_is_not_told_by_the_commit_before_it() -> None:
    """Closed while a commit runs: the next one may fail, and says so itself."""
    is_begun, goes_on = threading.Event(), threading.Event()
    groups: list[int] = []

    def commit(group: Sequence[Rows]) -> Exception | None:
        groups.append(len(group))
        if len(groups) == 1:
            is_begun.set()
            goes_on.wait(5)
            return None
        return RuntimeError("the disk is full")

    writer = ThreadWriter(commit)
    first = writer.put(Rows())
    await asyncio.to_thread(is_begun.wait, 5)
    second = writer.put(Rows())
    writer.note(Rows())
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    goes_on.set()
    await closing
    await first
    with pytest.raises(RuntimeError, match="the disk is full"):
        await second
    assert len(groups) == 2


async def test_what_nobody_waits_for_is_written_at_the_end() -> None:
    """A note that waits for its time does not wait for it when all is over."""
    groups: list[int] = []

    def commit(group: Sequence[Rows]) -> Exception | None:
        groups.append(len(group))
        return None

    writer = ThreadWriter(commit)
    writer.note(Rows())
    await writer.close()
    assert len(groups) == 1
    empty = ThreadWriter(commit)
    await empty.close()
    assert len(groups) == 1


async def test_what_is_noted_during_the_last_commit_is_written_too() -> None:
    """By a thread that looks for outputs, say."""
    groups: list[int] = []

    def commit(group: Sequence[Rows]) -> Exception | None:
        groups.append(len(group))
        if len(groups) == 1:
            writer.note_from_thread(Rows())
        return None

    writer = ThreadWriter(commit)
    writer.note(Rows())
    await writer.close()
    assert len(groups) == 2
