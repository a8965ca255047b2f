"""Rehearsals: nothing leaves the machine, and under a storm of faults nothing is lost.

The private service of a rehearsal bills every repetition, so its bill proves what the
client sent.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from orchestrator.batch.accounts import providers
from orchestrator.cli.tour import STORM
from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

COUNT = 200


@dataclass(frozen=True)
class Case:
    """A provider and a mode."""

    provider: str
    mode: str

    def __str__(self) -> str:
        return f"{self.provider}-{self.mode}"


def spoken(name: str) -> bool:
    """Whether the service speaks a provider's API."""
    dialect = f"orchestrator.service.dialects.{name}"
    with suppress(ModuleNotFoundError):
        return name == "local" or find_spec(dialect) is not None
    return False


CASES = [
    Case(name, str(mode))
    for name, provider in sorted(providers().items())
    for mode in provider.flows
    if spoken(name)
]
UNKNOWN = {"lose", "reset", "cut", "short", "page", "redirect", "refuse_500"}
UNKNOWN |= {"refuse_502", "refuse_503", "lose_500", "lose_502", "redirect_307"}
"""Faults after which nobody can tell whether the request was accepted: replies that
were lost, and statuses that are outside of the table of refusals (503 of ComPDF)."""
TOGETHER = {
    ("compdf", "sync"): 1,
    ("compdf", "async"): 5,
    ("convertapi", "sync"): 1,
    ("convertapi", "async"): 1,
    ("convertapi", "presigned"): 1,
    ("reportflow", "sync"): 1,
    ("reportflow", "async"): 100,
}
"""Where a lost submit cannot always be looked up, and how many documents it may carry:
ComPDF's task list shows no names, ReportFlow tells of jobs by webhooks alone, and a 404
of ConvertAPI proves nothing before it has answered for one of our own ids."""


