"""What ``run --rehearse`` adds to a run."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import click

from orchestrator.batch.accounts import accounts_of
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.rehearsal import Rehearsal, Tab, begin
from orchestrator.cli.common import echo_json
from orchestrator.clock import SystemClock
from orchestrator.ledger.view import View
from orchestrator.manifest import Manifest
from orchestrator.report.rehearsal import Item, lines
from orchestrator.service.command import serve_command
from orchestrator.service.faults.load import load_script, script_at
from orchestrator.settings import BatchSettings


def rehearsal_of(
    manifest: Manifest, state: Path | None, faults: Path | None
) -> Rehearsal:
    """A rehearsal of a manifest, in a folder of its own that is empty now.

    Raises:
        ManifestError: the fault script has faults.
        UsageError: the folder holds something else.
    """
    arguments = ["--no-deduplication"]  # its bill shows every repetition as money
    if faults is not None:
        faults = script_at(faults)
        load_script(faults)
        arguments += ["--faults", str(faults.absolute())]
    if any("--stand-in-designs" in each.opts for each in serve_command.params):
        arguments.append("--stand-in-designs")
    folder = begin(manifest.settings.path, state, SystemClock())
    return Rehearsal(manifest.settings.folder, folder, tuple(arguments))


def show_rehearsal(
    settings: BatchSettings, folder: BatchFolder, tab: Tab | None, *, as_json: bool
) -> None:
    """Say what the real run would cost, and what the private service counted."""
    items = _items(settings, folder)
    if as_json:
        echo_json(
            "rehearsal",
            items=[_fields(each) for each in items],
            bill=None if tab is None else {"accepted": tab.accepted, "jobs": tab.jobs},
            faults=tab.faults if tab else {},
            phases=tab.phases if tab else {},
        )
        return
    # Without deduplication, what is billed beyond the number of jobs is a repetition.
    bill = None if tab is None else (tab.accepted, tab.accepted - tab.jobs)
    for line in lines(items, bill, tab.faults if tab else {}):
        click.echo(line)


def _items(settings: BatchSettings, folder: BatchFolder) -> list[Item]:
    accounts = accounts_of(settings.accounts)
    with View(folder.ledger) as view:
        spent = view.units()
    return [
        Item(
            account=each.account,
            provider=accounts[each.account].provider.name,
            operation=each.operation,
            documents=each.documents,
            units=_exact(each.units),
            guessed=_exact(each.guessed),
            price=accounts[each.account].settings.price,
        )
        for each in spent
    ]


def _fields(item: Item) -> dict[str, object]:
    return {
        "account": item.account,
        "provider": item.provider,
        "operation": item.operation,
        "documents": item.documents,
        "units": float(item.units),
        "guessed": float(item.guessed),
        "price": item.price,
        "cost": item.cost,
    }


def _exact(units: float) -> Decimal:
    return Decimal(int(units)) if units == int(units) else Decimal(str(units))
