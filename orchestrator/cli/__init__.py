"""The command: thin words over ``batch`` and ``service``.

Every way to end is mapped to an exit code here, and nowhere else.
"""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import cast

import click

from orchestrator.errors import Exit, OrchestratorError, plain
from orchestrator.imports import many

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": (
        "orchestrator.cli.run:run_command",
        "Run a manifest; run it again to go on where it stopped.",
    ),
    "plan": (
        "orchestrator.cli.plan:plan_command",
        "Show what a run would do and cost; sends nothing.",
    ),
    "validate": (
        "orchestrator.cli.plan:validate_command",
        "Check a manifest, all faults at once.",
    ),
    "status": (
        "orchestrator.cli.status:status_command",
        "Show where a batch stands, also while it runs.",
    ),
    "retry": (
        "orchestrator.cli.run:retry_command",
        "Run failed documents again.",
    ),
    "resolve": (
        "orchestrator.cli.resolve:resolve_command",
        "Decide about documents in doubt, overdue, lost or missing.",
    ),
    "verify": (
        "orchestrator.cli.verify:verify_command",
        "Prove that what is done is there, whole, and was billed once.",
    ),
    "deliver": (
        "orchestrator.cli.deliver:deliver_command",
        "Hand over what is done: one archive, one PDF, a control report.",
    ),
    "failed": (
        "orchestrator.cli.failed:failed_command",
        "Write what failed into a manifest of its own.",
    ),
    "ledger": (
        "orchestrator.cli.status:ledger_command",
        "Export the results ledger.",
    ),
    "numbers": (
        "orchestrator.cli.numbers:numbers_command",
        "List, check and void numbers of series.",
    ),
    "design": (
        "orchestrator.designs.command:design_command",
        "List, show and check designs.",
    ),
    "serve": (
        "orchestrator.service.command:serve_command",
        "Run the embedded document service alone.",
    ),
    "selftest": (
        "orchestrator.cli.selftest:selftest_command",
        "Show on this machine that nothing is lost and nothing paid twice.",
    ),
    "listen": (
        "orchestrator.cli.listen:listen_command",
        "Keep webhooks on disk, also while nothing runs.",
    ),
    "schema": (
        "orchestrator.cli.plan:schema_command",
        "Print the JSON Schema of manifests.",
    ),
}
"""Name -> where it is defined, one line for the overview: imported only when used."""


class _Lazy(click.Group):
    """Imports a command when it is called, so that the overview comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = _COMMANDS.get(cmd_name)
        if known is None:
            return super().get_command(ctx, cmd_name)
        module, name = known[0].split(":")
        with many():
            return cast("click.Command", getattr(importlib.import_module(module), name))

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="document-orchestrator")
def app() -> None:
    """Push thousands to millions of documents through document APIs.

    A YAML manifest names the documents; `orchestrator run` carries each of them
    through a document API and writes a results ledger. Kill it anywhere and run
    the same command again: nothing is lost and nothing is paid twice.
    """


def main() -> None:
    """Run the command and end the process with its exit code."""
    ended = int(call(sys.argv[1:]))
    gc.freeze()  # whoever leaves does not tidy up
    sys.exit(ended)


def call(arguments: Sequence[str]) -> Exit:
    """Run the command with these arguments, and say how it ended."""
    try:
        ended = app.main(
            list(arguments), prog_name="orchestrator", standalone_mode=False
        )
        return ended if isinstance(ended, Exit) else Exit(ended or 0)
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except OrchestratorError as error:
        click.echo(plain(f"error: {error}") if str(error) else "error", err=True)
        return error.exit
    except Exception as error:  # noqa: BLE001  # the last resort of the program
        return _last(error)


def _last(error: Exception) -> Exit:
    """Tell what nobody else told: a refusal of this machine, or a bug."""
    from orchestrator.cli.machine import of_machine  # noqa: PLC0415  # help is quick

    if message := of_machine(error):
        click.echo(plain(f"error: {message}"), err=True)
        return Exit.MACHINE
    traceback.print_exception(error)
    click.echo("This is a bug in orchestrator; please report the above.", err=True)
    return Exit.BUG
