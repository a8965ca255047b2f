"""Push thousands to millions of documents through document APIs.

The Python API has the same words as the command::

    from orchestrator import load_manifest, run_batch

    async for verdict in run_batch(load_manifest(Path("manifest.yaml"))):
        print(verdict.document.id, verdict.state)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.batch import (
        RunOptions,
        batch_status,
        load_manifest,
        plan_batch,
        run_batch,
    )
    from orchestrator.errors import (
        AccountError,
        MachineError,
        ManifestError,
        OrchestratorError,
        UsageError,
    )
    from orchestrator.manifest import Manifest
    from orchestrator.model import Document, Failure, Output, State, Verdict
    from orchestrator.plan.batch import Plan

__all__ = [
    "AccountError",
    "Document",
    "Failure",
    "MachineError",
    "Manifest",
    "ManifestError",
    "OrchestratorError",
    "Output",
    "Plan",
    "RunOptions",
    "State",
    "UsageError",
    "Verdict",
    "batch_status",
    "load_manifest",
    "plan_batch",
    "run_batch",
]

_HOMES = {
    "orchestrator.batch": (
        "RunOptions",
        "batch_status",
        "load_manifest",
        "plan_batch",
        "run_batch",
    ),
    "orchestrator.errors": (
        "AccountError",
        "MachineError",
        "ManifestError",
        "OrchestratorError",
        "UsageError",
    ),
    "orchestrator.manifest": ("Manifest",),
    "orchestrator.model": ("Document", "Failure", "Output", "State", "Verdict"),
    "orchestrator.plan.batch": ("Plan",),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the command starts at once."""
    import importlib  # noqa: PLC0415  # only on the way to a public name

    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'orchestrator' has no attribute {name!r}")
