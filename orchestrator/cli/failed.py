"""``failed``: what failed, as a manifest that runs on its own."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.batch import folder_of, load_manifest
from orchestrator.batch.failed import Wanted, write_manifest
from orchestrator.cli.common import (
    echo_json,
    faults_shown,
    json_option,
    manifest_argument,
    near,
    state_option,
)
from orchestrator.errors import Exit
from orchestrator.ledger.attention import STATES
from orchestrator.ledger.view import View
from orchestrator.model import State
from orchestrator.report.attention import command
from orchestrator.report.units import number


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
@click.option("--overwrite", is_flag=True, help="Replace FILE.yaml if it is there.")
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
    its own, and the ledger of this one does not hear of it.
    """
    target = output.absolute()
    wanted = Wanted([State(each) for each in only_states], codes)
    with faults_shown(as_json=as_json), View(folder_of(manifest, state).ledger) as view:
        loaded = load_manifest(manifest)
        rows = wanted.rows(view)
        count = write_manifest(loaded, rows, target, overwrite=overwrite)
    if as_json:
        echo_json("listed", documents=count, file=str(target) if count else None)
    elif not count:
        click.echo("no such documents; nothing was written")
    else:
        click.echo(f"{number(count, 'document')} in {near(target)}")
        click.echo(f"next: {command('validate', [str(near(target))])}")
    return Exit.DONE