def write(folder: Path, case: Case, count: int = COUNT) -> Path:
    """A manifest of tiny texts for an account whose key is nowhere."""
    (folder / "in").mkdir(parents=True)
    convert = case.provider != "reportflow"
    lines = [
        "version: 1",
        "providers:",
        f"  paid: {{type: {case.provider}, url: 'http://paid.invalid', price: 0.02,",
        "         key: '${env:A_KEY_THAT_IS_NOWHERE}'}",
        f"defaults: {{provider: paid, to: pdf, mode: {case.mode}}}",
        "documents:",
    ]
    for n in range(count):
        (folder / "in" / f"{n}.txt").write_text(f"text {n}\n")
        if convert:
            lines.append(f"- {{id: d{n:03}, input: in/{n}.txt}}")
        else:
            params = f"params: {{title: 'Text {n}'}}"
            lines.append(f"- {{id: d{n:03}, design: letter@1, {params}}}")
    manifest = folder / "batch.yaml"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def rehearse(manifest: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    """Rehearse, and give what was printed as objects."""
    ended = rehearsed(manifest, "--json", *arguments)
    assert ended.returncode in (0, 3, 5), ended.stdout[-3000:] + ended.stderr
    return command.objects(ended.stdout)


def rehearsed(
    manifest: Path, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """Rehearse, and give how the command ended."""
    folder = manifest.parent
    return command.run("run", manifest, "--rehearse", *arguments, folder=folder)


def of(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The objects of one type."""
    return [each for each in told if each["type"] == kind]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_storm_loses_nothing_and_pays_once(tmp_path: Path, case: Case) -> None:
    """A tenth of all requests goes wrong in every way; some files are spoiled."""
    script = tmp_path / "storm.yaml"
    script.write_text(storm(case) + "- {every: 25, fault: spoil}\n")
    manifest = write(tmp_path / "work", case)
    told = rehearse(manifest, "--faults", script)
    (summary,), (bill,) = of(told, "summary"), of(told, "rehearsal")
    states = summary["states"]
    spoiled = bill["faults"]["spoil"]
    assert sum(bill["faults"].values()) - spoiled >= COUNT // 20
    billed = bill["bill"]
    assert billed["accepted"] == billed["jobs"] <= COUNT
    assert spoiled == billed["accepted"] // 25
    found = [each for each in of(told, "document") if each["state"] != "done"]
    failed = [each for each in found if each["state"] == "failed"]
    doubted = [each for each in found if each["state"] == "in_doubt"]
    assert len(failed) + len(doubted) == len(found) == COUNT - states["done"]
    # Of a refusal whose body was cut, only the status is known.
    reasons = {reason(each) for each in failed}
    assert {"a fault on purpose"} <= reasons <= {"a fault on purpose", "status 422"}
    assert len(failed) <= spoiled
    check_doubts(case, doubted, bill["phases"])
    assert billed["accepted"] >= COUNT - len(doubted)
    out = manifest.parent / "batch.rehearsal" / "out" / "out"
    assert command.valid_pdfs(out) == states["done"]
    assert not (manifest.parent / "out").exists()
    assert not (manifest.parent / "batch.batch").exists()


def storm(case: Case) -> str:
    """The storm; what would stop an account is left to the steps that cannot follow.

    ReportFlow's downloads follow a redirect, and one that leads to no host ends in an
    account that stops: its documents stay open, which is no loss, and no end either.
    """
    text = STORM.read_text()
    if case.provider != "reportflow":
        return text
    away = "- {match: {phase: submit}, share: 0.01, fault: redirect}\n"
    return text.replace("  - redirect\n", "") + away


def reason(document: dict[str, Any]) -> str:
    """Why a document failed, without the status before it."""
    message: str = document["failure"]["message"]
    return message.rpartition(": ")[2]


def check_doubts(
    case: Case, doubted: list[dict[str, Any]], phases: dict[str, dict[str, int]]
) -> None:
    """No document is in doubt without a reply that was lost or unknown."""
    together = TOGETHER.get((case.provider, case.mode), 0)
    charged = [phases.get(each, {}) for each in ("submit", "execute")]
    told = [pair for counts in charged for pair in counts.items()]
    unknown = sum(count for kind, count in told if kind in UNKNOWN)
    assert len(doubted) <= unknown * together


@pytest.mark.parametrize("provider", ["reportflow", "compdf"])
def test_webhooks_are_rehearsed(tmp_path: Path, provider: str) -> None:
    """Work whose reply was lost is taken over by what the webhook says, paid once."""
    script = tmp_path / "lose.yaml"
    rule = f"{{match: {{phase: submit, dialect: {provider}}}, at: [1], fault: lose}}"
    script.write_text(f"seed: 1\nrules:\n- {rule}\n")
    manifest = write(tmp_path / "work", Case(provider, "async"), 5)
    told = rehearse(manifest, "--faults", script)
    (summary,), (bill,) = of(told, "summary"), of(told, "rehearsal")
    assert bill["faults"] == {"lose": 1}
    assert summary["states"] == {"done": 5}
    assert bill["bill"]["accepted"] == bill["bill"]["jobs"]


def test_a_rehearsal_says_what_it_would_cost(tmp_path: Path) -> None:
    """Units of each account and operation, the price, and the service's own bill."""
    manifest = write(tmp_path, Case("local", "async"), 5)
    ended = rehearsed(manifest)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "paid (local), convert" in ended.stdout
    assert "5 units at 0.02: 0.10" in ended.stdout
    assert "5 jobs accepted, 0 repetitions" in ended.stdout
    assert "faults injected" not in ended.stdout


def test_rehearsing_twice_starts_anew(tmp_path: Path) -> None:
    """The second one does all documents again; the real run knows of neither."""
    manifest = write(tmp_path, Case("local", "sync"), 3)
    for _ in range(2):
        told = rehearse(manifest)
        assert of(told, "summary")[0]["ended"] == {"done": 3}
        assert of(told, "rehearsal")[0]["bill"] == {"accepted": 3, "jobs": 3}
    assert not (tmp_path / "batch.batch").exists()


def test_a_folder_of_something_else_is_not_emptied(tmp_path: Path) -> None:
    """Only what a rehearsal made is removed."""
    manifest = write(tmp_path, Case("local", "sync"), 1)
    precious = tmp_path / "mine" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    ended = rehearsed(manifest, "--state", precious.parent)
    assert ended.returncode == 1
    assert "--state" in ended.stderr
    assert precious.read_text() == "years of work"


def test_a_faulty_script_stops_it_before_anything(tmp_path: Path) -> None:
    """With the place of the fault; an earlier rehearsal is untouched."""
    manifest = write(tmp_path, Case("local", "sync"), 1)
    script = tmp_path / "faults.yaml"
    script.write_text("seed: 1\nrules:\n- {share: 2, fault: reset}\n")
    ended = rehearsed(manifest, "--faults", script)
    assert ended.returncode == 1
    assert f"{script}:3:11: share must be at most 1" in ended.stderr
    assert not (tmp_path / "batch.rehearsal").exists()


def test_faults_belong_to_rehearsals(tmp_path: Path) -> None:
    """A real run takes none."""
    manifest = write(tmp_path, Case("local", "sync"), 1)
    ended = command.run("run", manifest, "--faults", STORM, folder=tmp_path)
    assert ended.returncode == 1
    assert "--rehearse" in ended.stderr


def test_outputs_outside_of_the_manifest_come_inside(tmp_path: Path) -> None:
    """Not even an absolute path of the manifest is written to."""
    folder = tmp_path / "work"
    manifest = write(folder, Case("local", "sync"), 2)
    away = tmp_path / "away"
    text = manifest.read_text().replace("to: pdf", f"to: pdf, output: '{away}/'")
    manifest.write_text(text)
    rehearse(manifest)
    assert not away.exists()
    found = list((folder / "batch.rehearsal" / "out" / "elsewhere").rglob("*.pdf"))
    assert len(found) == 2


def test_the_selftest_says_what_is_true(tmp_path: Path) -> None:
    """Every step in one line, and what it made can be kept."""
    ended = command.run("selftest", "--keep", tmp_path / "kept", folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    steps = Counter(line.strip()[:1] for line in ended.stdout.splitlines())
    assert steps["✓"] == 8
    assert "each document once, none twice" in ended.stdout
    assert command.valid_pdfs(tmp_path / "kept" / "out") == 40
