"""Turns a manifest into a run: the only place where the parts meet.

The names here are the Python API; the command uses the same ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.batch.api import (
        batch_status,
        load_manifest,
        opened,
        plan_batch,
        run_batch,
    )
    from orchestrator.batch.folder import BatchFolder, folder_of
    from orchestrator.batch.options import RunOptions
    from orchestrator.batch.run import Run

__all__ = [
    "BatchFolder",
    "Run",
    "RunOptions",
    "batch_status",
    "folder_of",
    "load_manifest",
    "opened",
    "plan_batch",
    "run_batch",
]

_HOMES = {
    "BatchFolder": "folder",
    "Run": "run",
    "RunOptions": "options",
    "folder_of": "folder",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: one part does without the others."""
    import importlib  # noqa: PLC0415  # only on the way to a public name

    if name not in __all__:
        raise AttributeError(f"module 'orchestrator.batch' has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'api')}")
    return getattr(home, name)
