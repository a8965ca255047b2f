"""Jobs that are let go of many at a time, by a run that is killed before."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.relay import Line, Look, stretched
from tests.integration.serving import KEY, ROOT, Client, running

pytestmark = pytest.mark.timeout(60)
COUNT = 3


@dataclass
class Silent(Line):
    """A line that falls silent when the service is told to forget jobs."""

    holds: bool = True
    asked: int = 0
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self) -> tuple[Look, Look]:
        """What comes back is passed as it is."""

        async def up(piece: bytes) -> bytes:
            self.asked += piece.startswith(b"POST /v1/deletions ")
            if piece.startswith(b"POST /v1/deletions ") and self.holds:
                self.silent.set()
                await asyncio.sleep(3600)
            return piece

        return up, super().connected()[1]


def manifest(folder: Path, url: str) -> Path:
    """Some documents, so few that they are let go of at the end of a run."""
    (folder / "a.txt").write_bytes(b"%PDF-1.7\n<</Type /Page>>\n%%EOF\n")
    entries = ", ".join(f"{{id: d{n}, input: a.txt}}" for n in range(COUNT))
    path = folder / "batch.yaml"
    path.write_text(
        "version: 1\n"
        "providers:\n"
        f"  apart: {{type: local, url: '{url}', key: '${{env:KEY}}'}}\n"
        "defaults: {provider: apart, to: pdf, output: 'out/{id}.pdf'}\n"
        f"documents: [{entries}]\n"
    )
    return path


async def kept(one: Client) -> int:
    """How many jobs the service still has something of."""
    jobs = (await one.ask("GET", "/v1/jobs"))[1]["jobs"]
    return sum(each["state"] == "done" for each in jobs)


async def test_a_killed_run_leaves_its_deletions_to_the_next(tmp_path: Path) -> None:
    """SIGKILL as they leave: documents are done, and nothing of them stays behind."""
    command = (sys.executable, "-m", "orchestrator", "run")
    environment = {**os.environ, "KEY": KEY, "PYTHONPATH": str(ROOT)}
    async with (
        running(tmp_path / "data") as one,
        stretched(Silent(), one.url) as line,
    ):
        path = manifest(tmp_path, line.url)
        run = await asyncio.create_subprocess_exec(*command, path, env=environment)
        await line.silent.wait()
        run.send_signal(signal.SIGKILL)
        await run.wait()
        assert len(list((tmp_path / "out").glob("*.pdf"))) == COUNT
        assert await kept(one) == COUNT
        line.holds = False
        again = await asyncio.create_subprocess_exec(*command, path, env=environment)
        assert await again.wait() == 0
        assert await kept(one) == 0
        assert await one.bill() == (COUNT, 0, COUNT)
        last = await asyncio.create_subprocess_exec(*command, path, env=environment)
        assert await last.wait() == 0
    assert line.asked == 2
