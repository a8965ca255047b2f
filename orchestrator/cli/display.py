"""What a run shows: plain lines or JSON, and on a terminal a live picture."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import click
import msgspec

from orchestrator.batch.run import Run
from orchestrator.cli.common import echo_json, environment
from orchestrator.imports import many
from orchestrator.model import State, Verdict
from orchestrator.plan.batch import Plan
from orchestrator.report import plan as plan_report

LINE_EVERY = 5.0
"""Seconds between two lines where there is no terminal."""
_FORCING = {"FORCE_COLOR", "TTY_COMPATIBLE"}
"""Variables that say what a terminal is; rich knows how."""


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
        self._total = total(plan, most)
        for line in plan_report.lines(plan, is_run=True):
            click.echo(line)
        self._next = self._clock() + LINE_EVERY

    def ended(self, verdict: Verdict) -> None:
        """Print what did not work at once, and the count now and then."""
        if line := trouble(verdict):
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


def display(*, as_json: bool) -> Display:
    """The display that fits where the output goes."""
    if as_json:
        return Objects()
    if not sys.stdout.isatty() and not environment().keys() & _FORCING:
        return Lines()
    # What draws is slow to import, and for people alone.
    with many():
        from orchestrator.cli.picture import picture  # noqa: PLC0415

    return picture() or Lines()


def total(plan: Plan, most: int | None) -> int:
    """How many documents a run will carry at most."""
    return plan.todo if most is None else min(plan.todo, most)


def trouble(verdict: Verdict) -> str | None:
    """A line about a document that is not done."""
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
