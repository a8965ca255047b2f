"""What a start does not import: each of these takes as long as all the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "pydantic", "jsonschema", "rich", "typst", "orchestrator.designs")


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("orchestrator.cli", ()),
        ("orchestrator.cli.run", ()),
        ("orchestrator.cli.carry", ("pydantic",)),
        ("orchestrator.service.run", ("aiohttp",)),
    ],
)
def test_a_start_imports_no_more_than_it_needs(
    module: str, allowed: tuple[str, ...]
) -> None:
    """Whoever adds one of them here makes every start slower."""
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    imported = set(done.stdout.split())
    assert not imported & (set(HEAVY) - set(allowed))
