"""Killed anywhere, the same command goes on, and nothing is paid twice.

The service runs without deduplication here: a second submit of a job would be accepted
and billed again, so the bill proves what the client sent.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

COUNT = 90


def write(folder: Path, head: str) -> Path:
    """A manifest of short texts in all three modes."""
    (folder / "in").mkdir(parents=True)
    entries = []
    for number in range(COUNT):
        (folder / "in" / f"{number}.txt").write_text(f"text {number}\n" * 20)
        mode = ("sync", "async", "presigned")[number % 3]
        entries.append(
            f"- {{id: d{number:03}, input: in/{number}.txt, mode: {mode}}}\n"
        )
    manifest = folder / "batch.yaml"
    manifest.write_text(head + "documents:\n" + "".join(entries))
    return manifest


def outputs(folder: Path) -> int:
    """Files under final names so far."""
    return len(list((folder / "out").glob("*.pdf")))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_killed_run_goes_on_and_pays_once(tmp_path: Path, share: float) -> None:
    """SIGKILL of the run at some share of the work, twice; then it finishes."""
    with command.service(tmp_path / "data", "--no-deduplication") as apart:
        manifest = write(tmp_path / "work", command.account(apart.url))
        for part in (share, min(0.95, share + 0.05)):
            run = command.start("run", manifest, folder=tmp_path)
            command.wait_for(
                lambda part=part, run=run: (
                    outputs(manifest.parent) >= part * COUNT or run.poll() is not None
                )
            )
            run.send_signal(signal.SIGKILL)
            run.wait(timeout=10)
        ended = command.run("run", manifest, folder=tmp_path)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert command.valid_pdfs(manifest.parent / "out") == COUNT
        assert apart.get("/v1/bill")["accepted"] == COUNT
    again = command.run("run", manifest, "--json", folder=tmp_path)
    assert again.returncode == 0
    assert command.objects(again.stdout)[-1]["ended"] == {}


def test_a_killed_service_goes_on_and_bills_once(tmp_path: Path) -> None:
    """SIGKILL of the service under a run; it is started again, and the run goes on."""
    with command.service(tmp_path / "data", "--no-deduplication") as apart:
        manifest = write(tmp_path / "work", command.account(apart.url))
        run = command.start("run", manifest, folder=tmp_path)
        for share in (0.2, 0.6):
            command.wait_for(
                lambda part=share: outputs(manifest.parent) >= part * COUNT
            )
            apart.kill()
            apart.start()
        assert run.wait(timeout=60) == 0
        assert command.valid_pdfs(manifest.parent / "out") == COUNT
        assert apart.get("/v1/bill")["accepted"] == COUNT


def test_a_killed_run_takes_its_private_service_along(tmp_path: Path) -> None:
    """Nothing of a private service outlives the run; its jobs do, on disk."""
    import psutil

    manifest = write(tmp_path / "work", "version: 1\ndefaults: {to: pdf}\n")
    run = command.start("run", manifest, folder=tmp_path)
    command.wait_for(lambda: outputs(manifest.parent) >= COUNT // 3)
    family = psutil.Process(run.pid).children(recursive=True)
    assert family
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=10)
    assert not psutil.wait_procs(family, timeout=5)[1]
    before = command.run("verify", manifest, "--provider", folder=tmp_path)
    assert before.returncode in (3, 5), before.stdout + before.stderr
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert command.valid_pdfs(manifest.parent / "out") == COUNT
    proof = command.run("verify", manifest, "--provider", "--json", folder=tmp_path)
    assert proof.returncode == 0, proof.stdout + proof.stderr
    told = command.objects(proof.stdout)[-1]
    assert (told["done"], told["billed"], told["unknown"]) == (COUNT, COUNT, 0)
    assert told["asked"]["bill"] == {"accepted": COUNT, "jobs": COUNT}


def test_a_private_service_that_dies_is_started_again(tmp_path: Path) -> None:
    """The run goes on by itself: same address, jobs taken from disk."""
    import psutil

    manifest = write(tmp_path, "version: 1\ndefaults: {to: pdf}\n")
    run = command.start("run", manifest, folder=tmp_path)
    for share in (0.2, 0.6):
        wanted = share * COUNT
        command.wait_for(lambda w=wanted: outputs(manifest.parent) >= w)
        psutil.Process(run.pid).children()[0].kill()
    assert run.wait(timeout=60) == 0
    assert command.valid_pdfs(manifest.parent / "out") == COUNT
