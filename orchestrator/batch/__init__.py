"""Turns a manifest into a run: the only place where the parts meet.

The names here are the Python API; the command uses the same ones.
"""

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
