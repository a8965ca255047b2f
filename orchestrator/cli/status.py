"""``status`` and ``ledger``: reading what is on record, also while a run holds it."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any, TextIO

import click

from orchestrator.batch.folder import folder_of
from orchestrator.cli.attention import show_attention
from orchestrator.cli.common import (
    echo_json,
    json_option,
    manifest_argument,
    named,
    state_option,
)
from orchestrator.errors import Exit
from orchestrator.ledger.view import COLUMNS, Row, View
from orchestrator.model import Reason, State
from orchestrator.report.outcome import exit_of
from orchestrator.report.summary import status_lines


@click.command("status")
@manifest_argument
@click.option(
    "--attention",
    is_flag=True,
    help="Also tell all that is known of documents in doubt, overdue, lost, missing "
    "or failed, and what decides about each.",
)
@click.option(
    "--list",
    "listed",
    type=click.Choice([str(each) for each in State]),
    help="Also list the documents in this state.",
)
@state_option
@json_option
def status_command(
    manifest: Path,
    state: Path | None,
    *,
    attention: bool,
    listed: str | None,
    as_json: bool,
) -> Exit:
    """Show where a batch stands: documents by state, reasons, jobs in flight.

    Ends with the exit code that a run would end with now.
    """
    folder = folder_of(manifest.absolute(), state)
    with View(folder.ledger) as view:
        states = view.states()
        if as_json:
            _status_json(view)
        else:
            for line in status_lines(
                states,
                view.reasons(),
                view.in_flight(),
                folder.holder(),
                unanswered=view.unanswered(),
                manifest=named(manifest, state),
            ):
                click.echo(line)
        if attention:
            show_attention(view, manifest, state, as_json=as_json)
        for row in view.rows(state=State(listed)) if listed else ():
            _list(row, as_json=as_json)
    return exit_of(states, stopped=(), is_interrupted=False)


def _status_json(view: View) -> None:
    echo_json(
        "status",
        states=view.states(),
        reasons=[_reason(each) for each in view.reasons()],
        jobs=view.in_flight(),
        unanswered=view.unanswered(),
    )


def _reason(reason: Reason) -> dict[str, Any]:
    failure = reason.failure
    return {
        "state": reason.state,
        "code": reason.code,
        "documents": reason.documents,
        "example": reason.examples[0] if reason.examples else "",
        "examples": reason.examples,
        "message": failure.message if failure else "",
        "blame": failure.blame if failure else None,
    }


def _list(row: Row, *, as_json: bool) -> None:
    if as_json:
        echo_json("document", **row.flat())
    else:
        why = f"  {row.failure.code}: {row.failure.message}" if row.failure else ""
        click.echo(f"{row.state}  {row.document.id}{why}")


@click.group("ledger")
def ledger_command() -> None:
    """The results ledger."""


@ledger_command.command("export")
@manifest_argument
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help="CSV with a header line, or one JSON object a line.",
)
@click.option(
    "-o",
    "--output",
    type=click.File("w", encoding="utf-8", lazy=True, atomic=True),
    default="-",
    help="File to write. [default: standard output]",
)
@state_option
def export_command(
    manifest: Path, state: Path | None, *, kind: str, output: TextIO
) -> Exit:
    """Write one row for each document: state, mode, outputs, hashes, reasons."""
    folder = folder_of(manifest.absolute(), state)
    with View(folder.ledger) as view:
        rows = (row.flat() for row in view.rows())
        if kind == "jsonl":
            output.writelines(
                json.dumps(row, ensure_ascii=False) + "\n" for row in rows
            )
        else:
            writer = csv.DictWriter(output, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    sys.stdout.flush()
    return Exit.DONE
