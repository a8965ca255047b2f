"""Disks that are full or read-only, at several moments: said, and then gone on from.

The service runs apart and without deduplication: its bill shows what was sent twice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.cli import call
from orchestrator.ledger.opening import connect
from orchestrator.ledger.stage import Stage
from tests.acceptance import command
from tests.acceptance.conftest import Mount
from tests.model import document

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


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[command.Service]:
    """One service for all: each test looks at what it adds to the bill."""
    data = tmp_path_factory.mktemp("apart") / "data"
    with command.service(data, "--no-deduplication") as started:
        yield started


def billed(apart: command.Service) -> int:
    """How many jobs were accepted so far."""
    return int(apart.get("/v1/bill")["accepted"])


def finished(manifest: Path, out: Path, *more: str | Path) -> None:
    """The same command finishes, and nothing is partial."""
    ended = command.run("run", manifest, *more, folder=manifest.parent)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert command.valid_pdfs(out) == COUNT
    assert not [each for each in out.iterdir() if each.name.startswith(".")]


@pytest.mark.parametrize("room", [0, 60_000, 400_000])
def test_no_room_for_the_ledger(
    tmp_path: Path, small_disk: Mount, apart: command.Service, room: int
) -> None:
    """At its first page, in the middle, near the end."""
    disk, before = small_disk("disk", ROOM), billed(apart)
    fill(disk, leave=room)
    state = disk / "batch"
    manifest = write(tmp_path / "work", command.account(apart.url))
    out = manifest.parent / "out"
    ended = command.run("run", manifest, "--state", state, folder=tmp_path)
    refused(ended, state, "again")
    assert command.valid_pdfs(out) < COUNT
    (disk / "ballast").unlink()
    finished(manifest, out, "--state", state)
    assert billed(apart) - before == COUNT


@pytest.mark.parametrize("done", [0, 0.4, 0.95])
def test_no_room_for_outputs(
    tmp_path: Path, small_disk: Mount, apart: command.Service, done: float
) -> None:
    """At the first, in the middle, and at the last: no partial file, none twice."""
    disk, before = small_disk("disk", ROOM), billed(apart)
    head = command.account(apart.url)
    manifest = write(tmp_path / "work", head, f"{disk}/out/{{id}}.pdf")
    (disk / "out").mkdir()
    fill(disk, leave=int(done * COUNT) * 12288 + 100)
    ended = command.run("run", manifest, folder=tmp_path)
    refused(ended, disk, "make room and run again")
    assert command.valid_pdfs(disk / "out") < COUNT
    (disk / "ballast").unlink()
    finished(manifest, disk / "out")
    assert billed(apart) - before == COUNT


def test_outputs_that_turn_read_only(
    tmp_path: Path, small_disk: Mount, apart: command.Service
) -> None:
    """In the middle: exit 6; before a run: nothing is sent; writable again: done."""
    disk, before = small_disk("disk", ROOM), billed(apart)
    key = "key: '${env:TEST_KEY}'"
    slow = f"{key}, limits: {{rate: 20}}"
    head = command.account(apart.url).replace(key, slow)
    manifest = write(tmp_path / "work", head, f"{disk}/out/{{id}}.pdf")
    run = command.start("run", manifest, folder=tmp_path)
    command.wait_for(lambda: len(list((disk / "out").glob("*.pdf"))) > 3)
    subprocess.run(["mount", "-o", "remount,ro,size=" + ROOM, str(disk)], check=True)
    assert run.wait(timeout=60) == 6
    paid = billed(apart)
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 1, ended.stdout
    why = f"the output folder '{disk}/out' is read-only, or not yours; "
    assert why in ended.stderr
    assert "1 fault; nothing was sent" in ended.stderr
    assert billed(apart) == paid, "nothing was sent"
    small_disk("disk", ROOM)
    finished(manifest, disk / "out")
    assert billed(apart) - before == COUNT


@pytest.mark.parametrize("room", [150_000, 700_000])
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
        finished(manifest, manifest.parent / "out")
        assert billed(apart) == COUNT


@pytest.mark.parametrize("size", ["300k", "1m"])
def test_no_room_for_the_private_service(
    tmp_path: Path, small_disk: Mount, size: str
) -> None:
    """Its disk is ours: exit 6 with its folder, at its start and while it works."""
    state = tmp_path / "state"
    small_disk("state/service", size)
    manifest = write(tmp_path / "work", "version: 1\ndefaults: {to: pdf}\n")
    ended = command.run("run", manifest, "--state", state, folder=tmp_path)
    refused(ended, state / "service")
    small_disk("state/service", ROOM)
    finished(manifest, manifest.parent / "out", "--state", state)


def test_a_ledger_on_a_read_only_medium(
    tmp_path: Path, small_disk: Mount, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read, unless its log is there, which needs memory beside it: then said."""
    disk = small_disk("disk", ROOM)
    (disk / "a.txt").write_text("text")
    for name in ("whole", "left"):
        entry = f"{{id: a, input: a.txt, to: pdf, output: {tmp_path}/a.pdf}}"
        (disk / f"{name}.yaml").write_text(f"version: 1\ndocuments: [{entry}]\n")
        (disk / f"{name}.batch").mkdir()
    whole, left = (disk / f"{each}.batch/ledger.sqlite" for each in ("whole", "left"))
    with Stage(whole) as stage:
        stage.add(document("a"))
        stage.compare()
        stage.merge()
    with closing(connect(whole)) as ledger:
        ledger.execute("INSERT INTO meta VALUES('a', 'b')")
        for end in ("", "-wal"):
            shutil.copy(f"{whole}{end}", f"{left}{end}")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for verb, code in (("status", 0), ("verify", 3), ("plan", 0)):
        assert call([verb, str(disk / "whole.yaml")]) == code
        assert call([verb, str(disk / "left.yaml")]) == 6
        assert f"ledger {left}: " in capsys.readouterr().err
