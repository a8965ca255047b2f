"""Disks that are full or read-only, at several moments: said, and then gone on from.

The service runs apart and without deduplication: its bill shows what was sent twice.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance import command
from tests.acceptance.conftest import Mount

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

COUNT = 24
ROOM = "60m"


def write(folder: Path, head: str, output: str = "out/{id}.pdf") -> Path:
    """A manifest of short texts in all three modes."""
    (folder / "in").mkdir(parents=True)
    entries = []
    for number in range(COUNT):
        (folder / "in" / f"{number}.txt").write_text(f"text {number}\n" * 20)
        mode = ("sync", "async", "presigned")[number % 3]
        entries.append(
            f"- {{id: d{number:03}, input: in/{number}.txt, mode: {mode},"
            f" output: '{output}'}}\n"
        )
    manifest = folder / "batch.yaml"
    manifest.write_text(head + "documents:\n" + "".join(entries))
    return manifest


def fill(disk: Path, *, leave: int) -> None:
    """Take all room of a disk but this many bytes."""
    stat = os.statvfs(disk)
    size = stat.f_bavail * stat.f_frsize - leave
    if size > 0:
        with (disk / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def refused(ended: subprocess.CompletedProcess[str], *said: str | Path) -> None:
    """It ended with 6, and says what it has to, and no traceback."""
    text = ended.stdout + ended.stderr
    assert ended.returncode == 6, text
    assert "Traceback" not in text
    for each in said:
        assert str(each) in ended.stderr, text


def finished(manifest: Path, out: Path, apart: command.Service, *more: str) -> None:
    """The same command finishes; nothing is partial, and nothing was billed twice."""
    ended = command.run("run", manifest, *more, folder=manifest.parent)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert command.valid_pdfs(out) == COUNT
    assert not [each for each in out.iterdir() if each.name.startswith(".")]
    assert apart.get("/v1/bill")["accepted"] == COUNT


@pytest.mark.parametrize("room", [0, 20_000, 60_000, 160_000, 240_000, 400_000])
def test_no_room_for_the_ledger(
    tmp_path: Path, small_disk: Mount, room: int
) -> None:
    """At its first page, among its tables, in the middle, near the end."""
    disk = small_disk("disk", ROOM)
    fill(disk, leave=room)
    state = disk / "batch"
    with command.service(tmp_path / "data", "--no-deduplication") as apart:
        manifest = write(tmp_path / "work", command.account(apart.url))
        out = manifest.parent / "out"
        ended = command.run("run", manifest, "--state", state, folder=tmp_path)
        refused(ended, state, "room" if room else "again")
        assert command.valid_pdfs(out) < COUNT
        (disk / "ballast").unlink()
        finished(manifest, out, apart, "--state", str(state))


@pytest.mark.parametrize("done", [0, 0.4, 0.95])
def test_no_room_for_outputs(tmp_path: Path, small_disk: Mount, done: float) -> None:
    """At the first, in the middle, and at the last: no partial file, none twice."""
    disk = small_disk("disk", ROOM)
    with command.service(tmp_path / "data", "--no-deduplication") as apart:
        manifest = write(
            tmp_path / "work", command.account(apart.url), f"{disk}/out/{{id}}.pdf"
        )
        (disk / "out").mkdir()
        fill(disk, leave=int(done * COUNT) * 12288 + 100)
        ended = command.run("run", manifest, folder=tmp_path)
        refused(ended, disk, "make room and run again")
        assert command.valid_pdfs(disk / "out") < COUNT
        (disk / "ballast").unlink()
        finished(manifest, disk / "out", apart)


@pytest.mark.parametrize("room", [150_000, 400_000, 700_000])
def test_no_room_at_a_service_apart(
    tmp_path: Path, small_disk: Mount, room: int
) -> None:
    """It has no room for the account: exit 4, and nothing is billed again."""
    disk = small_disk("disk", ROOM)
    with command.service(disk / "data", "--no-deduplication") as apart:
        manifest = write(tmp_path / "work", command.account(apart.url))
        fill(disk, leave=room)
        ended = command.run("run", manifest, folder=tmp_path)
        text = ended.stdout + ended.stderr
        assert ended.returncode == 4, text
        assert "disk_full" in text
        (disk / "ballast").unlink()
        finished(manifest, manifest.parent / "out", apart)


@pytest.mark.parametrize("size", ["150k", "300k", "1m", "1500k"])
def test_no_room_for_the_private_service(
    tmp_path: Path, small_disk: Mount, size: str
) -> None:
    """Its disk is ours: exit 6 with its folder, at its start and while it works."""
    state = tmp_path / "state"
    state.mkdir()
    disk = small_disk("disk", size)
    (disk / "data").mkdir()
    (state / "service").symlink_to(disk / "data")
    manifest = write(tmp_path / "work", "version: 1\ndefaults: {to: pdf}\n")
    ended = command.run("run", manifest, "--state", state, folder=tmp_path)
    refused(ended, state / "service")
    small_disk("disk", ROOM)
    ended = command.run("run", manifest, "--state", state, folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert command.valid_pdfs(manifest.parent / "out") == COUNT
