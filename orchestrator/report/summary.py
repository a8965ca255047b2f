"""Summaries in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from orchestrator.model import Blame, Failure, Phase, Reason, State, Stranded
from orchestrator.report.attention import STANDS, command
from orchestrator.report.units import number, size, span

WORDS = {
    State.DONE: "done",
    State.OPEN: "open",
    State.FAILED: "failed",
    State.IN_DOUBT: "in doubt",
    State.OVERDUE: "overdue",
    State.LOST: "lost",
    State.MISSING: "missing",
    State.GONE: "no longer in the manifest",
}
_LIMITS = {"rate": "requests a second", "width": "at a time"}
_ADVICE = {
    State.OPEN: "run the same command to go on",
    State.FAILED: "mend the cause, then `orchestrator retry --failed`",
    State.IN_DOUBT: "may have been billed; asked for again at the next run, as far as "
    "the provider can be asked",
    State.OVERDUE: "accepted, and asked for again at the next run",
    State.LOST: "billed, and no longer obtainable",
    State.MISSING: "done, but the output is gone or was changed",
}
_TO_DO = {
    "given_up": "you gave it up",
    "output_exists": "move the file that is in the way, or say --overwrite",
    "source_changed": "leave the file alone while it is sent; the next run sends it as "
    "it is then, without a retry",
}
_TO_MEND = {
    Blame.DOCUMENT: "mend the document",
    Blame.ACCOUNT: "see to the account",
    Blame.SERVICE: "ask again later, or ask the provider why",
    Blame.NETWORK: "see to the network",
    Blame.MACHINE: "see to this machine",
}
_HELD = "the run that holds the batch carries them"
_HALTED = "mend what stopped the account, then run the same command to go on"
_MOVED = "no run goes on before that is settled"
_APART = "`orchestrator run` goes on with them; a retry leaves them alone"
_ASKED = (State.IN_DOUBT, State.OVERDUE)
_HERE = ("MANIFEST",)


class Holding(Protocol):
    """Who holds a batch."""

    @property
    def pid(self) -> int:
        """The process."""
        ...

    @property
    def host(self) -> str:
        """The machine."""
        ...


def stranded_lines(stranded: Iterable[Stranded]) -> Iterator[str]:
    """What is said of jobs that nobody carries: their account is gone, or elsewhere."""
    for each in stranded:
        left = f"{number(each.jobs, 'job')} of {number(each.documents, 'document')}"
        if each.now is None:
            yield (
                f"account {each.account} is not in the manifest any more, and {left} "
                "were left there; they may be billed: put the account back and run "
                "again, or decide with `orchestrator resolve`"
            )
        else:
            yield (
                f"account {each.account}: {left} were left at {each.was}, and the "
                f"manifest has {each.now} now, which knows nothing of them; they may "
                "be billed: put the address back and run until they are settled, or "
                "decide with `orchestrator resolve`; if it is the same service with "
                f"the same jobs, say `run --moved {each.account}`"
            )


def states_line(states: Mapping[State, int]) -> str:
    """``18 done, 2 failed``, in a fixed order."""
    shown = [
        f"{states[each]:,} {word}" for each, word in WORDS.items() if each in states
    ]
    return ", ".join(shown) or "no documents"


def status_lines(
    states: Mapping[State, int],
    reasons: Sequence[Reason],
    flight: Mapping[str, int],
    holder: Holding | None,
    *,
    unanswered: int = 0,
    stopped: Mapping[str, Failure] = MappingProxyType({}),
    stranded: Sequence[Stranded] = (),
    manifest: Sequence[str] = _HERE,
) -> Iterator[str]:
    """What ``status`` prints.

    Args:
        states: Documents by state.
        reasons: What stands against documents.
        flight: Jobs that carry open documents, by phase.
        holder: Who holds the batch.
        unanswered: Those of ``flight`` whose answer is not known.
        stopped: Accounts that the last run stopped, and why.
        stranded: What was left at accounts that are gone, or elsewhere now.
        manifest: The manifest, and the options that find its batch, for commands.
    """
    yield f"{number(sum(states.values()), 'document')}: {states_line(states)}"
    yield from _flight_lines(flight, unanswered, is_held=holder is not None)
    if holder:
        yield f"held by process {holder.pid} on {holder.host}"
    for name, failure in stopped.items():
        yield f"the last run stopped account {name}: {failure.code}: {failure.message}"
    yield from stranded_lines(stranded)
    is_refused = any(each.now is not None for each in stranded)
    pending = _HALTED if stopped else _MOVED if is_refused else ""
    yield from advice_lines(states, reasons, pending=_HELD if holder else pending)
    cannot_run = is_refused or holder is not None
    yield from next_lines(states, reasons, manifest, is_held=cannot_run)


def _flight_lines(
    flight: Mapping[str, int], unanswered: int, *, is_held: bool
) -> Iterator[str]:
    if not flight:
        return
    whose = "being carried" if is_held else "left by a run that ended"
    yield f"{number(sum(flight.values()), 'job')} {whose}"
    for phase, count in flight.items():
        yield f"  {count:>6,}  {STANDS[Phase(phase)]}"
    if unanswered and not is_held:
        what = "sent, and not answered: the next run asks for it before it sends again"
        yield f"  {unanswered:>6,}  of them {what}"


def limit_lines(limits: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """How fast accounts were asked in the end, since they had refused more.

    Args:
        limits: By account, ``rate`` (requests a second) and ``width`` (at a time), as
            far as they were found.
    """
    for name, found in limits.items():
        words = [f"{found[key]:,.3g} {_LIMITS[key]}" for key in _LIMITS if key in found]
        if words:
            yield (
                f"account {name}: refused some requests (429 or 503), and was asked no "
                f"faster than {', '.join(words)}; `limits` of the account spare that"
            )


def advice_lines(
    states: Mapping[State, int], reasons: Sequence[Reason], *, pending: str = ""
) -> Iterator[str]:
    """What stands against documents, grouped, and what to do.

    ``pending`` is what is said of open ones, if not that a run goes on with them.
    """
    for state, usual in _ADVICE.items():
        if not states.get(state):
            continue
        advice = (state is State.OPEN and pending) or usual
        yield f"{WORDS[state]}: {number(states[state], 'document')}; {advice}"
        for each in reasons:
            if each.state is state:
                yield f"  {each.documents:>6,}  {_reason(each)}"


def _reason(reason: Reason) -> str:
    """Code, words, a few ids, and what to do where that differs by reason."""
    more = ", …" if reason.documents > len(reason.examples) else ""
    ids = f"({', '.join(reason.examples)}{more})"
    if reason.failure is None:
        return ids
    text = f"{reason.code}: {reason.failure.message} {ids}"
    if reason.state is not State.FAILED:
        return text
    return f"{text}: {_TO_DO.get(reason.code, _TO_MEND[reason.failure.blame])}"


def next_lines(
    states: Mapping[State, int],
    reasons: Sequence[Reason],
    manifest: Sequence[str],
    *,
    is_held: bool,
) -> Iterator[str]:
    """Commands that lead on from here; none without a manifest."""
    if not manifest:
        return
    steps = list(_steps(states, reasons, manifest, is_held=is_held))
    if steps:
        yield "next:"
    width = max((len(step) for step, _ in steps), default=0)
    for step, why in steps:
        yield f"  {step:<{width}}  {why}"


def _steps(
    states: Mapping[State, int],
    reasons: Sequence[Reason],
    manifest: Sequence[str],
    *,
    is_held: bool,
) -> Iterator[tuple[str, str]]:
    asked = [each for each in _ASKED if states.get(each)]
    if (asked or states.get(State.OPEN)) and not is_held:
        yield command("run", manifest), "go on, and ask again" if asked else "go on"
    if any(states.get(each) for each in (*_ASKED, State.LOST, State.MISSING)):
        yield command("status", manifest, "--attention"), "what is known of each"
        resolve = command("resolve", manifest)
        yield f"{resolve} --resubmit|--mark-done|--give-up ID…", "decide yourself"
    if states.get(State.MISSING):
        yield command("retry", manifest, "--missing"), "may be billed again"
    if not states.get(State.FAILED):
        return
    codes = [each.code for each in reasons if each.state is State.FAILED]
    more = ("--code", codes[0]) if len(codes) > 1 else ()
    why = "once the cause is mended" + (", one code at a time" if more else "")
    yield command("retry", manifest, "--failed", *more), why
    yield command("failed", manifest, "-o", "FILE.yaml"), "them alone, as a manifest"


def summary_lines(
    states: Mapping[State, int],
    reasons: Sequence[Reason],
    *,
    ended: Mapping[State, int],
    written: int,
    seconds: float,
    stopped: Mapping[str, Failure],
    is_interrupted: bool = False,
    is_retry: bool = False,
    manifest: Sequence[str] = _HERE,
) -> Iterator[str]:
    """What ``run`` prints at its end.

    Args:
        states: Documents of the whole batch by state.
        reasons: What stands against documents.
        ended: Documents that ended in this run, by state.
        written: Bytes of outputs of this run.
        seconds: How long the run took.
        stopped: Accounts that stopped, and why.
        is_interrupted: Whether the user ended it before it was done.
        is_retry: Whether open documents were none of its business.
        manifest: The manifest, and the options that find its batch, for commands.
    """
    count = sum(ended.values())
    if count:
        rate = count / seconds if seconds else 0.0
        yield (
            f"{number(count, 'document')} in {span(seconds)} "
            f"({rate:,.1f} a second), {size(written)} written"
        )
    else:
        is_cut = is_interrupted or stopped
        what = "nothing was finished" if is_cut else "nothing to do"
        yield f"{what}, {span(seconds)}"
    if is_interrupted:
        yield "interrupted"
    yield f"batch: {states_line(states)}"
    for name, failure in stopped.items():
        yield f"account {name} stopped: {failure.code}: {failure.message}"
    pending = _APART if is_retry else _HALTED if stopped else ""
    yield from advice_lines(states, reasons, pending=pending)
    yield from next_lines(states, reasons, manifest, is_held=False)
