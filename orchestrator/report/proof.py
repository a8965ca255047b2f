"""A proof in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.model import State
from orchestrator.report.summary import WORDS, states_line
from orchestrator.report.units import number, size

_REST = (State.OPEN, State.FAILED, State.OVERDUE, State.LOST, State.MISSING)
"""What a proof of a whole batch would have none of."""


def proof_lines(
    states: Mapping[State, int],
    deviations: int,
    *,
    done: int,
    billed: int,
    again: int,
    by_hand: int,
    wasted: int,
    paid: int,
    unknown: int,
    possible: int,
) -> Iterator[str]:
    """What was billed for what is done.

    Args:
        states: Documents by state.
        deviations: How much is not as it should be; then nothing is proved.
        done: Documents that jobs of the batch have done.
        billed: How often jobs were billed for them.
        again: Those of ``billed`` that came on top of a first one.
        by_hand: Documents that the user marked done.
        wasted: Accepted for documents that are not done.
        paid: Those of ``wasted`` that were charged for certain.
        unknown: Documents in requests whose outcome is not known.
        possible: Documents in requests of unknown outcome that the user decided about.
    """
    yield f"{number(sum(states.values()), 'document')}: {states_line(states)}"
    if deviations:
        yield f"no proof: {number(deviations, 'deviation')}"
    else:
        rest = [f", {WORDS[each]} {states[each]:,}" for each in _REST if each in states]
        said = f"done {done:,}, billed {billed:,}, in doubt {unknown:,}"
        yield f"proof: {said}{''.join(rest)}"
    notes = (
        (again, "billed again, because the user asked for it or the manifest changed"),
        (by_hand, "done by the user's own word, and by no job"),
        (paid, "billed for documents that are not done now"),
        (wasted - paid, "accepted for documents that are not done: perhaps billed"),
        (possible, "perhaps billed before the user decided"),
    )
    for count, words in notes:
        if count:
            yield f"  {count:>6,}  {words}"


def read_lines(
    files: int, written: int, inputs: int | None, damages: Sequence[str]
) -> Iterator[str]:
    """What was read: outputs, their bytes, inputs, and the ledger's own file."""
    if damages:
        yield "ledger: DAMAGED; nothing else was judged"
        yield from (f"  {each}" for each in damages)
        return
    yield "ledger: whole"
    yield f"outputs: {number(files, 'file')}, {size(written)}, hashed and looked at"
    if inputs is not None:
        yield f"inputs: {number(inputs, 'file')} hashed"


def deviations_line(counts: Mapping[str, int]) -> str:
    """How many deviations of which kind there are."""
    total = sum(counts.values())
    if not total:
        return "no deviation"
    kinds = ", ".join(f"{count:,} {code}" for code, count in sorted(counts.items()))
    return f"{number(total, 'deviation')}: {kinds}"


_ASKED = ("known", "absent", "silent")
_SAID = {
    "known": "known to the provider: the next run takes them up",
    "absent": "unknown to the provider",
    "silent": "no usable answer",
    "mute": "the provider cannot be asked about them",
    "ready": "finished: the next run fetches their results",
    "unsent": "nothing that may cost money was sent for them",
    "stranded": "left at an account or an address that the manifest does not have",
}


def asked_lines(
    answers: Mapping[str, int],
    balances: Mapping[str, float],
    bill: tuple[int, int] | None,
) -> Iterator[str]:
    """What providers said.

    Args:
        answers: Unsettled jobs by what was said of them.
        balances: Account -> units left.
        bill: Of the private service: how often it billed, for how many jobs.
    """
    if bill is not None:
        billed, jobs = bill
        yield f"private service: billed {billed:,}, for {number(jobs, 'job')}"
    every = sum(answers.values())
    asked = sum(answers.get(word, 0) for word in _ASKED)
    some = "" if asked == every else f"{asked:,} of "
    yield f"asked about {some}{number(every, 'unsettled job')}"
    for word, words in _SAID.items():
        if count := answers.get(word):
            yield f"  {count:>6,}  {words}"
    for name, left in balances.items():
        yield f"account {name}: {left:,.10g} units left"
