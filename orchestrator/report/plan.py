"""A plan in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.plan.batch import Plan
from orchestrator.report.units import number, size

_NAMES = {"presigned": "pre-signed"}


def lines(plan: Plan) -> Iterator[str]:
    """What ``plan`` prints, line by line."""
    yield f"Plan of {plan.name}: {number(plan.documents, 'document')}"
    yield from _known(plan)
    if not plan.parts:
        yield "  nothing to do: every document is in the ledger"
        return
    sent = f", {size(plan.bytes)} to send" if plan.bytes else ""
    yield f"  to do   {number(plan.todo, 'document')}{sent}"
    for part in plan.parts:
        mode = _NAMES.get(part.mode, part.mode)
        where = f"{part.account} ({part.provider})"
        yield (
            f"    {mode:<10}  {part.documents:>7,}  {size(part.bytes):>9}  "
            f"{where}: {part.reason}"
        )
    cost = "nothing to pay" if plan.cost is None else f"about {plan.cost:f}"
    yield f"  cost    {cost}"
    if plan.room is not None:
        verdict = "enough" if plan.has_room else "MAY NOT BE ENOUGH"
        yield (
            f"  disk    {size(plan.room)} free, outputs may need "
            f"{size(plan.needs)}: {verdict}"
        )


def _known(plan: Plan) -> Iterator[str]:
    if plan.new == plan.documents and not plan.gone:
        yield "  ledger  none yet: every document is new"
        return
    counts = [f"{plan.new:,} new", f"{plan.changed:,} changed"]
    counts += [f"{count:,} {name}" for name, count in sorted(plan.states.items())]
    counts.append(f"{plan.gone:,} no longer in the manifest")
    shown = [each for each in counts if not each.startswith("0 ")]
    yield f"  ledger  {', '.join(shown)}"
