"""A plan in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model import Document, State
from orchestrator.plan.batch import NumberRange, Part, Plan, Room
from orchestrator.plan.deadlines import iso
from orchestrator.report.bill import amount
from orchestrator.report.summary import stranded_lines
from orchestrator.report.units import number, size, span

_NAMES = {"presigned": "pre-signed"}
_ASKED = (State.IN_DOUBT, State.OVERDUE)
_FATES = {"same": "", "touched": ""}


def mode_name(mode: str) -> str:
    """A mode as people write it."""
    return _NAMES.get(mode, mode)


def document_line(
    document: Document, state: State, fate: str, number: str | None = None
) -> str:
    """What ``plan --documents`` prints of a document."""
    where = _FATES.get(fate, fate) or str(state).replace("_", " ")
    return (
        f"{mode_name(document.mode):<10}  {size(document.size):>9}  {where:<8}  "
        f"{document.id}{f' ({number})' if number else ''}: {document.reason}"
    )


def lines(plan: Plan, *, is_run: bool = False) -> Iterator[str]:
    """What ``plan`` prints, line by line; and a run, which was allowed to begin."""
    yield f"Plan of {plan.name}: {number(plan.documents, 'document')}"
    yield from _known(plan)
    yield from map(_numbers, plan.numbers)
    yield from _deadlines(plan)
    yield from (f"  LEFT    {line}" for line in stranded_lines(plan.stranded))
    if not plan.parts:
        yield "  nothing to do: every document is in the ledger"
        return
    sent = f", {size(plan.bytes)} to send" if plan.bytes else ""
    yield f"  to do   {number(plan.todo, 'document')}{sent}{_asked(plan)}"
    for part in plan.parts:
        yield (
            f"    {mode_name(part.mode):<10}  {part.documents:>7,}  "
            f"{size(part.bytes):>9}  {_where(part)}, as {part.example}: {part.reason}"
        )
    if plan.again:
        more = ", …" if plan.again > len(plan.again_examples) else ""
        would = "would be billed again, which `run` does only with --adopt"
        yield (
            f"  again   {number(plan.again, 'document')} changed and "
            f"{'will be billed again' if is_run else would}: "
            f"{', '.join(plan.again_examples)}{more}"
        )
    yield f"  cost    {_cost(plan)}"
    if plan.budget is not None:
        yield f"  budget  {_budget(plan.budget)}"
    if plan.room is not None:
        verdict = "enough" if plan.has_room else "MAY NOT BE ENOUGH"
        yield (
            f"  disk    {size(plan.room)} free, outputs may need "
            f"{size(plan.needs)}: {verdict}"
        )


def _asked(plan: Plan) -> str:
    """How many of those that are to be done are not sent before an answer says so."""
    known = {each: plan.states.get(each, 0) for each in _ASKED}
    words = [f"{n:,} {str(each).replace('_', ' ')}" for each, n in known.items() if n]
    if not words:
        return ""
    return f"; of these {', '.join(words)}: looked up before they are sent"


def _cost(plan: Plan) -> str:
    if not plan.unpriced:
        return "nothing to pay" if plan.cost is None else f"about {plan.cost:f}"
    names = ", ".join(plan.unpriced)
    if plan.cost is None:
        return f"not known: no `price` is said for {names}"
    return f"about {plan.cost:f}, and what {names} charges (no `price` is said)"


def _budget(room: Room) -> str:
    measure = room.currency or "units"
    said = (
        f"{amount(room.limit, room.currency)} {measure}, of which "
        f"{amount(room.taken, room.currency)} are spent or reserved; this may cost "
        f"{amount(room.most, room.currency)} at most"
    )
    if not room.open:
        return f"{said}: enough"
    return (
        f"{said}: {number(room.fits, 'document')} are sure to fit, "
        f"{room.open:,} MAY STAY OPEN"
    )


def _numbers(found: NumberRange) -> str:
    ends = found.first if found.count == 1 else f"{found.first} to {found.last}"
    kind = "new" if found.is_new else "given before"
    return f"  numbers {ends} ({found.count:,} {kind})"


def _deadlines(plan: Plan) -> Iterator[str]:
    for each in plan.dues:
        expired = (
            f"; {each.expired:,} expired (as {each.gone}): billed, and perhaps lost"
            if each.expired
            else ""
        )
        by = f"; next {iso(each.next)} ({each.example})" if each.next else ""
        count = number(each.documents, "document")
        maybe = f" ({each.unanswered:,} of them perhaps)" if each.unanswered else ""
        yield f"  due     {each.account}: {count} left there{maybe}{expired}{by}"
    for late in plan.lates:
        yield (
            f"  LATE    {late.account}: {number(late.documents, 'document')} may wait "
            f"there and take {span(late.seconds)} to fetch, but results are kept for "
            f"{span(late.retention)}, enough for {late.jobs:,}: lower `limits: jobs`, "
            "or raise `rate`"
        )


def _where(part: Part) -> str:
    known = part.account == part.provider
    return part.account if known else f"{part.account} ({part.provider})"


def _known(plan: Plan) -> Iterator[str]:
    if plan.new == plan.documents and not plan.gone:
        yield "  ledger  none yet: every document is new"
        return
    counts = [f"{plan.new:,} new", f"{plan.changed:,} changed"]
    counts += [f"{count:,} {name}" for name, count in sorted(plan.states.items())]
    counts.append(f"{plan.gone:,} no longer in the manifest")
    shown = [each for each in counts if not each.startswith("0 ")]
    yield f"  ledger  {', '.join(shown)}"
