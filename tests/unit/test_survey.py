"""What an account is asked before the first document keeps to its limits, too."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

from orchestrator.batch.accounts import accounts_of
from orchestrator.batch.prepare import Prepared
from orchestrator.batch.survey import Survey
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Transport
from orchestrator.settings import AccountSettings
from orchestrator.testing import ManualClock
from orchestrator.wire import flow
from orchestrator.wire.flow import Limits
from orchestrator.wire.http import Repeat, Request, Response

ASKED = Request("GET", "/balance", Repeat.SAFE)
SURVEY = flow.Survey(
    ASKED, flow.no_objections, lambda reply: flow.Standing(balance=float(reply.status))
)


@dataclass
class Answered:
    """A reply that is here."""

    response: Response


class Wire:
    """Notes what is sent, and answers it at once."""

    def __init__(self) -> None:
        self.sent: list[Request] = []

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answered]:
        """Answer."""
        self.sent.append(request)
        yield Answered(Response(200))


class NoWishes:
    """Of a batch that asks for nothing."""

    wishes = ()

    def refuse(self, objections: object) -> None:
        """There is nothing to refuse."""


async def test_an_account_is_asked_within_its_width() -> None:
    """While the only place is somebody else's, neither survey nor balance is asked."""
    clock, wire = ManualClock(), Wire()
    gates = Gates(Limits(width=1), clock, lambda *_: None)
    (account,) = accounts_of({"a": AccountSettings("a", "local")}).values()
    provider = replace(account.provider, survey=SURVEY)
    survey = Survey(
        replace(account, provider=provider),
        cast("Transport", wire),
        gates,
        batch=cast("Prepared", NoWishes()),
        clock=clock,
        luck=random.Random(1),
    )
    for ask in (survey.run, survey.balance):
        wire.sent.clear()
        held = await gates.enter("")
        asking = asyncio.create_task(ask())
        for _ in range(10):
            await asyncio.sleep(0)
        assert wire.sent == []
        gates.leave(held)
        assert await asking == 200.0
        assert wire.sent == [ASKED]
        assert gates.meter.busy == 0
