"""``failed``: what failed, as a manifest that runs on its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from orchestrator.batch import folder_of, load_manifest
from orchestrator.batch.failed import Listed, Wanted, write_manifest
from orchestrator.cli.common import (
    echo_json,
    faults_shown,
    json_option,
    manifest_argument,
    named,
    near,
    state_option,
)
from orchestrator.errors import Exit, plain
from orchestrator.ledger.attention import STATES
from orchestrator.ledger.view import View
from orchestrator.model import State
from orchestrator.report.attention import command
from orchestrator.report.units import number

SHOWN = 20
"""Documents that are left out and shown, each with why; the others are counted."""


@click.command("failed")
@manifest_argument
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.yaml",
    help="The manifest to write.",
)
@click.option(
    "--in",
    "only_states",
    multiple=True,
    default=["failed"],
    show_default=True,
    type=click.Choice([*map(str, STATES), str(State.OPEN), str(State.GONE)]),
    help="Documents in this state; may be given several times.",
)
@click.option(
    "--code",
    "codes",
    multiple=True,
    metavar="CODE",
    help="Only documents with this code; may be given several times.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace FILE.yaml if it is an earlier list."
)
@state_option
@json_option
def failed_command(
    manifest: Path,
    state: Path | None,
    *,
    output: Path,
    only_states: tuple[str, ...],
    codes: tuple[str, ...],
    overwrite: bool,
    as_json: bool,
) -> Exit:
    """Write documents that failed into a manifest of their own.

    It has the same accounts, designs and options, every document by itself under its
    id, and above each why it failed. Mend it, validate it, run it: it is a batch of
    its own, and the ledger of this one does not hear of it. Afterwards
    `orchestrator resolve MANIFEST --mark-done ID...` takes its outputs as done here.

    What may be billed already is asked for again by the list: open documents that a
    job carries are left out, and of others in doubt, overdue or lost you are told.
    """
    target = output.absolute()
    wanted = Wanted([State(each) for each in only_states], codes)
    with faults_shown(as_json=as_json), View(folder_of(manifest, state).ledger) as view:
        loaded = load_manifest(manifest)
        listed = write_manifest(loaded, wanted.rows(view), target, overwrite=overwrite)
    if as_json:
        _show_object(listed, wanted, target)
    else:
        _show(listed, wanted, named(manifest, state), target)
    if listed.refused and not listed.documents:
        return Exit.USAGE
    return Exit.DONE


def _show_object(listed: Listed, wanted: Wanted, target: Path) -> None:
    echo_json(
        "listed",
        documents=listed.documents,
        file=str(target) if listed.documents else None,
        left_out=list(wanted.left_out),
        refused=[{"id": id_, "why": why} for id_, why in listed.refused.items()],
    )


def _show(
    listed: Listed,
    wanted: Wanted,
    place: Sequence[str],
    target: Path,
) -> None:
    if count := len(wanted.left_out):
        go_on = command("run", place)
        click.echo(
            f"{number(count, 'open document')} left out: sent, and perhaps accepted; "
            f"fetch what came of them: {go_on}"
        )
    if refused := listed.refused:
        click.echo(f"{number(len(refused), 'document')} left out, with a fault each:")
        for id_, why in islice(refused.items(), SHOWN):
            click.echo(plain(f"  {id_!r}: {why}"))
        if len(refused) > SHOWN:
            click.echo(f"  … and {len(refused) - SHOWN:,} more")
    if not listed.documents:
        none = "" if listed.refused or wanted.left_out else "no such documents; "
        click.echo(f"{none}nothing was written")
        return
    for each, count in (+wanted.paid).items():
        words = str(each).replace("_", " ")
        click.echo(
            f"{count:,} {words}: may have been billed, and the list pays again; "
            f"{command('run', place)} asks the provider first"
        )
    click.echo(f"{number(listed.documents, 'document')} in {near(target)}")
    click.echo(f"next: {command('validate', [str(near(target))])}")
