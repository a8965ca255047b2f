"""Two processes on one batch; holders that die, freeze, or lose their files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

COUNT = 40


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[command.Service]:
    """One service for all: each test looks at what it adds to the bill."""
    data = tmp_path_factory.mktemp("apart") / "data"
    with command.service(data, "--no-deduplication") as started:
        yield started


def billed(apart: command.Service) -> int:
    """How many jobs were accepted so far."""
    return int(apart.get("/v1/bill")["accepted"])


def write(folder: Path, apart: command.Service) -> Path:
    """A manifest of short texts, slow enough to be met in the middle."""
    key = "key: '${env:TEST_KEY}'"
    head = command.account(apart.url).replace(key, f"{key}, limits: {{rate: 25}}")
    entries = ""
    for n in range(COUNT):
        (folder / f"{n}.txt").write_text(f"text {n}\n")
        entries += f"- {{id: d{n}, input: {n}.txt}}\n"
    manifest = folder / "m.yaml"
    manifest.write_text(f"{head}documents:\n{entries}")
    return manifest


@contextmanager
def running(manifest: Path, *, done: int = 5) -> Iterator[subprocess.Popen[str]]:
    """A run in the middle of its work; what it says is kept."""
    run = subprocess.Popen(
        [*command.COMMAND, "run", str(manifest)],
        cwd=manifest.parent,
        env=command.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out = manifest.parent / "out"
        command.wait_for(lambda: len(list(out.glob("*.pdf"))) >= done)
        yield run
    finally:
        run.send_signal(signal.SIGCONT)
        run.kill()
        run.communicate()


def is_told(manifest: Path, holder: int) -> None:
    """A second run is told who holds the batch, and ends with 6."""
    second = command.run("run", manifest, folder=manifest.parent)
    assert second.returncode == 6, second.stdout + second.stderr
    assert f"process {holder} on {os.uname().nodename}, since 20" in second.stderr


def goes_on(manifest: Path) -> None:
    """The next run finishes at once."""
    ended = command.run("run", manifest, folder=manifest.parent)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert command.valid_pdfs(manifest.parent / "out") == COUNT


def test_a_frozen_holder_thaws_and_sends_nothing_twice(
    tmp_path: Path, apart: command.Service
) -> None:
    """It holds the batch for as long as it is frozen, and then goes on."""
    before = billed(apart)
    manifest = write(tmp_path, apart)
    with running(manifest) as run:
        run.send_signal(signal.SIGSTOP)
        is_told(manifest, run.pid)
        run.send_signal(signal.SIGCONT)
        assert run.wait(timeout=60) == 0
    assert command.valid_pdfs(tmp_path / "out") == COUNT
    assert billed(apart) - before == COUNT


def test_a_lock_file_that_is_deleted_lets_nobody_in(
    tmp_path: Path, apart: command.Service
) -> None:
    """The folder itself is held, too; but nobody waits for a holder that died."""
    before = billed(apart)
    manifest = write(tmp_path, apart)
    with running(manifest) as run:
        run.send_signal(signal.SIGSTOP)
        (tmp_path / "m.batch" / "lock").unlink()
        is_told(manifest, run.pid)
        run.kill()
        run.wait(timeout=10)
        assert (tmp_path / "m.batch" / "holder.json").exists(), "left by the dead"
        goes_on(manifest)
    assert billed(apart) - before == COUNT


def test_a_batch_folder_that_is_deleted_ends_the_run(
    tmp_path: Path, apart: command.Service
) -> None:
    """It says so, and nothing is sent that would be on no record."""
    manifest = write(tmp_path, apart)
    with running(manifest) as run:
        shutil.rmtree(tmp_path / "m.batch")
        assert run.wait(timeout=30) == 6
        after = billed(apart)
        said = run.stderr.read() if run.stderr else ""
    assert "m.batch/ledger.sqlite: it was removed or replaced" in said
    assert "Traceback" not in said
    time.sleep(0.5)
    assert billed(apart) == after
    assert command.valid_pdfs(tmp_path / "out") < COUNT
