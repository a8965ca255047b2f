"""``run`` and ``retry``: carry documents to their ends."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
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
from orchestrator.cli import loop
from orchestrator.cli.common import (
    address_given,
    echo_json,
    environment,
    faults_shown,
    json_option,
    manifest_argument,
    named,
    near,
    overwrite_option,
    state_option,
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
from orchestrator.report.summary import summary_lines

_ONLY = click.option(
    "--only",
    multiple=True,
    metavar="ID|GLOB",
    help="Start only these documents; may be given several times.",
)
_LIMIT = click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Start at most N documents: try a few before many.",
)
_LOG = click.option(
    "--log-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append one redacted JSON line for every exchange with a provider.",
)


_WEBHOOKS = click.option(
    "--webhooks",
    metavar="URL",
    help="Public address that providers may call when a job is done.",
)
_LISTEN = click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=address_given,
    help="Listen for webhooks here while the run lasts.",
)
_INBOX = click.option(
    "--inbox",
    type=click.Path(file_okay=False, path_type=Path),
    help="Read webhooks from this durable inbox (see `orchestrator listen`).",
)


_ADOPT = click.option(
    "--adopt",
    is_flag=True,
    help="Send changed documents again that are done, which is billed again.",
)
_REFUSE = click.option(
    "--refuse",
    is_flag=True,
    help="Send nothing if anything in the manifest changed or went.",
)


@click.command(
    "run",
    epilog="Exit codes: 0 all done, 1 fault in the manifest or usage, 2 a bug, "
    "3 some documents failed, 4 an account stopped, 5 documents in doubt, overdue, "
    "lost or missing, 6 this machine (disk, lock), 130 interrupted.",
)
@manifest_argument
@_ONLY
@_LIMIT
@click.option(
    "--first",
    type=click.IntRange(1),
    metavar="N",
    help="Carry N documents to their ends, show what came of them and what the rest "
    "would cost, and ask whether to go on.",
)
@click.option(
    "--yes", is_flag=True, help="With --first: go on unasked if all N are done."
)
@overwrite_option
@_ADOPT
@_REFUSE
@click.option(
    "--rehearse",
    is_flag=True,
    help="Run against a private service that speaks each provider's API: no key, no "
    "cost, outputs in STEM.rehearsal/out; says what the real run would cost.",
)
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE|storm",
    help="With --rehearse: a script of faults that happen on purpose; `storm` is a "
    "built-in one in which a tenth of all requests goes wrong.",
)
@_LOG
@_WEBHOOKS
@_LISTEN
@_INBOX
@state_option
@json_option
def run_command(
    manifest: Path,
    state: Path | None,
    *,
    only: tuple[str, ...],
    limit: int | None,
    first: int | None,
    yes: bool,
    overwrite: bool,
    adopt: bool,
    refuse: bool,
    rehearse: bool,
    faults: Path | None,
    log_file: Path | None,
    webhooks: str | None,
    listen: str | None,
    inbox: Path | None,
    as_json: bool,
) -> Exit:
    """Run a manifest, or go on where an earlier run stopped.

    The whole manifest is checked before anything is sent. Every document is
    carried through its provider in the mode that the plan chose (see
    `orchestrator plan`), and the results ledger is written beside the manifest in
    STEM.batch/.

    \b
    Run the same command again whenever you like:
      * what is done is not sent again;
      * what was in flight is looked up, never paid twice;
      * documents that failed stay failed: see `orchestrator retry --failed`;
      * what changed since it was done is sent again only with --adopt.

    \b
    Ctrl-C once starts nothing new and finishes what is in flight; twice stops at
    once. Both leave a ledger that goes on.
    """  # noqa: D301  # \b is click's mark for text that is not wrapped
    options = RunOptions(
        only=only,
        limit=limit,
        overwrite=overwrite,
        adopt=adopt,
        refuse=refuse,
        log_file=log_file,
        webhooks=webhooks,
        listen=listen,
        inbox=inbox,
    )
    if yes and first is None:
        raise UsageError("--yes answers the question of --first: say --first, too")
    if rehearse and first is not None:
        raise UsageError("--first asks before it spends; to rehearse a few, --limit N")
    if rehearse:
        return _rehearse(manifest, state, options, faults, as_json=as_json)
    if faults is not None:
        raise UsageError("--faults is for rehearsals: say --rehearse, too")
    return _run(manifest, state, options, first=first, yes=yes, as_json=as_json)


@click.command("retry")
@manifest_argument
@click.option("--failed", is_flag=True, help="Run failed documents again.")
@click.option(
    "--missing", is_flag=True, help="Make outputs again that are gone or were changed."
)
@click.option("--code", metavar="CODE", help="Only those that failed with this code.")
@overwrite_option
@_ADOPT
@_REFUSE
@_LIMIT
@_LOG
@state_option
@json_option
def retry_command(
    manifest: Path,
    state: Path | None,
    *,
    failed: bool,
    missing: bool,
    code: str | None,
    overwrite: bool,
    adopt: bool,
    refuse: bool,
    limit: int | None,
    log_file: Path | None,
    as_json: bool,
) -> Exit:
    """Run documents again that failed, or whose outputs are gone.

    They are asked for as new work, which a provider may bill again; only results
    that are already paid for and merely could not be saved are fetched.
    """
    chosen = ((failed, State.FAILED), (missing, State.MISSING))
    states = frozenset(each for is_chosen, each in chosen if is_chosen)
    if not states:
        raise UsageError("say what to retry: --failed, --missing, or both")
    # A batch that was never run is a usage error.
    with View(folder_of(manifest.absolute(), state).ledger) as view:
        known = {each.code for each in view.reasons() if each.state in states}
    if code is not None and code not in known:
        there = f"; there are {', '.join(sorted(known))}" if any(known) else ""
        click.echo(plain(f"note: nothing has failed with {code!r}{there}"), err=True)
    options = RunOptions(
        limit=limit,
        overwrite=overwrite,
        adopt=adopt,
        refuse=refuse,
        retries=states,
        code=code,
        log_file=log_file,
    )
    return _run(manifest, state, options, as_json=as_json)


def _rehearse(
    manifest: Path,
    state: Path | None,
    options: RunOptions,
    faults: Path | None,
    *,
    as_json: bool,
) -> Exit:
    # Slow to import, and only needed here.
    from orchestrator.cli.rehearse import rehearsal_of, show_rehearsal  # noqa: PLC0415

    with patient(), faults_shown(as_json=as_json):
        # Keys are not looked for, but rows are the real ones.
        loaded = load_manifest(manifest, sources=environment())
        rehearsal = rehearsal_of(loaded, state, faults)
        options = replace(options, rehearsal=rehearsal)
        place = rehearsal.folder
        with opened(loaded, state=place, options=options) as (batch, folder):
            carried = _carry(batch, folder, options, as_json=as_json)
            tab = carried.run.tab
            show_rehearsal(batch.settings, folder, tab, as_json=as_json)
            return carried.ended


def _run(
    manifest: Path,
    state: Path | None,
    options: RunOptions,
    *,
    first: int | None = None,
    yes: bool = False,
    as_json: bool,
) -> Exit:
    with patient(), faults_shown(as_json=as_json):
        loaded = load_manifest(manifest, environment=environment())
        with opened(loaded, state=state, options=options) as (batch, folder):
            if first is None:
                return _carry(batch, folder, options, as_json=as_json).ended
            return _few_first(batch, folder, options, first, yes=yes, as_json=as_json)


def _few_first(
    batch: Prepared,
    folder: BatchFolder,
    options: RunOptions,
    first: int,
    *,
    yes: bool,
    as_json: bool,
) -> Exit:
    """Carry a few documents to their ends, show what came of them, and ask."""
    few = first if options.limit is None else min(first, options.limit)
    tried = _carry(batch, folder, replace(options, limit=few), as_json=as_json)
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
    return _carry(batch, folder, replace(options, limit=left), as_json=as_json).ended


def _carry(
    batch: Prepared, folder: BatchFolder, options: RunOptions, *, as_json: bool
) -> Carried:
    plan = plan_of(batch)
    run = Run(batch, folder, options=options, environment=environment(), importing=http)
    with View(folder.ledger) as view:
        before = view.bill()
    began = time.monotonic()
    with display(as_json=as_json) as shown:
        run.say = shown.say
        shown.begin(plan, run, most=options.limit)
        is_interrupted = loop.run(_follow(run, shown))
    seconds = time.monotonic() - began
    place = [] if options.rehearsal else _place(batch, folder)
    return _summary(
        folder,
        run,
        seconds,
        is_interrupted,
        before=before,
        manifest=place,
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
    as_json: bool,
) -> Carried:
    with View(folder.ledger) as view:
        states, reasons = view.states(), view.reasons()
        bill, terms, taken = view.bill(), view.terms(), view.taken()
    grown = since(before, bill)
    stopped = run.tally.stopped
    is_cut = is_interrupted and bool(states.get(State.OPEN))
    ended = exit_of(states, stopped=stopped.values(), is_interrupted=is_cut)
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
        manifest=manifest,
    ):
        click.echo(line)
    for line in bill_lines(bill, terms, taken):
        click.echo(line)
    # In a rehearsal all accounts share one service, and so its balance.
    for line in (
        balance_lines(run.balances, run.balances_after, grown) if manifest else ()
    ):
        click.echo(line)
    click.echo(f"ledger: {near(folder.ledger)}")
    return Carried(ended, run, seconds, grown, terms)
