"""What ``run --first`` adds to a run: what is left, and the question."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from orchestrator.batch import Run, RunOptions
from orchestrator.batch.prepare import Prepared
from orchestrator.errors import Exit
from orchestrator.ledger.bill import Line, Terms
from orchestrator.ledger.feed import is_named
from orchestrator.model import State
from orchestrator.report.sample import Sample

LEFT = (State.OPEN, State.IN_DOUBT, State.OVERDUE, State.GONE)
"""States of documents that a run carries on."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A run that is over, and what the bill has grown by."""

    ended: Exit
    run: Run
    seconds: float
    grown: Sequence[Line]
    terms: Terms


def left_of(batch: Prepared, options: RunOptions) -> int:
    """How many documents are still to be done, of those that are meant."""
    if not options.only:
        return sum(each.documents for each in batch.shares)
    return sum(
        any(is_named(document.id, by=by) for by in options.only)
        and (fate in ("new", "changed") or state in LEFT)
        for document, state, fate in batch.stage.documents()
    )


def goes_on(sample: Sample, *, yes: bool, as_json: bool) -> bool:
    """Whether to go on: --yes says so if all is well, a terminal is asked."""
    if yes and sample.is_good:
        return True
    if not yes and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        return click.confirm(f"go on with the other {sample.rest:,}?")
    if not as_json:
        click.echo("to go on, run the same command without --first")
    return False
