"""Documents that need eyes, in words; performs no I/O."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from orchestrator.model import Mode, Phase, State, Trouble
from orchestrator.report.units import number, span

STANDS = {
    Phase.SUBMIT: "being handed over",
    Phase.UPLOAD: "being uploaded",
    Phase.EXECUTE: "about to be started",
    Phase.POLL: "at the provider, not finished",
    Phase.FETCH: "finished, its result to be fetched",
    Phase.RELEASE: "done, to be deleted at the provider",
    Phase.ENDED: "ended",
}
"""Where a job stands, for people."""
_MODES = {Mode.PRESIGNED: "pre-signed"}


def command(verb: str, manifest: Sequence[str], *more: str) -> str:
    """A command as it can be pasted into a shell.

    ``manifest`` is the manifest, and after it the options that find its batch.
    """
    return shlex.join(["orchestrator", verb, *manifest, *more])


def commands(trouble: Trouble, manifest: Sequence[str]) -> list[str]:
    """The commands that decide about a document, the likeliest first."""
    id_ = trouble.document.id
    named = ["--", id_] if id_.startswith("-") else [id_]
    if trouble.state is State.FAILED:
        code = ["--code", trouble.failure.code] if trouble.failure else []
        return [command("retry", manifest, "--failed", *code)]
    decided = [
        command("resolve", manifest, f"--{each}", *named)
        for each in ("resubmit", "mark-done", "give-up")
    ]
    waits = trouble.state in (State.IN_DOUBT, State.OVERDUE)
    return [command("run", manifest), *decided] if waits else decided


def lines(
    trouble: Trouble, offer: str, manifest: Sequence[str], *, now: float
) -> Iterator[str]:
    """All that is known of a document, and what decides about it.

    Args:
        trouble: What the ledger knows.
        offer: What the provider offers to settle it, in words.
        manifest: The manifest, and the options that find its batch.
        now: Seconds since the epoch.
    """
    yield f"{_words(trouble.state)}: {trouble.document.id}"
    for label, text in _facts(trouble, offer, now):
        yield f"  {label:<9} {text}"
    label = "decide"
    for each in commands(trouble, manifest):
        yield f"  {label:<9} {each}"
        label = ""


def _facts(trouble: Trouble, offer: str, now: float) -> Iterator[tuple[str, str]]:
    if why := trouble.failure:
        status = f" (status {why.status})" if why.status else ""
        yield "why", f"{why.code}{status}: {why.message}"
    mode = _MODES.get(trouble.mode, str(trouble.mode))
    if trouble.job is None:
        yield "job", f"none left; account {trouble.account}, {mode}"
    else:
        stands = STANDS[trouble.phase] if trouble.phase else "unknown"
        yield "job", f"{trouble.job}, account {trouble.account}, {mode}: {stands}"
        yield "handle", trouble.handle or _no_handle(trouble)
    if trouble.intended is not None:
        yield "sent", f"{when(trouble.intended, now)}; its outcome is unknown"
    elif trouble.created is not None:
        yield "begun", when(trouble.created, now)
    if trouble.runs and trouble.last is not None:
        runs = number(trouble.runs, "run")
        yield "left so", f"by {runs}, the last {when(trouble.last, now)}"
    if trouble.units and trouble.state is not State.FAILED:
        guess = " (nobody told: guessed)" if trouble.guessed else ""
        is_sure = trouble.state in (State.LOST, State.MISSING)
        noun = "unit" if trouble.units == 1 else "units"
        spent = "spent" if is_sure else "at stake"
        yield spent, f"{trouble.units:,.10g} {noun}{guess}"
    yield "output", trouble.document.output
    yield "settles", offer


def _no_handle(trouble: Trouble) -> str:
    if trouble.intended is not None:
        return "none: the provider's answer never came"
    if trouble.failure and trouble.failure.status:
        return "none: the provider said no"
    return "none: nothing was accepted"


def when(at: float, now: float) -> str:
    """A moment in local time, and how long ago it was."""
    local = datetime.fromtimestamp(at).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S %Z} ({span(max(0.0, now - at))} ago)"


def _words(state: State) -> str:
    return str(state).replace("_", " ")
