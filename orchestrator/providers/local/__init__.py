"""The embedded service (docs/service.md) as flows; performs no I/O.

Every charged step is *named*: the job's own id is made here, so a lost reply is looked
up, never sent again blindly. The service records a job before it works on it and says
``receiving`` while its request is still being read, so a lookup that finds nothing
proves that nothing happened once a sent request had time to arrive (``settle``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.model import Mode, Operation, Phase
from orchestrator.providers.local import asks, replies
from orchestrator.wire import values
from orchestrator.wire.flow import (
    Absence,
    Beside,
    Limits,
    Pace,
    Provider,
    Step,
    Survey,
    Wish,
)
from orchestrator.wire.http import Repeat, Request, Response


def objections(
    response: Response, wishes: Collection[Wish]
) -> Sequence[tuple[Wish, str]]:
    """What this instance has no converter for (``GET /v1/formats``)."""
    record = response.json()
    formats = values.records(
        record.get("formats") if isinstance(record, dict) else None
    )
    known = {
        (
            values.text(e.get("operation")),
            values.text(e.get("source")),
            values.text(e.get("target")),
        )
        for e in formats
        if values.text(e.get("source")) and values.text(e.get("target"))
    }
    return [
        (wish, _unsupported(wish, known))
        for wish in sorted(wishes)
        if known
        and wish.operation is Operation.CONVERT
        and (str(wish.operation), wish.source, wish.target) not in known
    ]


def _unsupported(wish: Wish, known: Collection[tuple[str, str, str]]) -> str:
    into = sorted({target for _, source, target in known if source == wish.source})
    to = sorted({source for _, source, target in known if target == wish.target})
    can = (
        f"{wish.source} goes to {', '.join(into)}"
        if into
        else f"{wish.target} is made of {', '.join(to) or 'nothing'}"
    )
    return f"{wish.account} has no converter from {wish.source} to {wish.target}; {can}"


# The flows...

found = Step(asks.look, replies.on_found)
polled = Step(asks.look, replies.on_polled)
fetched = Step(asks.fetch, replies.on_result)
uploads = Beside(asks.left, asks.put_at, replies.on_put_at, replies.uploaded)

provider = Provider(
    name="local",
    flows={
        Mode.SYNC: {
            Phase.SUBMIT: Step(asks.submit_sync, replies.on_submitted, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.ASYNC: {
            Phase.SUBMIT: Step(asks.submit_async, replies.on_job, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.PRESIGNED: {
            Phase.SUBMIT: Step(asks.create, replies.on_job),
            Phase.UPLOAD: Step(asks.put, replies.on_put, beside=uploads),
            Phase.EXECUTE: Step(asks.execute, replies.on_executed, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
    },
    auth=(("Authorization", "Bearer {key}"),),
    absence=Absence.PROVES,
    settle=2.0,
    retention=86_400.0,
    link_life=900.0,
    pace=Pace(first=0.1),
    limits=Limits(width=8),
    exactly_once=frozenset(Mode),
    release=Step(asks.delete, replies.on_deleted),
    release_all=asks.delete_all,
    survey=Survey(Request("GET", "/v1/formats", Repeat.SAFE, timeout=30.0), objections),
    spares_failures=True,
)
