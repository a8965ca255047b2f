"""``verify``: a proof, read again from the ledger and the files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestrator.batch import folder_of, load_manifest
from orchestrator.batch.asking import Asked
from orchestrator.batch.verify import Verified, verify, verify_with_providers
from orchestrator.cli.common import (
    echo_json,
    environment,
    faults_shown,
    json_option,
    manifest_argument,
    state_option,
)
from orchestrator.errors import Exit
from orchestrator.ledger.proof import Deviation
from orchestrator.report.proof import (
    asked_lines,
    deviations_line,
    proof_lines,
    read_lines,
)

SHOWN = 50
"""Deviations that are shown; with --json, all of them."""


@click.command("verify")
@manifest_argument
@click.option(
    "--inputs",
    "with_inputs",
    is_flag=True,
    help="Also read every input, and say which were changed since they were sent.",
)
@click.option(
    "--provider",
    "with_providers",
    is_flag=True,
    help="Also ask: the private service for its bill, accounts for their balance and "
    "for every job that is not settled. Holds the batch meanwhile.",
)
@state_option
@json_option
def verify_command(
    manifest: Path,
    state: Path | None,
    *,
    with_inputs: bool,
    with_providers: bool,
    as_json: bool,
) -> Exit:
    """Prove that what is done is there, whole, and was billed once.

    Reads the ledger and every output again: size, SHA-256, type, head and tail.
    Changes nothing. Ends with 0 if all is done and well, 5 if anything deviates or is
    in doubt, 3 if documents failed or are not done yet, 6 if the ledger is damaged.
    """
    folder = folder_of(manifest.absolute(), state)
    shown = 0

    def tell(deviation: Deviation) -> None:
        nonlocal shown
        if as_json:
            echo_json("deviation", **asdict(deviation))
        elif shown < SHOWN:
            shown += 1
            click.echo(f"{deviation.code}  {deviation.document}: {deviation.message}")

    if with_providers:
        with faults_shown(as_json=as_json):
            loaded = load_manifest(manifest)
        verified = verify_with_providers(
            loaded.settings,
            folder,
            tell,
            environment=environment(),
            with_inputs=with_inputs,
        )
    else:
        verified = verify(folder, tell, with_inputs=with_inputs)
    if as_json:
        _json(verified)
        return verified.exit
    if (hidden := verified.deviations.total() - shown) > 0:
        click.echo(f"… and {hidden:,} more: all of them with --json")
    for line in _lines(verified, with_inputs=with_inputs):
        click.echo(line)
    if holder := folder.holder():
        click.echo(f"held by process {holder.pid} on {holder.host}: it goes on")
    return verified.exit


def _json(verified: Verified) -> None:
    echo_json(
        "verified",
        states=verified.states,
        **asdict(verified.bill),
        files=verified.files,
        bytes=verified.bytes,
        inputs=verified.inputs,
        damages=verified.damages,
        deviations=verified.deviations,
        asked=_asked(verified.asked),
        exit=int(verified.exit),
    )


def _asked(asked: Asked | None) -> dict[str, Any] | None:
    if asked is None:
        return None
    tab = asked.tab
    bill = {"accepted": tab.accepted, "jobs": tab.jobs} if tab else None
    return {"jobs": asked.answers, "balances": asked.balances, "bill": bill}


def _lines(verified: Verified, *, with_inputs: bool) -> list[str]:
    inputs = verified.inputs if with_inputs else None
    lines = list(read_lines(verified.files, verified.bytes, inputs, verified.damages))
    if not verified.damages:
        lines.append(deviations_line(verified.deviations))
        wrong = verified.deviations.total()
        lines += proof_lines(verified.states, wrong, **asdict(verified.bill))
    if asked := verified.asked:
        bill = (asked.tab.accepted, asked.tab.jobs) if asked.tab else None
        lines += asked_lines(asked.answers, asked.balances, bill)
    return lines
