"""The command: thin words over ``batch`` and ``service``."""

from __future__ import annotations

import click

from orchestrator.service.command import serve_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="document-orchestrator")
def app() -> None:
    """Push thousands to millions of documents through document APIs."""


app.add_command(serve_command)


def main() -> None:
    """Run the command."""
    app()
