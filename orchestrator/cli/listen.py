"""``listen``: keep webhooks on disk, whoever runs."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import click

from orchestrator.cli.common import address_given
from orchestrator.clock import SystemClock
from orchestrator.errors import MachineError
from orchestrator.settings import address_of
from orchestrator.transfer.door import Door
from orchestrator.transfer.mailbox import Mailbox, path_token
from orchestrator.transfer.shapes import PARSERS

_TIDY = 3600.0


@click.command("listen")
@click.option(
    "--store",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the inbox; `run --inbox` reads it.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8090",
    show_default=True,
    metavar="HOST:PORT",
    callback=address_given,
    help="Where to listen. Put a proxy with TLS before it.",
)
def listen_command(store: Path, listen: str) -> None:
    """Take webhooks, and keep them on disk until a run reads them.

    Some APIs are told once, in the settings of a workspace, where their webhooks go:
    this is the place that stays, whatever runs or does not. The secret part of the
    path is in the file `path` of the folder; the last part is the API's name:
    https://YOUR.HOST/SECRET/reportflow

    A call is answered when it is on disk. Stop it with Ctrl-C.
    """
    asyncio.run(_serve(store, listen))


async def _serve(store: Path, listen: str) -> None:
    host, port = address_of(listen) or ("127.0.0.1", 8090)
    clock = SystemClock()
    with Mailbox(store, clock) as box:
        token = path_token(store)
        try:
            async with Door(box.answer, token=token, host=host, port=port) as door:
                click.echo(
                    f"listening on {door.url} for {', '.join(sorted(PARSERS))}; "
                    f"the secret part of the path is in {store / 'path'}"
                )
                await _until_asked(box, clock)
        except OSError as error:
            message = f"cannot listen on {listen}: {error.strerror or error}"
            raise MachineError(message) from None


async def _until_asked(box: Mailbox, clock: SystemClock) -> None:
    """Wait for the user's word, and tidy up now and then."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            loop.add_signal_handler(each, task.cancel)
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.to_thread(box.forget_old)
            await clock.sleep(_TIDY)
