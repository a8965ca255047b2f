"""Carries a batch from its manifest to its end, and shows it: ``run``, ``retry``.

What is imported here takes the longest of a start, so it is imported when the private
service is on its way.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import click

from orchestrator.batch import (
    BatchFolder,
    Run,
    RunOptions,
    folder_of,
    load_manifest,
    opened,
)
from orchestrator.batch.planning import plan_of
from orchestrator.batch.prepare import Prepared
from orchestrator.batch.run import import_ahead
from orchestrator.cli.ahead import Ahead
from orchestrator.cli.common import (
    echo_json,
    environment,
    faults_shown,
    named,
    near,
)
from orchestrator.cli.display import Display, display
from orchestrator.cli.first import Carried, goes_on, left_of
from orchestrator.cli.patient import patient
from orchestrator.errors import Exit, UsageError, plain
from orchestrator.imports import http
from orchestrator.ledger.bill import Line, since
from orchestrator.ledger.view import View
from orchestrator.model import State
from orchestrator.report.bill import balance_lines, bill_fields, bill_lines
from orchestrator.report.outcome import exit_of
from orchestrator.report.sample import Sample, sample_fields, sample_lines
from orchestrator.report.summary import limit_lines, summary_lines


def retried(
    manifest: Path, state: Path | None, *, failed: bool, missing: bool, code: str | None
) -> frozenset[State]:
    """States of the documents that are to be run again.

    Raises:
        UsageError: the batch was never run, or nothing has failed with that code.
    """
    chosen = ((failed, State.FAILED), (missing, State.MISSING))
    states = frozenset(each for is_chosen, each in chosen if is_chosen)
    with View(folder_of(manifest.absolute(), state).ledger) as view:
        known = view.codes() if code is not None else []
    if code is not None and code not in known:
        there = f"; there are: {', '.join(known)}" if known else ""
        message = f"nothing has failed with {code!r}{there}; nothing was sent"
        raise UsageError(plain(message))
    return states


def rehearse(
    manifest: Path,
    state: Path | None,
    options: RunOptions,
    faults: Path | None,
    ahead: Ahead,
    *,
    as_json: bool,
) -> Exit:
    """Run for nothing (see ``run --rehearse``)."""
    # Slow to import, and only needed here.
    from orchestrator.cli.rehearse import rehearsal_of, show_rehearsal  # noqa: PLC0415

    with patient(), faults_shown(as_json=as_json):
        # Keys are not looked for, but rows are the real ones.
        loaded = load_manifest(manifest, sources=environment())
        rehearsal = rehearsal_of(loaded, state, faults)
        options = replace(options, rehearsal=rehearsal)
        place = rehearsal.folder
        with opened(loaded, state=place, options=options) as (batch, folder):
            carried = _carry(batch, folder, options, ahead, as_json=as_json)
            tab = carried.run.tab
            show_rehearsal(batch.settings, folder, tab, as_json=as_json)
            return carried.ended


def run(
    manifest: Path,
    state: Path | None,
    options: RunOptions,
    ahead: Ahead,
    *,
    first: int | None = None,
    yes: bool = False,
    as_json: bool,
) -> Exit:
    """Run, or try a few first."""
    with patient(), faults_shown(as_json=as_json):
        loaded = load_manifest(manifest, environment=environment())
        import_ahead(folder_of(loaded.settings.path, state).ledger, http)
        with opened(loaded, state=state, options=options) as (batch, folder):
            if first is None:
                return _carry(batch, folder, options, ahead, as_json=as_json).ended
            return _few_first(
                batch, folder, options, ahead, first, yes=yes, as_json=as_json
            )


def _few_first(
    batch: Prepared,
    folder: BatchFolder,
    options: RunOptions,
    ahead: Ahead,
    first: int,
    *,
    yes: bool,
    as_json: bool,
) -> Exit:
    """Carry a few documents to their ends, show what came of them, and ask."""
    few = first if options.limit is None else min(first, options.limit)
    tried = _carry(batch, folder, replace(options, limit=few), ahead, as_json=as_json)
    stage, most = batch.stage, options.limit
    batch = replace(batch, diff=stage.compare(), shares=stage.shares())
    rest = left_of(batch, options)
    rest = rest if most is None else min(rest, most - few)
    sample = Sample(few, rest, tried.run.tally.states, tried.seconds, tried.grown)
    if not as_json and not sample.ended and not rest:
        return tried.ended  # there was nothing to try
    if as_json:
        echo_json("sample", **sample_fields(sample, tried.terms))
    else:
        for line in sample_lines(sample, tried.terms):
            click.echo(line)
    is_free = not tried.run.tally.is_draining and not tried.run.tally.stopped
    if not rest or not is_free or not goes_on(sample, yes=yes, as_json=as_json):
        return tried.ended
    left = None if most is None else most - few
    return _carry(
        batch, folder, replace(options, limit=left), ahead, as_json=as_json
    ).ended


def _carry(
    batch: Prepared,
    folder: BatchFolder,
    options: RunOptions,
    ahead: Ahead,
    *,
    as_json: bool,
) -> Carried:
    plan = plan_of(batch, moved=options.moved)
    run = Run(
        batch,
        folder,
        options=options,
        environment=environment(),
        importing=http,
        service=ahead.service,
    )
    with View(folder.ledger) as view:
        before = view.bill()
    began = time.monotonic()
    with display(as_json=as_json) as shown:
        run.say = shown.say
        shown.begin(plan, run, most=options.limit)
        is_interrupted = ahead.runner.run(_follow(run, shown))
    seconds = time.monotonic() - began
    place = [] if options.rehearsal else _place(batch, folder)
    return _summary(
        folder,
        run,
        seconds,
        is_interrupted,
        before=before,
        manifest=place,
        retries=options.retries,
        as_json=as_json,
    )


def _place(batch: Prepared, folder: BatchFolder) -> list[str]:
    """The manifest, and the option that finds its batch, as one would type them."""
    path = batch.settings.path
    is_usual = folder == folder_of(path, None)
    return named(near(path), None if is_usual else near(folder.path))


async def _follow(run: Run, shown: Display) -> bool:
    """Show a run until its end; ``True`` if the user asked for the end."""
    task = asyncio.current_task()
    running = asyncio.get_running_loop()
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            shown.say("finishing what is in flight; Ctrl-C again stops at once")
            run.drain()
        elif task is not None:
            task.cancel()

    for each in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(each, ask)
    try:
        async for verdict in run:
            shown.ended(verdict)
    except asyncio.CancelledError:
        if asked < 2:
            raise
    return asked > 0


def _summary(
    folder: BatchFolder,
    run: Run,
    seconds: float,
    is_interrupted: bool,  # noqa: FBT001  # private
    *,
    before: Sequence[Line],
    manifest: Sequence[str],
    retries: Collection[State],
    as_json: bool,
) -> Carried:
    with View(folder.ledger) as view:
        states, reasons = view.states(), view.reasons()
        bill, terms, taken = view.bill(), view.terms(), view.taken()
    grown = since(before, bill)
    stopped = run.tally.stopped
    begins_with = (State.OPEN, *retries)
    is_cut = is_interrupted and any(states.get(each) for each in begins_with)
    ended = exit_of(
        states,
        stopped=stopped.values(),
        is_interrupted=is_cut,
        is_stranded=bool(run.stranded),
    )
    if as_json:
        echo_json(
            "summary",
            states=states,
            ended=run.tally.states,
            bytes=run.tally.bytes,
            seconds=round(seconds, 3),
            stopped={name: each.code for name, each in stopped.items()},
            balances=run.balances,
            balances_after=run.balances_after,
            limits={name: found for name, found in run.limits.items() if found},
            **bill_fields(bill, terms, taken),
            ledger=str(folder.ledger),
            exit=int(ended),
        )
        return Carried(ended, run, seconds, grown, terms)
    for line in summary_lines(
        states,
        reasons,
        ended=run.tally.states,
        written=run.tally.bytes,
        seconds=seconds,
        stopped=stopped,
        is_interrupted=is_cut,
        is_retry=bool(retries),
        manifest=manifest,
    ):
        click.echo(line)
    for line in (*limit_lines(run.limits), *bill_lines(bill, terms, taken)):
        click.echo(line)
    # In a rehearsal all accounts share one service, and so its balance.
    for line in (
        balance_lines(run.balances, run.balances_after, grown) if manifest else ()
    ):
        click.echo(line)
    click.echo(f"ledger: {near(folder.ledger)}")
    return Carried(ended, run, seconds, grown, terms)
