"""``python -m benchmarks.kills`` in a short form: SIGKILLs at random moments.

The long form kills a batch of 2,000 documents 200 times (docs/reliability.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills import Options, measure

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


@pytest.mark.parametrize("dialect", ["local", "reportflow"])
def test_client_and_service_are_killed_at_random(dialect: str, tmp_path: Path) -> None:
    """Billed once each; done, or in doubt and then decided; every output is right."""
    options = Options(dialect, documents=40, kills=5, seed=5, service_too=True)
    outcome = measure(options, tmp_path)
    assert not outcome.faults()
    assert outcome.killed.total() >= 1, "it may be over before the next one"
    assert "proof: done 40, billed 40, in doubt 0" in outcome.verified
