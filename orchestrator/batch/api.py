"""The Python API: the same words as the command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from orchestrator import manifest as manifests
from orchestrator.batch.accounts import providers, servers_of
from orchestrator.batch.folder import BatchFolder, folder_of
from orchestrator.batch.options import RunOptions
from orchestrator.batch.planning import plan_of
from orchestrator.batch.prepare import Prepared, prepared
from orchestrator.batch.run import Run, import_ahead
from orchestrator.clock import Clock, SystemClock
from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger.missing import mark_missing
from orchestrator.ledger.numbers import settle
from orchestrator.ledger.opening import leaving, telling
from orchestrator.ledger.register import Overtaken
from orchestrator.ledger.retry import reopen
from orchestrator.ledger.view import View
from orchestrator.manifest import Manifest
from orchestrator.model import State, Verdict
from orchestrator.plan.batch import Plan
from orchestrator.report.summary import stranded_lines


def load_manifest(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
) -> Manifest:
    """Read the head of a manifest; its documents are read when they are asked for.

    Args:
        path: The YAML file.
        environment: Where keys are looked for; ``None`` does not look for them.
        sources: Where connections of databases are looked for; ``environment`` if not
            given.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        ManifestError: its head has faults.
    """
    return manifests.load_manifest(
        path, environment=environment, types=tuple(providers()), sources=sources
    )


def plan_batch(
    manifest: Manifest, *, state: Path | None = None, overwrite: bool = False
) -> Plan:
    """What a run would do: a value that can be printed, priced and compared.

    Sends nothing and creates nothing.

    Args:
        manifest: From ``load_manifest``.
        state: Folder of the batch; ``STEM.batch`` beside the manifest if not given.
        overwrite: Whether outputs may replace files that this batch did not make.

    Raises:
        ManifestError: the manifest has faults; all of them are in it.
    """
    folder = folder_of(manifest.settings.path, state)
    with prepared(manifest, folder, overwrite=overwrite) as batch:
        return plan_of(batch)


async def run_batch(
    manifest: Manifest,
    *,
    state: Path | None = None,
    options: RunOptions | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Verdict]:
    """Run a batch, or go on with it; yields every document as it ends.

    Leaving the iteration early stops the run at once; the ledger goes on from there.

    Args:
        manifest: From ``load_manifest``.
        state: Folder of the batch; ``STEM.batch`` beside the manifest if not given.
        options: What to start, and what is allowed.
        environment: Where ``${env:NAME}`` is looked up; the process's own if not given.

    Raises:
        ManifestError: the manifest has faults, or asks for what an account cannot do.
        UsageError: an option names documents that the manifest does not have, changed
            documents would be billed again (see ``RunOptions.adopt``), or an account
            left its server with jobs in flight (see ``RunOptions.moved``).
        AccountError: a key is missing, or a service cannot be reached.
        MachineError: the batch is held by another process, or cannot be written.
    """
    options = options or RunOptions()
    import_ahead(folder_of(manifest.settings.path, state).ledger)
    with ExitStack() as stack:
        # Validating a large manifest takes its time: not in the caller's loop.
        batch, folder = await asyncio.to_thread(
            stack.enter_context, opened(manifest, state=state, options=options)
        )
        run = Run(
            batch,
            folder,
            options=options,
            environment=_own() if environment is None else environment,
        )
        async for verdict in run:
            yield verdict


@contextmanager
def opened(
    manifest: Manifest,
    *,
    state: Path | None = None,
    options: RunOptions | None = None,
    clock: Clock | None = None,
) -> Iterator[tuple[Prepared, BatchFolder]]:
    """Hold a batch whose manifest is valid and merged into its ledger.

    Raises:
        ManifestError: the manifest has faults; the ledger is untouched.
        UsageError: as for ``run_batch``.
        MachineError: the batch is held by another process, or cannot be written.
    """
    options = options or RunOptions()
    folder = folder_of(manifest.settings.path, state)
    clock = clock or SystemClock()
    folder.require_local()
    with ExitStack() as stack:
        stack.enter_context(telling(folder.ledger))
        stack.enter_context(leaving(folder.ledger))
        # Held first, where there is something to hold: the outputs of a run that is
        # going on are no strangers' files.
        is_held = folder.path.is_dir() or _is_made(folder, stack)
        if is_held:
            stack.enter_context(folder.held(clock))
        if options.rehearsal is None:
            stack.enter_context(_settled(manifest, folder, clock))
        passes = stack.enter_context(ExitStack())
        batch = passes.enter_context(_prepared(manifest, folder, options))
        _require_known(batch, options.only)
        _require_there(batch, options)
        _require_leave(batch, options)
        if not is_held:
            folder.make()
            stack.enter_context(folder.held(clock))
        try:
            _reserve(batch, options, clock)
        except Overtaken:
            # Once more, and others wait meanwhile.
            passes.close()
            batch = stack.enter_context(_prepared(manifest, folder, options, hold=True))
            _reserve(batch, options, clock)
        batch.merge(folder)
        if (retry := options.retry) is not None:
            if State.MISSING in retry.states:
                # Else a run looks for outputs while it sends.
                mark_missing(folder.ledger)
            reopen(folder.ledger, retry)
            batch.stage.retry = retry
        yield batch.merged(), folder


def _is_made(folder: BatchFolder, stack: ExitStack) -> bool:
    """Make the folder of a batch, which goes again if there is no ledger at the end.

    A faulty first manifest leaves none; where it cannot be made, faults come first.
    """
    with suppress(MachineError):
        folder.make()
        stack.callback(folder.unmake)
        return True
    return False


def _prepared(
    manifest: Manifest, folder: BatchFolder, options: RunOptions, *, hold: bool = False
) -> AbstractContextManager[Prepared]:
    return prepared(
        manifest,
        folder,
        overwrite=options.overwrite,
        rehearsal=options.rehearsal,
        hold=hold,
        keeps=True,
    )


def _reserve(batch: Prepared, options: RunOptions, clock: Clock) -> None:
    """Take the numbers that the documents need; a rehearsal takes none.

    Raises:
        Overtaken: others took some of them meanwhile.
    """
    if options.rehearsal is None:
        batch.numbers.reserve(clock.now())


@contextmanager
def _settled(manifest: Manifest, folder: BatchFolder, clock: Clock) -> Iterator[None]:
    """Note which numbers were delivered, before a run and after it."""
    store, name = manifest.settings.numbers, manifest.settings.name
    settle(store, name, folder.ledger, clock.now())
    try:
        yield
    finally:
        # Where the store cannot be written now, the next run notes it.
        with suppress(MachineError):
            settle(store, name, folder.ledger, clock.now())


def _require_known(batch: Prepared, only: Sequence[str]) -> None:
    if unknown := batch.stage.unknown(only):
        names = ", ".join(repr(each) for each in unknown)
        raise UsageError(
            f"--only {names}: the manifest has no such document; "
            "`orchestrator plan --documents` lists the ids"
        )


def _require_there(batch: Prepared, options: RunOptions) -> None:
    """Let no server be asked for what another one has."""
    if unknown := set(options.moved) - set(batch.accounts):
        names = ", ".join(sorted(unknown))
        raise UsageError(f"--moved {names}: the manifest has no such account")
    if options.rehearsal is not None:
        return  # everything is in its own folder, and at its own service
    left = batch.stage.stranded(servers_of(batch.accounts))
    moved = {each.account for each in left if each.now is not None}
    if moved - set(options.moved):
        raise UsageError("\n".join((*stranded_lines(left), "nothing was sent")))


def _require_leave(batch: Prepared, options: RunOptions) -> None:
    """Let nothing be paid again unasked."""
    diff, again = batch.diff, batch.again
    if options.refuse and (diff.changed or diff.gone):
        raise UsageError(
            f"--refuse: {diff.changed:,} changed and {diff.gone:,} gone since the last "
            "run; nothing was sent; `orchestrator plan --documents` shows which"
        )
    if again.documents and not options.adopt:
        shown = ", ".join(repr(each) for each in again.examples)
        more = again.documents - len(again.examples)
        raise UsageError(
            f"{again.documents:,} of the documents that are done, or in flight, "
            f"changed, and would be billed again: {shown}"
            f"{f' and {more:,} more' if more else ''}; "
            "nothing was sent; allow it with --adopt, or undo the change"
            + "".join(f"\n{line}" for line in _left(batch))
        )


def _left(batch: Prepared) -> Iterator[str]:
    return stranded_lines(batch.stage.stranded(servers_of(batch.accounts)))


def batch_status(manifest: Path, *, state: Path | None = None) -> dict[State, int]:
    """Documents of a batch by state, also while a run holds it.

    Raises:
        UsageError: the manifest was never run.
    """
    with View(folder_of(manifest.absolute(), state).ledger) as view:
        return view.states()


def _own() -> Mapping[str, str]:
    return os.environ
