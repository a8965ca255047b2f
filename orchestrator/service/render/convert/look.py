"""Looks into a document before it is decided who converts it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.service.render import packed
from orchestrator.service.render.bench import Bench
from orchestrator.service.render.task import Answer, Task

UNCALCULATED = "uncalculated"


def convert(task: Task, bench: Bench) -> Answer:
    """Warn of a workbook whose formulas were never calculated."""
    path = Path(task.inputs[0])
    packed.check(path, task.source)
    return Answer(warnings=(UNCALCULATED,) if packed.is_uncalculated(path) else ())
