"""``status`` and ``ledger``: reading what is on record, also while a run holds it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from orchestrator.batch.accounts import Account, servers_of
from orchestrator.batch.folder import folder_of
from orchestrator.cli.attention import show_attention
from orchestrator.cli.common import (
    accounts_in,
    echo_json,
    json_option,
    manifest_argument,
    named,
    state_option,
)
from orchestrator.errors import Exit
from orchestrator.ledger.view import COLUMNS, Row, View
from orchestrator.model import Failure, Reason, State, Stranded
from orchestrator.plan.deadlines import iso
from orchestrator.report.bill import bill_fields, bill_lines
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

    Ends as the last run did, as far as its documents still stand so: with 4 if it
    stopped and some are open, 5 if any are in doubt, overdue, lost or missing, 3 if
    any failed, else with 0. What it stopped for is told.
    """
    folder = folder_of(manifest.absolute(), state)
    with View(folder.ledger) as view:
        states, place = view.states(), named(manifest, state)
        stopped = view.stopped() if states.get(State.OPEN) else {}
        accounts = accounts_in(manifest)
        left = () if accounts is None else view.stranded(servers_of(accounts))
        if as_json:
            _status_json(view, left, stopped)
        else:
            for line in status_lines(
                states,
                view.reasons(),
                view.in_flight(),
                folder.holder(),
                unanswered=view.unanswered(),
                stopped=stopped,
                stranded=left,
                manifest=place,
            ):
                click.echo(line)
            for line in bill_lines(view.bill(), view.terms(), view.taken()):
                click.echo(line)
        if attention:
            show_attention(view, accounts or {}, place, as_json=as_json)
        kept = _retentions(accounts)
        for row in view.rows(state=State(listed), retentions=kept) if listed else ():
            _list(row, as_json=as_json)
    is_stranded = bool(left)
    return exit_of(
        states,
        stopped=stopped.values(),
        is_interrupted=False,
        is_stranded=is_stranded,
    )


def _status_json(
    view: View, left: Sequence[Stranded], stopped: Mapping[str, Failure]
) -> None:
    echo_json(
        "status",
        states=view.states(),
        reasons=[_reason(each) for each in view.reasons()],
        jobs=view.in_flight(),
        unanswered=view.unanswered(),
        stopped={name: each.code for name, each in stopped.items()},
        stranded=[msgspec.to_builtins(each) for each in left],
        **bill_fields(view.bill(), view.terms(), view.taken()),
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


def _retentions(accounts: Mapping[str, Account] | None) -> dict[str, float]:
    """For how many seconds the provider of each account keeps jobs."""
    known = accounts or {}
    return {name: each.provider.retention for name, each in known.items()}


def _list(row: Row, *, as_json: bool) -> None:
    if as_json:
        echo_json("document", **row.flat())
    else:
        why = f"  {row.failure.code}: {row.failure.message}" if row.failure else ""
        until = "" if row.deadline is None else f"  (until {iso(row.deadline)})"
        click.echo(f"{row.state}  {row.document.id}{why}{until}")


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
        kept = _retentions(accounts_in(manifest))
        rows = (row.flat() for row in view.rows(retentions=kept))
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
