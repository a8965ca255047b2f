"""Downloads that break go on where they were cut: on real sockets, after a kill."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from orchestrator.batch import load_manifest, run_batch
from orchestrator.model import Document, Job, Mode, Operation, Saved, State
from orchestrator.transfer.sink import FileOutputs
from orchestrator.wire.outcome import Unanswered
from orchestrator.wire.ranges import Begun
from tests.integration.relay import Line, Look, stretched
from tests.integration.serving import KEY, ROOT, running

pytestmark = pytest.mark.timeout(60)
MIB = 1 << 20
SIZE = 12 * MIB
BODY = b"%PDF-1.7\n<</Type /Page>>\n" + random.Random(1).randbytes(SIZE) + b"\n%%EOF\n"
HASH = sha256(BODY).hexdigest()
TAG = '"a"'
RANGE = re.compile(rb"\r\nRange: bytes=(\d+)-")


@dataclass
class Cut(Line):
    """A line on which a download ends after ``cuts`` bytes each.

    ``asked`` holds the first byte that each download asked for. With ``holds`` the line
    falls silent instead of breaking.
    """

    cuts: list[int]
    holds: bool = False
    asked: list[int] = field(default_factory=list)
    passed: int = 0
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self) -> tuple[Look, Look]:
        """The first bytes of a request say whether it is a download."""
        left: int | None = None

        async def up(piece: bytes) -> bytes:
            nonlocal left
            if re.match(rb"GET /v1/jobs/\w+/results/", piece):
                found = RANGE.search(piece)
                self.asked.append(int(found[1]) if found else 0)
                left = self.cuts.pop(0) if self.cuts else None
            return piece

        async def down(piece: bytes) -> bytes:
            nonlocal left
            if left is not None:
                left -= len(piece)
                if left < 0:
                    await self._end()
            self.passed += len(piece)
            return piece

        return up, down

    async def _end(self) -> None:
        self.silent.set()
        if self.holds:
            await asyncio.sleep(3600)
        raise ConnectionResetError


def manifest(folder: Path, url: str) -> Path:
    """One document, whose result is as large as its input."""
    (folder / "letter.txt").write_bytes(BODY)
    path = folder / "batch.yaml"
    path.write_text(
        "version: 1\n"
        "providers:\n"
        f"  apart: {{type: local, url: '{url}', key: '${{env:KEY}}'}}\n"
        "defaults: {provider: apart, mode: async, output: 'out/{id}.pdf'}\n"
        "documents: [{id: a, input: letter.txt, to: pdf}]\n"
    )
    return path


async def test_a_download_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    """Twice, in one run; what had come does not come again, and all of it is right."""
    async with (
        running(tmp_path / "data") as one,
        stretched(Cut([5 * MIB, 4 * MIB]), one.url) as made,
    ):
        loaded = load_manifest(manifest(tmp_path, made.url), environment={"KEY": KEY})
        (verdict,) = [v async for v in run_batch(loaded, environment={"KEY": KEY})]
        assert verdict.state is State.DONE, verdict.failure
        assert (tmp_path / "out" / "a.pdf").read_bytes() == BODY
        assert await one.bill() == (1, 0, 1)
    first, second, third = made.asked
    assert first == 0
    assert 3 * MIB < second < 5 * MIB
    assert second + 2 * MIB < third < 9 * MIB
    # What was under way at a cut is all that may come twice.
    assert made.passed < SIZE + 4 * MIB
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["a.pdf"]


async def test_a_killed_download_goes_on_in_the_next_run(tmp_path: Path) -> None:
    """SIGKILL in the middle of a result: the next run fetches what is missing."""
    async with (
        running(tmp_path / "data") as one,
        stretched(Cut([9 * MIB], holds=True), one.url) as made,
    ):
        command = (sys.executable, "-m", "orchestrator", "run")
        path = manifest(tmp_path, made.url)
        environment = {**os.environ, "KEY": KEY, "PYTHONPATH": str(ROOT)}
        run = await asyncio.create_subprocess_exec(*command, path, env=environment)
        await made.silent.wait()
        parts = (tmp_path / "out").glob(".*.part")
        while not any(each.stat().st_size > 6 * MIB for each in parts):
            await asyncio.sleep(0.02)
            parts = (tmp_path / "out").glob(".*.part")
        run.send_signal(signal.SIGKILL)
        await run.wait()
        again = await asyncio.create_subprocess_exec(*command, path, env=environment)
        assert await again.wait() == 0
        assert (tmp_path / "out" / "a.pdf").read_bytes() == BODY
        assert await one.bill() == (1, 0, 1)
    first, second = made.asked
    assert first == 0
    assert second > 6 * MIB


# The files themselves


def job(output: Path) -> Job:
    """A job for one document."""
    document = Document("d", Operation.CONVERT, "txt", "pdf", str(output), "local")
    return Job("a" * 32, "local", Mode.ASYNC, (document,), 0.0)


async def stream(body: bytes, *, is_cut: bool = False) -> AsyncIterator[bytes]:
    """A body in pieces, whole or cut."""
    for start in range(0, len(body), MIB):
        yield body[start : start + MIB]
    if is_cut:
        raise Unanswered("cut_body", "cut")


async def cut(outputs: FileOutputs, of: Job, tag: str | None, hash_: str | None) -> int:
    """Receive a third, then a cut; how much can be gone on with."""
    third = stream(BODY[: 4 * MIB], is_cut=True)
    with pytest.raises(Unanswered):
        await outputs.receive(
            of, 0, third, size=len(BODY), sha256=hash_, target="pdf", tag=tag
        )
    begun = await outputs.begun(of, 0, size=len(BODY), sha256=hash_)
    assert begun is None or begun.tag == tag
    return begun.size if begun else 0


@pytest.mark.parametrize(
    ("tag", "hash_", "now", "later"),
    [(TAG, HASH, True, True), (TAG, None, True, False), (None, None, False, False)],
)
async def test_what_is_kept_after_a_cut(
    tmp_path: Path, *, tag: str | None, hash_: str | None, now: bool, later: bool
) -> None:
    """Without a declared hash, nothing of a former run is gone on with."""
    of, outputs = job(tmp_path / "a.pdf"), FileOutputs()
    size = await cut(outputs, of, tag, hash_)
    assert (size >= 2 * MIB) is now
    again = await FileOutputs().begun(of, 0, size=len(BODY), sha256=hash_)
    assert again == (Begun(size) if later else None)


@pytest.mark.parametrize("former", [False, True], ids=["this run", "a former run"])
async def test_the_rest_is_joined_and_hashed_as_one(
    tmp_path: Path, *, former: bool
) -> None:
    """With the hash at hand, or that of the part on disk."""
    of, outputs = job(tmp_path / "a.pdf"), FileOutputs()
    size = await cut(outputs, of, TAG, HASH)
    if former:
        outputs = FileOutputs()
        assert await outputs.begun(of, 0, size=len(BODY), sha256=HASH) == Begun(size)
    saved = await outputs.receive(
        of,
        0,
        stream(BODY[size:]),
        size=len(BODY),
        sha256=HASH,
        target="pdf",
        start=size,
    )
    assert isinstance(saved, Saved)
    assert (saved.sha256, saved.size) == (HASH, len(BODY))
    assert Path(saved.part).read_bytes() == BODY


async def test_a_part_that_was_spoilt_is_dropped(tmp_path: Path) -> None:
    """What a power cut left under the right length: the hash tells, all is fetched."""
    of = job(tmp_path / "a.pdf")
    size = await cut(FileOutputs(), of, TAG, HASH)
    (part,) = tmp_path.iterdir()
    part.write_bytes(bytes(size))
    outputs = FileOutputs()
    assert await outputs.begun(of, 0, size=len(BODY), sha256=HASH) == Begun(size)
    failure = await outputs.receive(
        of,
        0,
        stream(BODY[size:]),
        size=len(BODY),
        sha256=HASH,
        target="txt",
        start=size,
    )
    assert not isinstance(failure, Saved)
    assert failure.code == "wrong_hash"
    assert list(tmp_path.iterdir()) == []
    assert await outputs.begun(of, 0, size=len(BODY), sha256=HASH) is None


async def test_a_whole_part_lacks_a_byte_at_most(tmp_path: Path) -> None:
    """So there is a range to ask for, whose reply tells whether it is the same file."""
    of = job(tmp_path / "a.pdf")
    await cut(FileOutputs(), of, TAG, HASH)
    (part,) = tmp_path.iterdir()
    part.write_bytes(BODY + b"more")
    begun = await FileOutputs().begun(of, 0, size=len(BODY), sha256=HASH)
    assert begun == Begun(len(BODY) - 1)


@pytest.mark.parametrize("how", ["linked", "gone", "shorter"])
async def test_a_part_that_is_not_ours_alone_is_left_alone(
    tmp_path: Path, how: str
) -> None:
    """Killed between its two names it is the output; or somebody took it away."""
    of, outputs = job(tmp_path / "a.pdf"), FileOutputs()
    size = await cut(outputs, of, TAG, HASH)
    (part,) = tmp_path.iterdir()
    if how == "linked":
        (tmp_path / "a.pdf").hardlink_to(part)
    elif how == "gone":
        part.unlink()
    else:
        part.write_bytes(b"x")
    failure = await outputs.receive(
        of, 0, stream(b"y"), size=len(BODY), sha256=HASH, target="pdf", start=size
    )
    assert not isinstance(failure, Saved)
    assert failure.code == "part_gone"
    if how == "linked":
        assert (tmp_path / "a.pdf").read_bytes() == BODY[:size]


async def test_what_was_begun_goes_with_its_job(tmp_path: Path) -> None:
    """A job that ended leaves nothing, in the folder or in memory."""
    of, outputs = job(tmp_path / "a.pdf"), FileOutputs()
    await cut(outputs, of, TAG, HASH)
    await outputs.discard(of)
    assert list(tmp_path.iterdir()) == []
    assert await outputs.begun(of, 0, size=len(BODY), sha256=HASH) is None
