"""What a run shows on a terminal: a live picture."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from orchestrator.batch.run import Run
from orchestrator.cli.display import total, trouble
from orchestrator.model import Verdict
from orchestrator.plan.batch import Plan
from orchestrator.report import plan as plan_report
from orchestrator.report.units import size

PICTURES_A_SECOND = 4


class Picture:
    """A live picture on a terminal, drawn at most four times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._run: Run | None = None
        self._count = 0
        self._since = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._task = self._bar.add_task("", total=None, rate="", visible=False)
        self._live = Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=PICTURES_A_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def begin(self, plan: Plan, run: Run, *, most: int | None = None) -> None:
        """Print the plan and start the picture."""
        for line in plan_report.lines(plan, is_run=True):
            self._console.print(line, highlight=False, markup=False)
        self._run = run
        self._since = time.monotonic()
        most = total(plan, most)
        self._bar.update(
            self._task, description=plan.name, total=most, visible=most > 0
        )

    def ended(self, verdict: Verdict) -> None:
        """Count a document; what did not work is printed above the picture."""
        self._count += 1
        if line := trouble(verdict):
            self._console.print(line, style="red", highlight=False, markup=False)

    def say(self, line: str) -> None:
        """Print it above the picture."""
        self._console.print(line, highlight=False, markup=False)

    def _draw(self) -> RenderableType:
        seconds = max(time.monotonic() - self._since, 0.001)
        self._bar.update(
            self._task, completed=self._count, rate=f"{self._count / seconds:,.1f}/s"
        )
        details = Text(_details(self._run) if self._run else "", style="dim")
        return Group(self._bar, details)


def picture() -> Picture | None:
    """A picture, if standard output is where one can be drawn."""
    console = Console()
    return Picture(console) if console.is_terminal else None


def _details(run: Run) -> str:
    """Counts by phase and mode, bytes, and what is being waited for."""
    parts = _pairs(run.phases())
    if run.waiting:
        parts.append(f"{run.waiting:,} waiting")
    modes = _pairs(run.tally.modes)
    if modes:
        parts.append(f"done: {', '.join(modes)}")
    parts.append(f"{size(run.tally.bytes)} written")
    if run.tally.is_draining:
        parts.append("finishing what is in flight (Ctrl-C again to stop now)")
    return "  ".join(parts)


def _pairs(counts: dict[str, int]) -> list[str]:
    return [f"{count:,} {name}" for name, count in counts.items()]
