"""``selftest``: the promises, shown on this machine in less than a minute."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import click

from orchestrator.cli.common import environment
from orchestrator.cli.tour import Tour
from orchestrator.errors import Exit


@click.command("selftest")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep manifest, outputs and ledger in this new folder, to look at them.",
)
def selftest_command(keep: Path | None) -> Exit:
    """Show on this machine that nothing is lost and nothing is paid twice.

    A small batch in all three modes goes to an embedded service that fails on
    purpose; the run is killed in the middle, run again, and then outputs and bill
    are compared. Nothing leaves this machine.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="orchestrator-selftest-") as folder:
            _tour(Path(folder))
    else:
        keep.mkdir(parents=True)
        _tour(keep.absolute())
        click.echo(f"kept in {keep}")
    return Exit.DONE


def _tour(folder: Path) -> None:
    began = last = time.monotonic()
    mark = click.style("✓", fg="green", bold=True)

    def say(line: str) -> None:
        nonlocal last
        now = time.monotonic()
        click.echo(f"  {mark} {now - last:5.1f} s  {line}")
        last = now

    click.echo("orchestrator selftest")
    asyncio.run(Tour(folder, environment=environment(), say=say).go())
    took = time.monotonic() - began
    click.echo(f"All of it is true on this machine, in {took:.1f} s.")
