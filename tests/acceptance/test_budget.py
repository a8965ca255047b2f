"""A budget as a user meets it: what is sent, what the service billed, what is said."""

from __future__ import annotations

import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

MANIFEST = """\
version: 1
budget: {budget}
stop_at: {{failures: 50%}}
providers:
  paid:
    type: local
    url: "{url}"
    key: "${{env:TEST_KEY}}"
    price: "0.10"
    max_cost: {most}
    limits: {{width: 2, jobs: 3}}
defaults: {{provider: paid, mode: async}}
documents: [{{glob: "in/*.txt"}}]
"""


def write(folder: Path, url: str, budget: str, most: str = "2") -> Path:
    """A manifest of eight documents."""
    (folder / "in").mkdir(exist_ok=True)
    for n in range(8):
        (folder / "in" / f"d{n}.txt").write_text(f"document {n}")
    path = folder / "m.yaml"
    path.write_text(MANIFEST.format(budget=budget, url=url, most=most))
    return path


def summary(folder: Path, *arguments: str, code: int) -> dict[str, Any]:
    """Run it; its last object but those of ``--first``."""
    ended = command.run("run", "m.yaml", "--json", *arguments, folder=folder)
    assert ended.returncode == code, ended.stdout + ended.stderr
    found = command.objects(ended.stdout)
    return [each for each in found if each["type"] == "summary"][-1]


def answered(folder: Path, answer: bytes, *arguments: str) -> str:
    """Run on a terminal, and answer what is asked."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*command.COMMAND, "run", "m.yaml", *arguments],
        cwd=folder,
        env=command.environment() | {"TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    with suppress(OSError):
        while part := os.read(ours, 4096):
            text += part
            if b"[y/N]" in text and answer:
                os.write(ours, answer)
                answer = b""
    os.close(ours)
    process.wait(timeout=30)
    return text.decode()


def test_a_budget_is_never_passed_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    """0.50 EUR at 0.20 each at most, 0.10 in fact: four documents, and not a fifth."""
    with command.service(tmp_path / "service", "--no-deduplication") as apart:
        write(tmp_path, apart.url, '{money: "0.50", currency: EUR}')
        plan = command.run("plan", "m.yaml", folder=tmp_path).stdout
        assert "2 documents are sure to fit, 6 MAY STAY OPEN" in plan
        found = summary(tmp_path, "--first", "2", "--yes", code=4)
        assert found["states"] == {"done": 4, "open": 4}
        assert found["stopped"] == {"paid": "budget"}
        assert found["budget"] == {"limit": "0.50", "currency": "EUR", "taken": "0.4"}
        assert apart.get("/v1/bill")["accepted"] == 4
        stopped = command.run("status", "m.yaml", folder=tmp_path)
        assert stopped.returncode == 4, stopped.stderr
        assert "the last run stopped account paid: budget: the budget" in stopped.stdout
        assert "mend what stopped the account" in stopped.stdout
        write(tmp_path, apart.url, "{units: 9}")
        assert summary(tmp_path, code=0)["bill"][0]["spent"] == 8
        status = command.run("status", "m.yaml", folder=tmp_path).stdout
        assert "bill of paid, convert: 8 units for 8 documents, at 0.10: 0.80" in status
        assert "budget: 8 of 9 units spent or reserved" in status
        assert apart.get("/v1/bill")["accepted"] == 8
        export = command.run("ledger", "export", "m.yaml", folder=tmp_path).stdout
        assert export.splitlines()[0].endswith(",units,units_possible,cost")
        assert export.splitlines()[1].endswith(",1.0,0.0,0.1")
        path = write(tmp_path, apart.url, "{}", most="2")
        path.write_text(path.read_text().replace("budget: {}", ""))
        assert summary(tmp_path, code=0)["budget"] is None


def test_a_cost_above_the_declared_one_stops_and_says_so(tmp_path: Path) -> None:
    """Also the next run starts nothing, until max_cost says what is charged."""
    with command.service(tmp_path / "service", "--no-deduplication") as apart:
        write(tmp_path, apart.url, "{units: 9}", most="0.5")
        found = summary(tmp_path, code=4)
        assert found["stopped"] == {"paid": "cost_above_declared"}
        billed = apart.get("/v1/bill")["accepted"]
        assert 1 <= billed <= 7
        assert summary(tmp_path, code=4)["stopped"] == found["stopped"]
        assert apart.get("/v1/bill")["accepted"] == billed
        write(tmp_path, apart.url, "{units: 9}", most="1")
        assert summary(tmp_path, code=0)["states"] == {"done": 8}


def test_the_first_ones_are_shown_before_the_others_are_sent(tmp_path: Path) -> None:
    """Without a terminal and with a No nothing more is sent; with a Yes all is."""
    with command.service(tmp_path / "service", "--no-deduplication") as apart:
        write(tmp_path, apart.url, "{units: 99}")
        ended = command.run("run", "m.yaml", "--first", "2", folder=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "first 2: 2 done" in ended.stdout
        assert "6 units (0.60)" in ended.stdout
        assert "run the same command without --first" in ended.stdout
        assert apart.get("/v1/bill")["accepted"] == 2
        said = answered(tmp_path, b"n\n", "--first", "1")
        assert "go on with the other 5? [y/N]" in said
        assert apart.get("/v1/bill")["accepted"] == 3
        assert "8 done" in answered(tmp_path, b"y\n", "--first", "1")
        assert apart.get("/v1/bill")["accepted"] == 8


def test_too_many_failures_stop_the_run(tmp_path: Path) -> None:
    """More than two damaged files: the others stay open."""
    with command.service(tmp_path / "service") as apart:
        path = write(tmp_path, apart.url, "{units: 99}")
        text = path.read_text().replace("*.txt", "*.png")
        path.write_text(text.replace("failures: 50%", "failures: 2"))
        for n in range(60):
            (tmp_path / "in" / f"p{n:02}.png").write_bytes(b"no picture")
        found = summary(tmp_path, code=4)
        assert found["stopped"] == {"paid": "too_many_failures"}
        assert 3 <= found["states"]["failed"] < 60
        assert found["states"]["open"] == 60 - found["states"]["failed"]
        # The service does not charge for failures, so nothing is held for them.
        assert float(found["budget"]["taken"]) == 0
