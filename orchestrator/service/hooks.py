"""Tells receivers that their jobs ended: signed, retried, surviving restarts."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import aiohttp
import msgspec
from standardwebhooks import Webhook

from orchestrator.clock import Clock
from orchestrator.service import rows
from orchestrator.service.address import guarded_session, objection
from orchestrator.service.faults.forge import forged
from orchestrator.service.faults.injector import Injector
from orchestrator.service.faults.script import Call, Kind, Phase
from orchestrator.service.jobs import Job
from orchestrator.service.outbox import Delivery, Outbox
from orchestrator.service.rows import Ending
from orchestrator.service.settings import ServiceSettings
from orchestrator.service.store import Deliveries

log = logging.getLogger(__name__)
Find = Callable[[str], Job | None]
Announce = Callable[[Job, Ending, Find], bytes | None]
AT_ONCE = 16
LONGEST_SLEEP = 60.0
RESCUE_EVERY = 2.0
Dress = Callable[[Mapping[str, str]], dict[str, str]]
"""What is done to the headers of a delivery before it goes."""


def announce(job: Job, ending: Ending, _: Find) -> bytes:
    """The body of a native webhook."""
    when = datetime.fromtimestamp(ending.finished, UTC)
    return msgspec.json.encode(
        {
            "type": f"job.{ending.state}",
            "timestamp": when.isoformat(),
            "data": {"id": job.id, "state": ending.state},
        }
    )


@dataclass(frozen=True, slots=True)
class Voice:
    """How a dialect tells of the end of a job.

    Attributes:
        deliveries: What is to be delivered; asked inside the change that ends the job.
        headers: The headers of a delivery, which is sent at this moment.
    """

    deliveries: Deliveries
    headers: Callable[[Delivery, datetime], Mapping[str, str]]


def standard(secret: str, body: Announce) -> Voice:
    """Tells whom the job names, as Standard Webhooks have it.

    The body is asked for inside the change that ends the job: it sees that change, so
    that of several jobs of one request exactly one is the last.
    """
    signer = Webhook(secret)

    def deliveries(
        db: sqlite3.Connection, job: Job, ending: Ending
    ) -> Sequence[Delivery]:
        url = job.order.webhook
        text = None if url is None else body(job, ending, partial(rows.find, db))
        if url is None or text is None:
            return ()
        message = f"msg_{secrets.token_hex(16)}"
        return (Delivery(message, url, text, due=ending.finished),)

    def headers(each: Delivery, now: datetime) -> Mapping[str, str]:
        return {
            "webhook-id": each.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signer.sign(each.id, now, each.body.decode()),
        }

    return Voice(deliveries, headers)


NATIVE: Mapping[str, Announce] = {"native": announce}


class Hooks:
    """Delivers what is in the outbox; each dialect has a voice of its own."""

    def __init__(
        self,
        outbox: Outbox,
        settings: ServiceSettings,
        clock: Clock,
        bodies: Mapping[str, Announce] = NATIVE,
        *,
        voices: Mapping[str, Voice] | None = None,
        injector: Injector | None = None,
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        secret = settings.webhook_secret
        own = {name: standard(secret, body) for name, body in bodies.items()}
        self._voices = {**own, **(voices or {})}
        self._injector = injector or Injector()
        self._news = asyncio.Event()

    def deliveries(
        self, db: sqlite3.Connection, job: Job, ending: Ending
    ) -> Sequence[Delivery]:
        """What is to be delivered when this job ends this way."""
        return self._voices[job.order.dialect].deliveries(db, job, ending)

    def wake(self) -> None:
        """Say that there is something new in the outbox."""
        self._news.set()

    async def run(self) -> None:
        """Deliver for ever."""
        settings = self._settings
        timeout = aiohttp.ClientTimeout(total=settings.webhook_timeout)
        allow = settings.allow_private_urls
        async with guarded_session(timeout, allow_private=allow) as session:
            while True:
                self._news.clear()
                try:
                    await self._round(session)
                except* sqlite3.Error:
                    log.exception("webhooks go on later")
                    await self._clock.sleep(RESCUE_EVERY)

    async def _round(self, session: aiohttp.ClientSession) -> None:
        due = self._outbox.due(self._clock.now(), AT_ONCE)
        if not due:
            await self._wait()
        async with asyncio.TaskGroup() as group:
            for each in due:
                group.create_task(self._deliver(session, each))

    async def _wait(self) -> None:
        due = self._outbox.next_due()
        rest = LONGEST_SLEEP if due is None else due - self._clock.now()
        try:
            async with asyncio.timeout(min(max(rest, 0.01), LONGEST_SLEEP)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _deliver(self, session: aiohttp.ClientSession, each: Delivery) -> None:
        if each.tries == 0 and await self._misdeliver(session, each):
            return
        why = await self._post(session, each)
        waits = self._settings.webhook_waits
        if why is None or each.tries >= len(waits):
            await self._outbox.remove(each.id)
        else:
            due = self._clock.now() + waits[each.tries]
            await self._outbox.postpone(each.id, due)
        if why is not None:
            log.warning("webhook %s try %d: %s", each.id, each.tries + 1, why)

    async def _misdeliver(self, session: aiohttp.ClientSession, each: Delivery) -> bool:
        """Do what a fault script says; true if nothing is left to be done now."""
        path = urlsplit(each.url).path
        hit = self._injector.pick(Call(Phase.WEBHOOK, each.dialect, "POST", path))
        if hit is None:
            return False
        hit.note()
        match hit.fault.kind:
            case Kind.HOOK_LATE:
                due = self._clock.now() + hit.fault.seconds
                await self._outbox.postpone(each.id, due)
                return True
            case Kind.HOOK_MISSING:
                await self._outbox.remove(each.id)
                return True
            case Kind.HOOK_FORGED:
                await self._post(session, each, dress=forged)
            case Kind.HOOK_TWICE:
                await self._post(session, each)
        return False

    async def _post(
        self,
        session: aiohttp.ClientSession,
        each: Delivery,
        *,
        dress: Dress = dict,
    ) -> str | None:
        """Send once; say why it was not taken, or ``None``."""
        allow = self._settings.allow_private_urls
        wrong = objection(each.url, allow_private=allow)
        if wrong is not None:
            return wrong
        headers = dress(self._headers(each))
        # A dialect without a body for its webhooks says all of it in the URL.
        method = "POST" if each.body else "GET"
        try:
            async with session.request(
                method,
                each.url,
                data=each.body or None,
                headers=headers,
                allow_redirects=False,
            ) as reply:
                is_taken = 200 <= reply.status < 300
                return None if is_taken else f"answered {reply.status}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__

    def _headers(self, each: Delivery) -> dict[str, str]:
        now = datetime.fromtimestamp(int(self._clock.now()), UTC)
        headers = self._voices[each.dialect].headers(each, now)
        kind = {"Content-Type": "application/json"} if each.body else {}
        return {**kind, **headers}
