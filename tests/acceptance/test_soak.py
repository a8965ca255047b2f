"""``python -m benchmarks.soak`` in a short form: faults, SIGKILLs, a ceiling of memory.

The long form takes 100,000 documents (docs/reliability.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import Options, measure
from benchmarks.soaking.course import ENDED

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def test_a_batch_comes_through_faults_and_kills(tmp_path: Path) -> None:
    """Billed once each; done, or spoiled on purpose; within its memory."""
    outcome = measure(Options(documents=300, kills=2, seed=3), tmp_path)
    assert not outcome.faults()
    assert outcome.course.kills == 2
    assert outcome.proof.billed == 300
    assert outcome.injected["spoil"] == outcome.proof.states["failed"] > 0
    assert sum(outcome.injected.values()) > 30
    assert [each.percent for each in outcome.marks][:2] == [10, 50]
    assert 0 < outcome.course.gauge.peak < outcome.options.ceiling


def test_a_run_that_needs_more_memory_is_told(tmp_path: Path) -> None:
    """The ceiling is real: nothing runs below it, and that breaks the soak."""
    outcome = measure(Options(documents=5, kills=0, ceiling=48 << 20), tmp_path)
    code = outcome.course.exit
    assert code not in ENDED
    assert f"the last run ended with exit code {code}" in outcome.faults()
    assert not outcome.proof.billed
