"""What nobody can look up is decided by the user, and the proof says so."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger.view import View
from tests.acceptance import command
from tests.paper import pdf

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

PDF = pdf("mine")


def script(folder: Path, fault: str) -> tuple[str, ...]:
    """The first hand-over goes wrong; every repetition would be billed."""
    path = folder / "faults.yaml"
    rule = f"- {{match: {{phase: submit}}, at: [1], fault: {fault}}}"
    path.write_text(f"seed: 1\nrules:\n{rule}\n")
    return ("--no-deduplication", "--stand-in-designs", "--faults", str(path))


def write(folder: Path, url: str, mode: str, count: int) -> Path:
    """A manifest for an API without any lookup."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "version: 1",
        "providers:",
        f"  flow: {{type: reportflow, url: '{url}', key: '${{env:TEST_KEY}}'}}",
        f"defaults: {{provider: flow, to: pdf, mode: {mode}}}",
        "documents:",
    ]
    for n in range(count):
        params = f"params: {{title: 'Text {n}'}}"
        lines.append(f"- {{id: d{n}, design: letter@1, {params}}}")
    manifest = folder / "m.yaml"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def told(manifest: Path, *arguments: str | Path, code: int) -> list[dict[str, Any]]:
    """Run a command with ``--json``; it has to end with this code."""
    verb, *more = arguments
    ended = command.run(verb, manifest, "--json", *more, folder=manifest.parent)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return command.objects(ended.stdout)


def intends(manifest: Path) -> bool:
    """Whether a request is on its way whose outcome is not known."""
    ledger = manifest.with_suffix(".batch") / "ledger.sqlite"
    # It may be just about to be made.
    with suppress(UsageError, MachineError), View(ledger) as view:
        return view.unanswered() > 0
    return False


def test_killed_before_the_reply_decided_and_proved(tmp_path: Path) -> None:
    """In doubt, resubmitted, done: the bill has the one that was paid twice."""
    faults = script(tmp_path, "{kind: slow, seconds: 60}")
    with command.service(tmp_path / "data", *faults) as apart:
        manifest = write(tmp_path / "work", apart.url, "sync", 2)
        run = command.start("run", manifest, "--limit", "1", folder=tmp_path)
        command.wait_for(lambda: intends(manifest))
        command.wait_for(lambda: apart.get("/v1/bill")["accepted"] == 1)
        held = command.run("resolve", manifest, "--resubmit", "--all", folder=tmp_path)
        assert held.returncode == 6
        assert str(run.pid) in held.stderr
        run.send_signal(signal.SIGKILL)
        run.wait(timeout=10)
        (status,) = told(manifest, "status", code=0)
        assert (status["states"], status["unanswered"]) == ({"open": 2}, 1)
        told(manifest, "run", code=5)
        _, one = told(manifest, "status", "--attention", code=5)
        assert (one["id"], one["state"], one["offer"]) == ("d0", "in_doubt", "echo")
        assert one["commands"][1].endswith("--resubmit d0")
        proof = told(manifest, "verify", code=5)[-1]
        assert (proof["done"], proof["billed"], proof["unknown"]) == (1, 1, 1)
        resolved = told(manifest, "resolve", "--resubmit", "d0", code=0)[-1]
        assert resolved["states"] == {"in_doubt": 1}
        again = told(manifest, "resolve", "--resubmit", "d0", code=0)[-1]
        assert (again["documents"], again["already"]) == (0, ["d0"])
        told(manifest, "run", code=0)
        proof = told(manifest, "verify", "--inputs", code=0)[-1]
        assert (proof["done"], proof["billed"], proof["unknown"]) == (2, 2, 0)
        assert (proof["possible"], proof["deviations"]) == (1, {})
        assert apart.get("/v1/bill")["accepted"] == 3
        assert command.valid_pdfs(manifest.parent / "out") == 2


def test_the_documents_of_one_lost_reply_go_three_ways(tmp_path: Path) -> None:
    """One request, four documents: sent anew, had already, given up, left."""
    with command.service(tmp_path / "data", *script(tmp_path, "lose")) as apart:
        manifest = write(tmp_path / "work", apart.url, "async", 4)
        assert told(manifest, "run", code=5)[-1]["states"] == {"in_doubt": 4}
        page = tmp_path / "page.pdf"
        page.write_text("<!doctype html><html>502 Bad Gateway</html>")
        mark = ("resolve", "--mark-done")
        refused = command.run(mark[0], manifest, *mark[1:], "d1", "d2", folder=tmp_path)
        assert refused.returncode == 1
        assert refused.stderr.count("No such file") == 2
        told(manifest, *mark, "d1", "--output", page, code=1)
        assert not (manifest.parent / "out" / "d1.pdf").exists()
        page.write_bytes(PDF)
        told(manifest, *mark, "d1", "--output", page, code=0)
        assert (manifest.parent / "out" / "d1.pdf").read_bytes() == PDF
        told(manifest, "resolve", "--resubmit", "d0", code=0)
        told(manifest, "resolve", "--give-up", "d2", code=0)
        asked = told(manifest, "verify", "--provider", code=5)[-1]["asked"]
        assert asked["jobs"] == {"mute": 1}
        told(manifest, "run", code=5)
        proof = told(manifest, "verify", code=5)[-1]
        assert proof["states"] == {"done": 2, "failed": 1, "in_doubt": 1}
        assert (proof["done"], proof["by_hand"], proof["billed"]) == (1, 1, 1)
        assert proof["deviations"] == {}
        listed = manifest.parent / "away" / "again.yaml"
        told(manifest, "failed", "-o", listed, code=0)
        assert "# failed: given_up: the user gave it up" in listed.read_text()
        told(listed, "run", code=0)
        assert command.valid_pdfs(manifest.parent / "out") == 3


def test_a_terminal_is_asked_before_it_pays_twice(tmp_path: Path) -> None:
    """No is an answer: nothing was decided. What is no terminal is not asked."""
    with command.service(tmp_path / "data", *script(tmp_path, "lose")) as apart:
        manifest = write(tmp_path / "work", apart.url, "async", 2)
        told(manifest, "run", code=5)
    leader, follower = pty.openpty()
    arguments = ["resolve", str(manifest), "--resubmit", "--all"]
    with os.fdopen(leader, "wb", buffering=0) as keys:
        keys.write(b"n\n")
        ended = subprocess.run(
            [*command.COMMAND, *arguments],
            stdin=follower,
            capture_output=True,
            text=True,
            env=command.environment(),
            timeout=60,
            check=False,
        )
    os.close(follower)
    assert ended.returncode == 1
    assert ended.stdout.endswith("nothing was decided\n")
    assert "2 documents may be billed a second time" in ended.stdout
    assert told(manifest, "status", code=5)[0]["states"] == {"in_doubt": 2}
    told(manifest, "resolve", "--resubmit", "--in", "in_doubt", code=0)
    assert told(manifest, "status", code=0)[0]["states"] == {"open": 2}
