"""Asks an account what it can do, and for its designs, before a document is sent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from orchestrator.batch.accounts import Account
from orchestrator.batch.prepare import Prepared
from orchestrator.clock import Clock
from orchestrator.engine import retry
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Transport
from orchestrator.errors import AccountError
from orchestrator.model import Blame, Document, Failure, Remedy
from orchestrator.wire.flow import Inquiry
from orchestrator.wire.http import Request, Response
from orchestrator.wire.outcome import NotSent, Unanswered

_REFUSED = (401, 403, 412)
Problems = Callable[[Document], Sequence[str]]


class Survey:
    """Questions to one account; none of them costs anything."""

    def __init__(
        self,
        account: Account,
        transport: Transport,
        gates: Gates,
        *,
        batch: Prepared,
        clock: Clock,
        luck: random.Random,
    ) -> None:
        self._account = account
        self._transport = transport
        self._gates = gates
        self._batch = batch
        self._clock = clock
        self._luck = luck
        self._wishes = [
            each for each in batch.wishes if each.account == account.settings.name
        ]

    async def run(self) -> float | None:
        """Ask, and give the balance as far as the account tells it.

        Raises:
            AccountError: the key is refused, or nobody answers.
            ManifestError: the account cannot do what it is asked for.
        """
        provider = self._account.provider
        balance = None
        if survey := provider.survey:
            response = await self._send(survey.request)
            standing = survey.standing(response)
            if standing.refusal:
                raise self._refused(standing.refusal)
            balance = standing.balance
            self._batch.refuse(survey.objections(response, self._wishes))
        if provider.inquire:
            await self._inquire(provider.inquire)
        return balance

    async def balance(self) -> float | None:
        """Ask for the balance alone; a silence is one."""
        survey = self._account.provider.survey
        if survey is None:
            return None
        try:
            return survey.standing(await self._send(survey.request)).balance
        except AccountError:
            return None

    def _refused(self, why: str) -> AccountError:
        return AccountError(
            f"account {self._account.name}: {why}; check `key` in the manifest"
        )

    async def _inquire(self, inquire: Callable[[str], Inquiry]) -> None:
        """Ask for every design, then check every document against its own."""
        checks: dict[str, Problems] = {}
        against: dict[str, str] = {}
        for design in sorted({each.design for each in self._wishes} - {""}):
            inquiry = inquire(design)
            response = await self._answer(inquiry)
            if response.status in _REFUSED:
                raise self._refused(f"the key is refused (status {response.status})")
            if why := inquiry.objection(response):
                against[design] = why
            else:
                checks[design] = inquiry.problems(response)
        self._batch.refuse(
            (wish, against[wish.design])
            for wish in self._wishes
            if wish.design in against
        )
        name = self._account.name

        def check(document: Document) -> Sequence[str]:
            is_ours = document.provider == name and document.design in checks
            return checks[document.design or ""](document) if is_ours else ()

        if checks:
            # As long as the validation of the manifest: not in the loop.
            await asyncio.to_thread(self._batch.recheck, check)

    async def _answer(self, inquiry: Inquiry) -> Response:
        """A good reply or an objection; anything else is asked for again."""
        waited = 0.0
        attempt = 1
        while True:
            response = await self._send(inquiry.request)
            is_refused = response.status in _REFUSED
            if response.is_success or is_refused or inquiry.objection(response):
                return response
            failure = Failure(
                f"http_{response.status}",
                f"status {response.status}",
                Blame.SERVICE,
                Remedy.RETRY,
                response.status,
                response.retry_after(),
            )
            seconds = retry.decide(
                retry.SERVICE,
                failure,
                attempt=attempt,
                waited=waited,
                luck=self._luck.random(),
            )
            if seconds is None:
                raise AccountError(
                    f"account {self._account.name}: it does not tell the parameters "
                    f"of its designs (status {response.status})"
                )
            attempt, waited = attempt + 1, waited + seconds
            await self._clock.sleep(seconds)

    async def _send(self, request: Request) -> Response:
        try:
            async with (
                # Within the account's limits, which another batch may use, too.
                self._gates.passage(0, is_large=False, lane=request.lane),
                self._transport.send(request) as reply,
            ):
                response = reply.response
        except (NotSent, Unanswered) as error:
            raise AccountError(
                f"account {self._account.name}: nobody answers ({error})"
            ) from None
        return response
