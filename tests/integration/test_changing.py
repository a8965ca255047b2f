"""Input files that change while they are on their way to the real service.

A slow line stands between, so that a file can be touched in the middle of its upload.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.batch import load_manifest, run_batch
from orchestrator.errors import UsageError
from orchestrator.model import State, Verdict
from tests.integration.relay import Line, Look, stretched
from tests.integration.serving import KEY, Client, running

SIZE = 24 << 20
"""More than what fits into the buffers of a line."""
EARLY = 1 << 20
PDF = b"%PDF-1.7\n1 0 obj <</Type /Page>>\nendobj\n"
END = b"\ntrailer\n%%EOF\n"
Meddle = Callable[[Path], None]


@dataclass
class Watched(Line):
    """A line to a service that calls ``meddle`` once a mebibyte has passed."""

    meddle: Callable[[], None]
    passed: int = 0

    def connected(self) -> tuple[Look, Look]:
        """What goes up is counted, over all connections."""

        async def up(piece: bytes) -> bytes:
            before, self.passed = self.passed, self.passed + len(piece)
            if before < EARLY <= self.passed:
                self.meddle()
            return piece

        return up, super().connected()[1]


def append(path: Path) -> None:
    """Somebody still writes."""
    with path.open("ab") as file:
        file.write(b"more")


def truncate(path: Path) -> None:
    """Somebody begins anew."""
    os.truncate(path, SIZE // 2)


def rewrite(path: Path) -> None:
    """Other bytes, and as many."""
    with path.open("r+b") as file:
        file.seek(SIZE - 4096)
        file.write(b"x" * 64)


def replace(path: Path) -> None:
    """A new file under the name, as editors do."""
    other = path.with_name("other")
    other.write_bytes(PDF + b"other" + END)
    other.replace(path)


def write(folder: Path, url: str, mode: str) -> Path:
    """A manifest of one large text, which says of itself that it is a PDF."""
    (folder / "a.txt").write_bytes(PDF + bytes(SIZE - len(PDF + END)) + END)
    manifest = folder / "m.yaml"
    manifest.write_text(
        "version: 1\n"
        "providers:\n"
        f"  apart: {{type: local, url: '{url}', key: '${{env:TEST_KEY}}'}}\n"
        "defaults: {provider: apart, to: pdf}\n"
        f"documents: [{{id: a, input: a.txt, mode: {mode}}}]\n"
    )
    return manifest


async def carried(manifest: Path) -> list[Verdict]:
    """One run of a batch."""
    loaded = load_manifest(manifest)
    return [each async for each in run_batch(loaded, environment={"TEST_KEY": KEY})]


@asynccontextmanager
async def scene(
    folder: Path, mode: str, meddle: Meddle
) -> AsyncIterator[tuple[Client, Path]]:
    """A service, a slow line to it, and a manifest."""
    async with running(folder / "data", deduplicate=False) as service:
        line = Watched(lambda: meddle(folder / "a.txt"))
        async with stretched(line, service.url):
            yield service, write(folder, line.url, mode)


@pytest.mark.parametrize("mode", ["sync", "async", "presigned"])
@pytest.mark.parametrize("meddle", [append, truncate, rewrite])
async def test_a_file_that_changes_on_its_way_is_never_sent_whole(
    tmp_path: Path, mode: str, meddle: Meddle
) -> None:
    """It fails with a word of its own, is not billed, and is done as it is then."""
    async with scene(tmp_path, mode, meddle) as (service, manifest):
        (verdict,) = await carried(manifest)
        assert verdict.state is State.FAILED
        assert verdict.failure is not None
        assert verdict.failure.code == "source_changed"
        assert "a.txt: changed" in verdict.failure.message
        assert (await service.bill())[0] == 0
        assert not list((tmp_path / "out").glob("*"))
        (tmp_path / "a.txt").write_bytes(PDF + END)
        (verdict,) = await carried(manifest)
        assert verdict.state is State.DONE
        assert (tmp_path / "out" / "a.pdf").read_bytes() == PDF + END
        assert (await service.bill())[0] == 1


@pytest.mark.parametrize("mode", ["sync", "presigned"])
async def test_a_file_that_is_replaced_on_its_way_is_sent_as_it_was(
    tmp_path: Path, mode: str
) -> None:
    """What was opened is whole; the next run finds the new one, and asks for leave."""
    async with scene(tmp_path, mode, replace) as (service, manifest):
        (verdict,) = await carried(manifest)
        assert verdict.state is State.DONE
        assert (tmp_path / "out" / "a.pdf").stat().st_size == SIZE
        with pytest.raises(UsageError, match="--adopt"):
            await carried(manifest)
        assert (await service.bill())[0] == 1
