"""What a run shows: a live picture on a terminal, plain lines or JSON elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import click
import msgspec
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
from orchestrator.cli.common import echo_json
from orchestrator.model import State, Verdict
from orchestrator.plan.batch import Plan
from orchestrator.report import plan as plan_report
from orchestrator.report.units import size

PICTURES_A_SECOND = 4
LINE_EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


class Display(Protocol):
    """Shows a run while it goes on."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def begin(self, plan: Plan, run: Run, *, most: int | None = None) -> None:
        """Show the plan that is about to be run; ``most`` is what --limit says."""
        ...

    def ended(self, verdict: Verdict) -> None:
        """Show a document that ended."""
        ...

    def say(self, line: str) -> None:
        """Show a line that is not part of the picture."""
        ...


class _Shown:
    """What all displays do on entry and exit: nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class Lines(_Shown):
    """Plain lines, for logs and pipes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0
        self._total = 0
        self._run: Run | None = None

    def begin(self, plan: Plan, run: Run, *, most: int | None = None) -> None:
        """Print the plan."""
        self._run = run
        self._total = _total(plan, most)
        for line in plan_report.lines(plan):
            click.echo(line)
        self._next = self._clock() + LINE_EVERY

    def ended(self, verdict: Verdict) -> None:
        """Print what did not work at once, and the count now and then."""
        if line := _trouble(verdict):
            click.echo(line)
        if self._clock() >= self._next and self._run:
            self._next = self._clock() + LINE_EVERY
            click.echo(f"{_counts(self._run)} of {self._total:,}")

    def say(self, line: str) -> None:
        """Print it."""
        click.echo(line)


class Objects(_Shown):
    """One JSON object a line (docs/cli.md)."""

    def begin(  # the protocol's
        self,
        plan: Plan,
        run: Run,  # noqa: ARG002
        *,
        most: int | None = None,  # noqa: ARG002
    ) -> None:
        """Print the plan as an object."""
        fields = msgspec.to_builtins(plan)
        echo_json("plan", todo=plan.todo, bytes=plan.bytes, **fields)

    def ended(self, verdict: Verdict) -> None:
        """Print the document as an object."""
        echo_json(
            "document",
            id=verdict.document.id,
            state=verdict.state,
            mode=verdict.document.mode,
            outputs=msgspec.to_builtins(verdict.outputs),
            made_by=verdict.made_by,
            failure=msgspec.to_builtins(verdict.failure),
        )

    def say(self, line: str) -> None:
        """Print it as an object."""
        echo_json("note", text=line)


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
        for line in plan_report.lines(plan):
            self._console.print(line, highlight=False, markup=False)
        self._run = run
        self._since = time.monotonic()
        total = _total(plan, most)
        self._bar.update(
            self._task, description=plan.name, total=total, visible=total > 0
        )

    def ended(self, verdict: Verdict) -> None:
        """Count a document; what did not work is printed above the picture."""
        self._count += 1
        if line := _trouble(verdict):
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


def display(*, as_json: bool) -> Display:
    """The display that fits where the output goes."""
    if as_json:
        return Objects()
    console = Console()
    return Picture(console) if console.is_terminal else Lines()


def _total(plan: Plan, most: int | None) -> int:
    return plan.todo if most is None else min(plan.todo, most)


def _trouble(verdict: Verdict) -> str | None:
    if verdict.state is State.DONE or verdict.failure is None:
        return None
    failure = verdict.failure
    word = str(verdict.state).replace("_", " ")
    return f"{word}: {verdict.document.id}: {failure.code}: {failure.message}"


def _counts(run: Run) -> str:
    states = run.tally.states
    done = states.get(State.DONE, 0)
    others = sum(states.values()) - done
    return f"{done:,} done" + (f", {others:,} not" if others else "")


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
