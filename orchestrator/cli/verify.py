"""``verify``: a proof, read again from the ledger and the files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from orchestrator.batch.folder import folder_of
from orchestrator.batch.verify import Verified, verify
from orchestrator.cli.common import (
    echo_json,
    json_option,
    manifest_argument,
    state_option,
)
from orchestrator.errors import Exit
from orchestrator.ledger.proof import Deviation
from orchestrator.report.proof import deviations_line, proof_lines, read_lines

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
@state_option
@json_option
def verify_command(
    manifest: Path, state: Path | None, *, with_inputs: bool, as_json: bool
) -> Exit:
    """Prove that what is done is there, whole, and was billed once.

    Reads the ledger and every output again: size, SHA-256, type, head and tail.
    Changes nothing. Ends with 0 if all is well, 5 if anything deviates or is in
    doubt, 3 if documents failed, 6 if the ledger is damaged.
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
        exit=int(verified.exit),
    )


def _lines(verified: Verified, *, with_inputs: bool) -> list[str]:
    inputs = verified.inputs if with_inputs else None
    lines = list(read_lines(verified.files, verified.bytes, inputs, verified.damages))
    if not verified.damages:
        lines.append(deviations_line(verified.deviations))
        lines += proof_lines(verified.states, **asdict(verified.bill))
    return lines
