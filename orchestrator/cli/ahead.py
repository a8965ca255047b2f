"""Starts the private service before anybody knows that it is needed.

Both it and the run import for half a second, and there are two cores at least. So what
a look at the manifest makes likely is started first: a first run without accounts of
its own. A wrong guess costs some processor time and nothing else, since the service
does nothing, not even on the disk, before a run tells it its secrets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.batch.folder import BatchFolder, folder_of
from orchestrator.cli import loop
from orchestrator.errors import MachineError
from orchestrator.transfer.private import PrivateService, Work

_LOOK = 1 << 16
_OTHERWISE = re.compile(rb"""^["']?(?:providers|designs)\b""", re.MULTILINE)
_GENERATES = re.compile(rb"""\bdesign["']?\s*:""")


@dataclass(frozen=True, slots=True)
class Ahead:
    """The loop of a command, and the service that is on its way, if there is one."""

    runner: asyncio.Runner
    service: PrivateService | None


@contextmanager
def begun(manifest: Path, state: Path | None, *, is_likely: bool) -> Iterator[Ahead]:
    """A loop, and a private service if it is likely to be needed."""
    with loop.running() as runner:
        folder = folder_of(manifest, state)
        work = guessed(manifest, folder) if is_likely else None
        service = None if work is None else PrivateService(folder.service, work=work)
        try:
            if service is not None:
                service = runner.run(_launched(service))
            yield Ahead(runner, service)
        finally:
            if service is not None:
                runner.run(service.leave())


async def _launched(service: PrivateService) -> PrivateService | None:
    try:
        await service.launch()
    except MachineError:
        return None  # the run tries again, and says why not
    return service


def guessed(manifest: Path, folder: BatchFolder) -> Work | None:
    """What a private service will have to do, or ``None`` for none."""
    try:
        with manifest.open("rb") as file:
            head = file.read(_LOOK)
        is_new = not folder.ledger.exists()
    except OSError:
        return None
    if not is_new or _OTHERWISE.search(head) or b"documents" not in head:
        return None
    return "generate" if _GENERATES.search(head) else "convert"
