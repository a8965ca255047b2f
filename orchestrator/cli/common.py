"""Options and openings that the commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.errors import Fault, ManifestError, OrchestratorError, plain

if TYPE_CHECKING:
    from orchestrator.batch.accounts import Account
    from orchestrator.batch.prepare import Prepared

Command = TypeVar("Command", bound=Callable[..., Any])

manifest_argument = click.argument(
    "manifest", type=click.Path(path_type=Path, dir_okay=True), metavar="MANIFEST"
)
state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the batch: ledger, logs, the private service's data. "
    "[default: STEM.batch beside the manifest]",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line."
)
overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Let outputs replace files that this batch did not make.",
)


def address_given(
    context: click.Context,  # noqa: ARG001  # click's
    parameter: click.Parameter,  # noqa: ARG001
    value: str | None,
) -> str | None:
    """Check an option that is an address to listen on."""
    from orchestrator.settings import address_of  # noqa: PLC0415  # slow; seldom given

    if value is not None and address_of(value) is None:
        raise click.BadParameter("must be HOST:PORT, as in 127.0.0.1:8090")
    return value


def folder_given(
    context: click.Context,  # noqa: ARG001  # click's
    parameter: click.Parameter,  # noqa: ARG001
    value: Path | None,
) -> Path | None:
    """Check an option that is a file to write: also where nothing will be written."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"{value}: there is no folder {value.parent}")
    return value


def near(path: Path) -> Path:
    """A path as seen from here, if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def named(manifest: Path, state: Path | None) -> list[str]:
    """The manifest, and the option that finds its batch, for commands to be shown."""
    return [str(manifest), *(("--state", str(state)) if state else ())]


def environment() -> Mapping[str, str]:
    """The environment, where secrets are looked up."""
    return os.environ


def accounts_in(manifest: Path) -> Mapping[str, Account] | None:
    """The accounts of a manifest, if it can be read now."""
    from orchestrator.batch import load_manifest  # noqa: PLC0415  # slow
    from orchestrator.batch.accounts import accounts_of  # noqa: PLC0415

    try:
        return accounts_of(load_manifest(manifest).settings.accounts)
    except OrchestratorError:
        return None


@contextmanager
def faults_shown(*, as_json: bool) -> Iterator[None]:
    """Show the faults of a manifest, and end the command with their exit code."""
    try:
        yield
    except ManifestError as error:
        show_faults(error, as_json=as_json)
        raise click.exceptions.Exit(int(error.exit)) from None


@contextmanager
def preparing(
    manifest: Path, state: Path | None, *, overwrite: bool, as_json: bool
) -> Iterator[Prepared]:
    """A checked manifest beside its ledger, if it has one; creates nothing."""
    from orchestrator.batch import folder_of, load_manifest  # noqa: PLC0415  # slow
    from orchestrator.batch.prepare import prepared  # noqa: PLC0415

    with faults_shown(as_json=as_json):
        loaded = load_manifest(manifest, environment=environment())
        folder = folder_of(loaded.settings.path, state)
        with prepared(loaded, folder, overwrite=overwrite) as batch:
            for line in batch.hints:
                note(line, as_json=as_json)
            yield batch


def note(line: str, *, as_json: bool) -> None:
    """Say something that is no fault."""
    if as_json:
        echo_json("note", text=line)
    else:
        click.echo(plain(f"note: {line}"), err=True)


def show_faults(error: ManifestError, *, as_json: bool) -> None:
    """Print every fault, and how many there are."""
    if as_json:
        for fault in error.faults:
            echo_json("fault", **_fields(fault))
        return
    click.echo(plain(str(error)), err=True)
    noun = "fault" if error.total == 1 else "faults"
    click.echo(f"{error.total:,} {noun}; nothing was sent", err=True)


def _fields(fault: Fault) -> dict[str, Any]:
    place = fault.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "message": fault.message,
        "hint": fault.hint,
    }


def echo_json(kind: str, **fields: Any) -> None:
    """Print one documented object (docs/cli.md)."""
    click.echo(json.dumps({"type": kind, **fields}, ensure_ascii=False, default=str))
