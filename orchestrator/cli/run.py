"""``run`` and ``retry``: carry documents to their ends."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.ahead import begun
from orchestrator.cli.common import (
    address_given,
    folder_given,
    json_option,
    manifest_argument,
    overwrite_option,
    state_option,
)
from orchestrator.errors import Exit, UsageError
from orchestrator.imports import many

_ONLY = click.option(
    "--only",
    multiple=True,
    metavar="ID|GLOB",
    help="Start only these documents; may be given several times.",
)
_LIMIT = click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Start at most N documents: try a few before many.",
)
_LOG = click.option(
    "--log-file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=folder_given,
    help="Append one redacted JSON line for every exchange with a provider.",
)


_WEBHOOKS = click.option(
    "--webhooks",
    metavar="URL",
    help="Public address that providers may call when a job is done.",
)
_LISTEN = click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=address_given,
    help="Listen for webhooks here while the run lasts.",
)
_INBOX = click.option(
    "--inbox",
    type=click.Path(file_okay=False, path_type=Path),
    help="Read webhooks from this durable inbox (see `orchestrator listen`).",
)


_ADOPT = click.option(
    "--adopt",
    is_flag=True,
    help="Send changed documents again that are done, which is billed again.",
)
_REFUSE = click.option(
    "--refuse",
    is_flag=True,
    help="Send nothing if anything in the manifest changed or went.",
)
_MOVED = click.option(
    "--moved",
    multiple=True,
    metavar="ACCOUNT",
    help="The account's address changed, and it is the same service with the same "
    "jobs: ask it for what is in flight.",
)


@click.command(
    "run",
    epilog="Exit codes: 0 all done, 1 fault in the manifest or usage, 2 a bug, "
    "3 some documents failed, 4 an account stopped, 5 documents in doubt, overdue, "
    "lost or missing, 6 this machine (disk, lock), 130 interrupted.",
)
@manifest_argument
@_ONLY
@_LIMIT
@click.option(
    "--first",
    type=click.IntRange(1),
    metavar="N",
    help="Carry N documents to their ends, show what came of them and what the rest "
    "would cost, and ask whether to go on.",
)
@click.option(
    "--yes", is_flag=True, help="With --first: go on unasked if all N are done."
)
@overwrite_option
@_ADOPT
@_REFUSE
@_MOVED
@click.option(
    "--rehearse",
    is_flag=True,
    help="Run against a private service that speaks each provider's API: no key, no "
    "cost, outputs in STEM.rehearsal/out; says what the real run would cost.",
)
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE|storm",
    help="With --rehearse: a script of faults that happen on purpose; `storm` is a "
    "built-in one in which a tenth of all requests goes wrong.",
)
@_LOG
@_WEBHOOKS
@_LISTEN
@_INBOX
@state_option
@json_option
def run_command(
    manifest: Path,
    state: Path | None,
    *,
    only: tuple[str, ...],
    limit: int | None,
    first: int | None,
    yes: bool,
    overwrite: bool,
    adopt: bool,
    refuse: bool,
    moved: tuple[str, ...],
    rehearse: bool,
    faults: Path | None,
    log_file: Path | None,
    webhooks: str | None,
    listen: str | None,
    inbox: Path | None,
    as_json: bool,
) -> Exit:
    """Run a manifest, or go on where an earlier run stopped.

    The whole manifest is checked before anything is sent. Every document is
    carried through its provider in the mode that the plan chose (see
    `orchestrator plan`), and the results ledger is written beside the manifest in
    STEM.batch/.

    \b
    Run the same command again whenever you like:
      * what is done is not sent again;
      * what was in flight is looked up, never paid twice;
      * documents that failed stay failed: see `orchestrator retry --failed`;
      * what changed since it was done is sent again only with --adopt.

    \b
    Ctrl-C once starts nothing new and finishes what is in flight; twice stops at
    once. Both leave a ledger that goes on.
    """  # noqa: D301  # \b is click's mark for text that is not wrapped
    if yes and first is None:
        raise UsageError("--yes answers the question of --first: say --first, too")
    if rehearse and first is not None:
        raise UsageError("--first asks before it spends; to rehearse a few, --limit N")
    if faults is not None and not rehearse:
        raise UsageError("--faults is for rehearsals: say --rehearse, too")
    with begun(manifest, state, is_likely=not rehearse) as ahead:
        with many():
            from orchestrator.batch import RunOptions  # noqa: PLC0415  # slow
            from orchestrator.cli import carry  # noqa: PLC0415
        options = RunOptions(
            only=only,
            limit=limit,
            overwrite=overwrite,
            adopt=adopt,
            refuse=refuse,
            moved=moved,
            log_file=log_file,
            webhooks=webhooks,
            listen=listen,
            inbox=inbox,
        )
        if rehearse:
            return carry.rehearse(
                manifest, state, options, faults, ahead, as_json=as_json
            )
        return carry.run(
            manifest, state, options, ahead, first=first, yes=yes, as_json=as_json
        )


@click.command("retry")
@manifest_argument
@click.option("--failed", is_flag=True, help="Run failed documents again.")
@click.option(
    "--missing", is_flag=True, help="Make outputs again that are gone or were changed."
)
@click.option(
    "--code", metavar="CODE", help="Of failed ones, only those with this code."
)
@overwrite_option
@_ADOPT
@_REFUSE
@_MOVED
@_LIMIT
@_LOG
@state_option
@json_option
def retry_command(
    manifest: Path,
    state: Path | None,
    *,
    failed: bool,
    missing: bool,
    code: str | None,
    overwrite: bool,
    adopt: bool,
    refuse: bool,
    moved: tuple[str, ...],
    limit: int | None,
    log_file: Path | None,
    as_json: bool,
) -> Exit:
    """Run documents again that failed, or whose outputs are gone.

    They are asked for as new work, which a provider may bill again; only results
    that are already paid for and merely could not be saved are fetched.

    \b
    Nothing else is sent:
      * what was never sent stays open, for `orchestrator run`;
      * what is in flight, in doubt or overdue is looked up and carried on, since it
        may be paid for;
      * what it does not get to (--limit, Ctrl-C, the budget) stays failed or missing.
    """  # noqa: D301  # \b is click's mark for text that is not wrapped
    if code is not None and not failed:
        raise UsageError("--code is for documents that failed: say --failed, too")
    if not failed and not missing:
        raise UsageError("say what to retry: --failed, --missing, or both")
    with many():
        from orchestrator.batch import RunOptions  # noqa: PLC0415  # slow
        from orchestrator.cli import carry  # noqa: PLC0415
    with begun(manifest, state, is_likely=False) as ahead:
        options = RunOptions(
            limit=limit,
            overwrite=overwrite,
            adopt=adopt,
            refuse=refuse,
            moved=moved,
            retries=carry.retried(
                manifest, state, failed=failed, missing=missing, code=code
            ),
            code=code,
            log_file=log_file,
        )
        return carry.run(manifest, state, options, ahead, as_json=as_json)
