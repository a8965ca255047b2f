"""``deliver``: what a batch made, as one archive, one PDF, one report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestrator.batch import folder_of, load_manifest
from orchestrator.batch.delivery.deliver import deliver
from orchestrator.batch.delivery.order import Delivered, Order
from orchestrator.cli.common import (
    echo_json,
    environment,
    faults_shown,
    json_option,
    manifest_argument,
    near,
    state_option,
)
from orchestrator.errors import Exit, plain
from orchestrator.report.delivery import lines, totals

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("deliver")
@manifest_argument
@click.option(
    "--zip",
    "archive",
    type=_FILE,
    metavar="FILE.zip",
    help="All files in one archive, the same bytes each time.",
)
@click.option(
    "--merged",
    type=_FILE,
    metavar="FILE.pdf",
    help="All PDFs in one, with an outline entry for each document.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="A control report, .csv or .json; may be given several times.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    help="Only these documents, by id or shell pattern; may be given several times.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@state_option
@json_option
def deliver_command(
    manifest: Path,
    state: Path | None,
    *,
    archive: Path | None,
    merged: Path | None,
    reports: tuple[Path, ...],
    only: tuple[str, ...],
    overwrite: bool,
    as_json: bool,
) -> Exit:
    """Hand over what is done: one archive, one PDF, a control report.

    In the order of the manifest. Every file is held against the hash in the ledger,
    and every invoice is computed again from its data: a file that was changed, or a
    total that does not add up, and nothing is written (exit 5). Ends with 3 if some
    documents are not done; they are told, and what is done is delivered.
    """
    order = Order(
        archive.absolute() if archive else None,
        merged.absolute() if merged else None,
        [each.absolute() for each in reports],
        only,
        overwrite,
    )
    with faults_shown(as_json=as_json):
        loaded = load_manifest(manifest, environment=environment())
    folder = folder_of(loaded.settings.path, state)
    done = deliver(loaded.settings, folder, order)
    if as_json:
        _json(done)
    else:
        _show(done)
    return done.exit


def _show(done: Delivered) -> None:
    for each in (*done.refused, *done.contradictions):
        click.echo(plain(each), err=True)
    for path, output in done.written.items():
        click.echo(f"{near(Path(path))}  {output.size:,} bytes  {output.sha256}")
    for line in lines(
        done.states,
        delivered=done.delivered,
        refusals=done.refusals + len(done.contradictions),
        left=[(x.id, x.state, x.code, x.message) for x in done.left],
        is_written=bool(done.written),
    ):
        click.echo(plain(line))
    if done.written:
        for line in totals(done.control.sums):
            click.echo(line)


def _json(done: Delivered) -> None:
    echo_json(
        "delivered",
        documents=done.documents,
        delivered=done.delivered,
        states=done.states,
        files=done.files,
        bytes=done.bytes,
        pages=done.pages,
        twins=done.twins,
        left=[asdict(each) for each in done.left],
        refused=done.refused,
        refusals=done.refusals,
        contradictions=done.contradictions,
        totals=list(_totals(done)),
        written=[asdict(each) for each in done.written.values()],
        exit=int(done.exit),
    )


def _totals(done: Delivered) -> list[dict[str, Any]]:
    return [
        {
            "currency": currency,
            "invoices": mine.invoices,
            **{k: f"{v:f}" for k, v in asdict(mine.amounts).items()},
            "taxes": [
                {
                    "category": str(category),
                    "rate": f"{rate:f}",
                    "net": f"{base:f}",
                    "tax": f"{tax:f}",
                }
                for (category, rate), (base, tax) in sorted(mine.taxes.items())
            ],
        }
        for currency, mine in sorted(done.control.sums.items())
    ]
