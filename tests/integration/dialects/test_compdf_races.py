"""Requests for one task that come at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator.clock import SystemClock
from orchestrator.service.dialects.compdf.codes import Refusal
from orchestrator.service.dialects.compdf.counter import Counter
from orchestrator.service.dialects.compdf.tasks import Status, Task
from orchestrator.service.dialects.compdf.tools import tool
from orchestrator.service.run import _parts
from orchestrator.service.settings import ServiceSettings
from tests.integration.serving import KEY, SECRET, ScriptedRenderer

TOOLS = pytest.mark.parametrize("name", ["txt/pdf", "pdf/merge"])


@asynccontextmanager
async def at_counter(data: Path) -> AsyncIterator[Counter]:
    """The counter of a service that nobody calls and that does no work."""
    settings = ServiceSettings(data=data, keys=(KEY,), webhook_secret=SECRET)
    async with _parts(settings, SystemClock(), ScriptedRenderer()) as parts:
        yield parts.compdf


async def body() -> AsyncIterator[bytes]:
    """Two bytes."""
    yield b"ab"


async def filled(counter: Counter, name: str) -> Task:
    """A task with two files that are here."""
    task = counter.new(tool(name))
    for n in range(2):
        key = await counter.promise(task, f"{n}.txt", {}, is_new=n == 0)
        await counter.receive(key, 2, body())
    return task


def codes(outcomes: list[object]) -> list[str]:
    """The codes of all that was refused."""
    return [each.number for each in outcomes if isinstance(each, Refusal)]


@TOOLS
async def test_of_starts_at_once_one_counts(tmp_path: Path, name: str) -> None:
    """The others are refused in the transaction itself; the bill has it once."""
    async with at_counter(tmp_path) as counter:
        task = await filled(counter, name)
        outcomes = await asyncio.gather(
            *(counter.start(task.id) for _ in range(4)), return_exceptions=True
        )
        assert codes([*outcomes]) == ["05002"] * 3
        now = counter.tasks.find(task.id)
        assert now.status(0) is Status.WAITING
        bill = counter.desk.bill()
        assert (bill.accepted, bill.replays) == (len(now.files), 0)


@TOOLS
async def test_a_file_that_comes_with_the_start_is_in_or_out(
    tmp_path: Path, name: str
) -> None:
    """Never is there a file in a task that runs without it."""
    async with at_counter(tmp_path) as counter:
        task = await filled(counter, name)
        outcomes = await asyncio.gather(
            counter.promise(task, "c.txt", {}, is_new=False),
            counter.start(task.id),
            return_exceptions=True,
        )
        assert codes([*outcomes]) == ["05002"]
        files = counter.tasks.find(task.id).files
        if isinstance(outcomes[0], str):
            assert [each.state for each in files] == ["created"] * 3
        else:
            assert {each.state for each in files} == {"queued"}


async def test_the_sixth_of_files_at_once_is_refused(tmp_path: Path) -> None:
    """The limit is held where the files are written down."""
    async with at_counter(tmp_path) as counter:
        task = await filled(counter, "txt/pdf")
        outcomes = await asyncio.gather(
            *(counter.promise(task, "c.txt", {}, is_new=False) for _ in range(5)),
            return_exceptions=True,
        )
        assert codes([*outcomes]) == ["05003"] * 2
