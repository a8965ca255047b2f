"""Makes the plan of a prepared batch."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

from orchestrator.batch.prepare import Prepared
from orchestrator.ledger.stage import Share
from orchestrator.plan.batch import Part, Plan, needs_of


def plan_of(batch: Prepared) -> Plan:
    """What a run would do; reads how much room the disk has, and nothing else."""
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
        again=batch.again.documents,
        again_examples=batch.again.examples,
    )


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
