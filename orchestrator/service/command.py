"""``orchestrator serve``: the service alone, or private to a parent process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib.metadata import version
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import click

from orchestrator.errors import MachineError, UsageError
from orchestrator.imports import http
from orchestrator.service import designing, private
from orchestrator.service.faults.script import NOTHING, Script
from orchestrator.service.held import new_key, new_webhook_secret, secret_file
from orchestrator.service.s3.bucket import (
    Bucket,
    bucket_of,
    credentials_in,
    credentials_of,
)
from orchestrator.service.settings import ServiceSettings

LOG_BYTES = 10_000_000
A_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for jobs, files and secrets; one service at a time.",
)
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    envvar="ORCHESTRATOR_API_KEY",
    show_envvar=True,
    help="A key that opens the API; may be given several times. Others on this"
    " machine can see it: prefer the variable or a file.",
)
@click.option(
    "--api-key-file",
    type=A_FILE,
    help="File with one key a line. Without any key,"
    " one is made and kept in DATA/api-key.",
)
@click.option(
    "--webhook-secret-file",
    type=A_FILE,
    help="What webhooks are signed with (whsec_…). [default: DATA/webhook-secret]",
)
@click.option(
    "--storage",
    metavar="s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]",
    help="Store for the files of pre-signed jobs.  [default: the folder DATA]",
)
@click.option(
    "--storage-credentials",
    type=A_FILE,
    help="File with the store's credentials, in the form of ~/.aws/credentials."
    " [default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY]",
)
@click.option(
    "--allow-private-urls",
    is_flag=True,
    help="Let webhooks and fetched files be at private and loopback addresses.",
)
@click.option(
    "--strict-uploads",
    is_flag=True,
    help="Ask for the key on ConvertAPI's /upload too, where the vendor asks none.",
)
@click.option(
    "--max-body",
    default=2 * 1024**3,
    show_default=True,
    type=click.IntRange(1),
    help="Largest file in bytes.",
)
@click.option(
    "--keep-results",
    default=86_400.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds for which results can be fetched.",
)
@click.option(
    "--no-deduplication", is_flag=True, help="Bill repeated submits; for tests."
)
@click.option(
    "--designs",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder with your designs.",
)
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE|storm",
    help="Script of faults that happen on purpose, for tests and rehearsals; `storm` "
    "is a built-in one.",
)
@click.option(
    "--stand-in-designs",
    is_flag=True,
    help="Render designs that are not here by one that prints its parameters.",
)
@click.option(
    "--rate-limits",
    is_flag=True,
    help="Count requests as the APIs do whose dialects are spoken.",
)
@click.option(
    "--reportflow-webhook",
    metavar="URL",
    help="Where the ReportFlow dialect tells of finished requests.",
)
@click.option(
    "--workers",
    default=0,
    type=click.IntRange(0),
    help="Documents rendered at the same time.  [default: one a core]",
)
@click.option(
    "--log-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the log goes.  [default: standard error]",
)
@click.option(
    "--compdf-webhook",
    metavar="URL",
    help="Where the ComPDF dialect tells of all its tasks and files.",
)
@click.option(
    "--ready-to",
    type=click.Choice(["convert", "generate"]),
    hidden=True,
    help="With --private: what is likely to be asked for first.",
)
@click.option(
    "--private",
    "is_private",
    is_flag=True,
    help="Serve the parent process alone: secrets come in one line of JSON on standard"
    " input, the address goes out on standard output, and the end of standard input"
    " is the end.",
)
def serve_command(*, is_private: bool, log_file: Path | None, **options: Any) -> None:
    """Run the document API on this machine."""
    if is_private:
        _private(options, log_file)
    else:
        _public(options, log_file)


def _public(options: dict[str, Any], log_file: Path | None) -> None:
    data: Path = options["data"]
    keys = (*options["api_keys"], *_keys_in(options["api_key_file"]))
    given: Path | None = options["webhook_secret_file"]
    settings = _settings(
        options,
        keys=keys or (_own(data / "api-key", new_key),),
        webhook_secret=_own(given or data / "webhook-secret", new_webhook_secret),
    )
    _log_to(log_file)

    def ready(url: str) -> None:
        click.echo(f"listening on {url}", err=True)
        if not keys:
            click.echo(f"the API key is in {data / 'api-key'}", err=True)

    asyncio.run(_run(settings, ready, (signal.SIGINT, signal.SIGTERM)))


def _private(options: dict[str, Any], log_file: Path | None) -> None:
    # The parent may start us before it has anything to say.
    _serving()
    if options["ready_to"] == "generate":
        designing.load()
    secrets = private.begin()
    settings = replace(
        _settings(options, keys=(secrets.key,), webhook_secret=secrets.webhook_secret),
        host="127.0.0.1",
        port=secrets.port,
        allow_private_urls=True,
        reportflow_webhook=secrets.webhook or options["reportflow_webhook"],
    )
    _log_to(log_file or settings.data / "service.log")
    here = version("document-orchestrator")
    asyncio.run(_run(settings, lambda url: private.greet(url, here), (signal.SIGTERM,)))


async def _run(
    settings: ServiceSettings, ready: Any, signals: tuple[signal.Signals, ...]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in signals:
        loop.add_signal_handler(each, stop.set)
    await _serving()(settings, ready=ready, stop=stop)


def _serving() -> Callable[..., Awaitable[None]]:
    with http():
        from orchestrator.service.run import serve  # noqa: PLC0415  # slow; help is not
    return serve


def _settings(
    options: dict[str, Any], *, keys: tuple[str, ...], webhook_secret: str
) -> ServiceSettings:
    return ServiceSettings(
        data=options["data"],
        keys=keys,
        webhook_secret=webhook_secret,
        host=options["host"],
        port=options["port"],
        allow_private_urls=options["allow_private_urls"],
        max_body=options["max_body"],
        keep_results=options["keep_results"],
        strict_uploads=options["strict_uploads"],
        deduplicate=not options["no_deduplication"],
        designs=options["designs"],
        workers=options["workers"],
        storage=_storage(options["storage"], options["storage_credentials"]),
        faults=_faults_in(options["faults"]),
        rate_limits=options["rate_limits"],
        stand_in_designs=options["stand_in_designs"],
        reportflow_webhook=options["reportflow_webhook"],
        compdf_webhook=options["compdf_webhook"],
        ready_to=options["ready_to"],
    )


def _storage(text: str | None, path: Path | None) -> Bucket | None:
    if text is None:
        return None
    known = credentials_of(os.environ) if path is None else credentials_in(path)
    return bucket_of(text, known)


def _faults_in(path: Path | None) -> Script:
    if path is None:
        return NOTHING
    # Slow to import.
    from orchestrator.service.faults.load import load_script, script_at  # noqa: PLC0415

    return load_script(script_at(path))


def _keys_in(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    keys = tuple(line.strip() for line in path.read_text().splitlines())
    if not any(keys):
        raise UsageError(f"{path} holds no key")
    return tuple(key for key in keys if key)


def _own(path: Path, make: Any) -> str:
    try:
        return secret_file(path, make)
    except OSError as error:
        raise MachineError(f"cannot use {path}: {error.strerror}") from error


def _log_to(path: Path | None) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if path is not None:
        handler = _log_file(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("orchestrator.service")
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def _log_file(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=2)
    except OSError as error:
        raise MachineError(f"cannot write to {path}: {error.strerror}") from error
