"""Makes the plan of a prepared batch."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path

from orchestrator.batch.accounts import Account, servers_of
from orchestrator.batch.prepare import Prepared
from orchestrator.batch.spending import spending_of
from orchestrator.clock import Clock, SystemClock
from orchestrator.ledger.stage import Share
from orchestrator.model import Mode
from orchestrator.plan.batch import Part, Plan, Room, needs_of, room_of
from orchestrator.plan.deadlines import Late, dues, fetch_rate, late


def plan_of(
    batch: Prepared, clock: Clock | None = None, *, moved: Collection[str] = ()
) -> Plan:
    """What a run would do; reads clock, ledger and how much room the disk has.

    Accounts in ``moved`` are the same services under other addresses.
    """
    left = batch.stage.stranded(servers_of(batch.accounts))
    now = (clock or SystemClock()).now()
    kept = {name: each.provider.retention for name, each in batch.accounts.items()}
    parts = [_part(batch, share) for share in batch.shares]
    diff = batch.diff
    return Plan(
        name=batch.settings.name,
        documents=diff.documents,
        new=diff.new,
        changed=diff.changed,
        same=diff.same,
        gone=diff.gone,
        states=diff.states,
        parts=parts,
        room=_room(batch),
        needs=needs_of(parts),
        budget=_budget(batch),
        again=batch.again.documents,
        again_examples=batch.again.examples,
        numbers=batch.numbers.ranges(),
        dues=dues(batch.stage.flights(), kept, now),
        lates=_lates(batch),
        stranded=[each for each in left if each.account not in moved],
    )


def _budget(batch: Prepared) -> Room | None:
    said = batch.settings.budget
    if said is None:
        return None
    spending = spending_of(said, batch.accounts, batch.stage.committed())
    costs = [
        (
            name,
            count,
            (spending.terms[name].at_most(what) or 0) * spending.terms[name].price,
        )
        for name, what, count in batch.stage.unsent()
    ]
    return room_of(said.limit, said.currency, spending.budget.taken, costs)


def _lates(batch: Prepared) -> list[Late]:
    """Accounts at which more may wait than can be fetched before it expires."""
    waiting: dict[str, int] = {}
    for share in batch.shares:
        if share.mode != Mode.SYNC:
            waiting[share.account] = waiting.get(share.account, 0) + share.documents
    found = (_late(batch.accounts[name], count) for name, count in waiting.items())
    return [each for each in found if each is not None]


def _late(account: Account, documents: int) -> Late | None:
    provider = account.provider
    # Where a job carries several documents, all of them may wait.
    waiting = documents if provider.fits else min(documents, account.limits.jobs)
    rate = fetch_rate(account.limits.rate, provider.rates)
    return late(account.name, waiting, rate=rate, retention=provider.retention)


def _part(batch: Prepared, share: Share) -> Part:
    account = batch.accounts[share.account]
    price: Decimal | None = account.settings.price
    return Part(
        account=account.name,
        provider=account.provider.name,
        mode=share.mode,
        documents=share.documents,
        bytes=share.bytes,
        example=share.example.id,
        reason=share.example.reason,
        cost=price * share.documents if price is not None else None,
        is_free=account.settings.is_private,
    )


def _room(batch: Prepared) -> int | None:
    if not batch.shares:
        return None
    place = Path(batch.shares[0].example.output).parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None
