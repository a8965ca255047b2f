"""What converters share in a worker process."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from orchestrator.service.render.task import Setup, Task
from orchestrator.service.render.typeset import Typesetter


class Bench:
    """Tools of one worker process, made when they are first needed."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.scratch = Path(setup.scratch)

    @cached_property
    def typesetter(self) -> Typesetter:
        """Typst, which looks for packages in an empty folder only."""
        packages = self.scratch / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        return Typesetter(packages)


def output(task: Task, n: int | None = None, ending: str | None = None) -> Path:
    """Where the n-th output of a task goes, or its only one."""
    name = "made" if n is None else f"made-{n:05d}"
    return Path(task.folder) / f"{name}.{ending or task.target}"


def versions(*distributions: str) -> str:
    """Names and versions of what made a result."""
    return " + ".join(f"{each} {version(each)}" for each in distributions)
