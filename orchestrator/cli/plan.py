"""``plan``, ``validate`` and ``schema``: everything that sends nothing."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import click
import msgspec

from orchestrator.batch.planning import plan_of
from orchestrator.batch.prepare import Prepared
from orchestrator.cli.common import (
    echo_json,
    json_option,
    manifest_argument,
    overwrite_option,
    preparing,
    state_option,
)
from orchestrator.errors import Exit
from orchestrator.manifest import json_schema
from orchestrator.report.plan import document_line, lines
from orchestrator.report.units import number


@click.command("plan")
@manifest_argument
@click.option("--documents", is_flag=True, help="Print one line for each document.")
@overwrite_option
@state_option
@json_option
def plan_command(
    manifest: Path,
    state: Path | None,
    *,
    documents: bool,
    overwrite: bool,
    as_json: bool,
) -> Exit:
    """Show what `run` would do: how many documents, in which mode and why.

    Costs nothing, sends nothing, and creates no ledger.
    """
    with preparing(manifest, state, overwrite=overwrite, as_json=as_json) as batch:
        if documents:
            _each(batch, as_json=as_json)
        plan = plan_of(batch)
        if as_json:
            fields = msgspec.to_builtins(plan)
            echo_json("plan", todo=plan.todo, bytes=plan.bytes, **fields)
        else:
            for line in lines(plan):
                click.echo(line)
    return Exit.DONE


def _each(batch: Prepared, *, as_json: bool) -> None:
    stage = batch.stage
    for document, state, fate in chain(stage.documents(), stage.gone()):
        number = batch.numbers.of(document.id)
        if as_json:
            echo_json(
                "document",
                id=document.id,
                **({"number": number} if number else {}),
                fate=fate,
                state=state,
                account=document.provider,
                operation=document.operation,
                mode=document.mode,
                reason=document.reason,
                bytes=document.size,
                output=document.output,
            )
        else:
            click.echo(document_line(document, state, fate, number))


@click.command("validate")
@manifest_argument
@overwrite_option
@state_option
@json_option
def validate_command(
    manifest: Path, state: Path | None, *, overwrite: bool, as_json: bool
) -> Exit:
    """Check a manifest and all data that it names; every fault is shown at once."""
    with preparing(manifest, state, overwrite=overwrite, as_json=as_json) as batch:
        count = batch.diff.documents
    if as_json:
        echo_json("valid", documents=count)
    else:
        click.echo(f"{manifest}: {number(count, 'document')}, no fault")
    return Exit.DONE


@click.command("schema")
def schema_command() -> Exit:
    """Print the JSON Schema of manifests, for editors and other tools."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return Exit.DONE
