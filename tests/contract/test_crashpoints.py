"""The sweep of ``python -m benchmarks.crashpoints``, each effect of each pair once.

What it finds is a document that was lost, billed twice, or left in doubt where the API
could have told; the files and the ledger are real.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.crashing.cases import Case, cases
from benchmarks.crashing.power import sweep_log
from benchmarks.crashing.sweep import sweep
from orchestrator.model import Mode
from tests.model import Service

pytestmark = pytest.mark.timeout(60)  # thousands of commits, beside whatever else runs
PAIRS = [each for each in cases() if not each.at_once]
DARK = [Case("local", Service, Mode.PRESIGNED)]


def name_of(case: Case) -> str:
    """Provider, mode and what is particular."""
    return f"{case.name}-{case.mode} {case.extra}".strip()


@pytest.mark.parametrize("case", PAIRS, ids=name_of)
async def test_killed_after_each_effect(case: Case, tmp_path: Path) -> None:
    """The next run ends it; a job of several documents is cut at every fifth."""
    every = 1 if case.documents == 1 else 5
    tally = await sweep(case, tmp_path, power=False, every=every, thorough=False)
    assert not tally.faults
    assert tally.cuts > 6
    assert tally.done + tally.doubt.total() == (tally.cuts + 1) * case.documents


@pytest.mark.parametrize("case", DARK, ids=name_of)
async def test_the_power_goes_after_each_effect(case: Case, tmp_path: Path) -> None:
    """What was not synced is gone, and nothing depended on it."""
    tally = await sweep(case, tmp_path, every=3)
    assert not tally.faults
    assert tally.done == tally.cuts + 1


@pytest.mark.parametrize("case", PAIRS[:1], ids=name_of)
async def test_the_resume_is_cut_as_well(case: Case, tmp_path: Path) -> None:
    """Twice in a row, after some effects of either run."""
    tally = await sweep(case, tmp_path, power=False, every=6, twice=7)
    assert not tally.faults
    assert tally.cuts > 5


@pytest.mark.parametrize("case", PAIRS[:1], ids=name_of)
async def test_the_log_of_the_ledger_is_cut_anywhere(
    case: Case, tmp_path: Path
) -> None:
    """All whose commit returned is there; what a power loss left of more is not."""
    cuts = await sweep_log(case, tmp_path)
    assert not cuts.faults
    assert cuts.tried > 30
