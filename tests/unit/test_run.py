"""A run and whoever reads it: leaving early never waits for a reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import cast

import pytest

from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.options import RunOptions
from orchestrator.batch.prepare import Prepared
from orchestrator.batch.run import Run
from orchestrator.errors import MachineError, UsageError
from orchestrator.model import State, Verdict
from tests.model import document

FULL = 1000
"""Verdicts that a run keeps for its reader."""


class Quick(Run):
    """A run whose documents are done at once."""

    def __init__(self, path: Path, documents: int, error: Exception | None) -> None:
        batch = cast("Prepared", None)
        super().__init__(batch, BatchFolder(path), options=RunOptions(), environment={})
        self._verdicts = [
            Verdict(document(f"d{n}"), State.DONE) for n in range(documents)
        ]
        self._error = error

    async def _all(self, stack: AsyncExitStack) -> None:
        await self._tell(self._verdicts)
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("more", [0, 1, 2, 500])
async def test_leaving_a_run_that_waits_for_its_reader(
    more: int, tmp_path: Path
) -> None:
    """Its end is not waited for, however full the queue is."""
    run = Quick(tmp_path, FULL + more, None)
    reader = cast("AsyncGenerator[Verdict]", aiter(run))
    async with asyncio.timeout(5), aclosing(reader) as verdicts:
        async for _ in verdicts:
            await asyncio.sleep(0.01)
            break


async def test_an_error_is_told_behind_every_verdict(tmp_path: Path) -> None:
    """The reader gets all that ended, then what went wrong."""
    run = Quick(tmp_path, FULL + 5, MachineError("the disk is full"))
    found = 0

    async def read() -> None:
        nonlocal found
        async for _ in run:
            found += 1

    with pytest.raises(MachineError, match="full"):
        await read()
    assert found == FULL + 5


def test_what_changed_is_not_both_allowed_and_refused() -> None:
    """Nobody can tell which was meant."""
    with pytest.raises(UsageError, match="say one of them"):
        RunOptions(adopt=True, refuse=True)
