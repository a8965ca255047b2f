"""Summaries in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from orchestrator.model import Failure, State
from orchestrator.report.units import number, size, span

_WORDS = {
    State.DONE: "done",
    State.OPEN: "open",
    State.FAILED: "failed",
    State.IN_DOUBT: "in doubt",
    State.OVERDUE: "overdue",
    State.LOST: "lost",
    State.MISSING: "missing",
    State.GONE: "no longer in the manifest",
}
_ADVICE = {
    State.OPEN: "run the same command to go on",
    State.FAILED: "mend the cause, then `orchestrator retry --failed`",
    State.IN_DOUBT: "may have been billed; looked up again at the next run",
    State.OVERDUE: "accepted, and asked for again at the next run",
    State.LOST: "billed, and no longer obtainable",
    State.MISSING: "done, but the output is gone or was changed; make it again "
    "(it may be billed again) with `orchestrator retry --missing`",
}
Reasons = Sequence[tuple[State, str, int, str, str]]


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


class Left(Protocol):
    """Jobs at an account that is not in the manifest."""

    @property
    def account(self) -> str:
        """Its name."""
        ...

    @property
    def jobs(self) -> int:
        """How many."""
        ...

    @property
    def documents(self) -> int:
        """Documents that they carry."""
        ...


def stranded_lines(stranded: Sequence[Left]) -> Iterator[str]:
    """What is said of jobs that nobody carries, since their account was removed."""
    for each in stranded:
        yield (
            f"account {each.account} is not in the manifest any more, and "
            f"{number(each.jobs, 'job')} of {number(each.documents, 'document')} "
            "were left there; they may be billed: put the account back and run again, "
            "or decide with `orchestrator resolve`"
        )


def states_line(states: Mapping[State, int]) -> str:
    """``18 done, 2 failed``, in a fixed order."""
    shown = [
        f"{states[each]:,} {word}" for each, word in _WORDS.items() if each in states
    ]
    return ", ".join(shown) or "no documents"


def status_lines(
    states: Mapping[State, int],
    reasons: Reasons,
    flight: Mapping[str, int],
    holder: Holding | None,
) -> Iterator[str]:
    """What ``status`` prints."""
    yield f"{number(sum(states.values()), 'document')}: {states_line(states)}"
    if flight:
        phases = ", ".join(f"{count:,} {phase}" for phase, count in flight.items())
        yield f"jobs in flight: {phases}"
    if holder:
        yield f"held by process {holder.pid} on {holder.host}"
    yield from advice_lines(states, reasons)


def advice_lines(states: Mapping[State, int], reasons: Reasons) -> Iterator[str]:
    """What stands against documents, grouped, and what to do."""
    for state, advice in _ADVICE.items():
        if not states.get(state):
            continue
        yield f"{_WORDS[state]}: {number(states[state], 'document')}; {advice}"
        for found, code, count, example, message in reasons:
            if found is state:
                why = f"{code}: {message} " if code else ""
                yield f"  {count:>6,}  {why}(as in {example})"


def summary_lines(
    states: Mapping[State, int],
    reasons: Reasons,
    *,
    ended: Mapping[State, int],
    written: int,
    seconds: float,
    stopped: Mapping[str, Failure],
    is_interrupted: bool = False,
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
    """
    count = sum(ended.values())
    if count:
        rate = count / seconds if seconds else 0.0
        yield (
            f"{number(count, 'document')} in {span(seconds)} "
            f"({rate:,.1f} a second), {size(written)} written"
        )
    else:
        what = "nothing was finished" if is_interrupted else "nothing to do"
        yield f"{what}, {span(seconds)}"
    if is_interrupted:
        yield "interrupted"
    yield f"batch: {states_line(states)}"
    for name, failure in stopped.items():
        yield f"account {name} stopped: {failure.code}: {failure.message}"
    yield from advice_lines(states, reasons)
