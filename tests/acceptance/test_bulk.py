"""Bulk invoices: killed twice, numbered without a gap, delivered the same twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bulk

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]


def test_invoices_survive_kills_and_come_out_the_same(tmp_path: Path) -> None:
    """A small form of ``python -m benchmarks.bulk``."""
    bulk.prove(tmp_path, documents=100, kills=2, seed=3)
