"""Tells receivers that their jobs ended: signed, retried, surviving restarts."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import aiohttp
import msgspec
from standardwebhooks import Webhook

from orchestrator.clock import Clock
from orchestrator.service.address import guarded_session, objection
from orchestrator.service.jobs import Job
from orchestrator.service.outbox import Delivery, Outbox
from orchestrator.service.rows import Ending
from orchestrator.service.settings import ServiceSettings

log = logging.getLogger(__name__)
Find = Callable[[str], Job | None]
Announce = Callable[[Job, Ending, Find], bytes | None]
AT_ONCE = 16
LONGEST_SLEEP = 60.0
RESCUE_EVERY = 2.0


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


NATIVE: Mapping[str, Announce] = {"native": announce}


class Hooks:
    """Delivers what is in the outbox; each dialect has a body of its own."""

    def __init__(
        self,
        outbox: Outbox,
        settings: ServiceSettings,
        clock: Clock,
        bodies: Mapping[str, Announce] = NATIVE,
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        self._bodies = bodies
        self._signer = Webhook(settings.webhook_secret)
        self._news = asyncio.Event()

    def delivery(self, job: Job, ending: Ending, find: Find) -> Delivery | None:
        """What is to be delivered when this job ends this way.

        It is asked inside the change that ends the job: ``find`` sees that change, so
        that of several jobs of one request exactly one is the last.
        """
        url = job.order.webhook
        if url is None:
            return None
        body = self._bodies[job.order.dialect](job, ending, find)
        if body is None:
            return None
        message = f"msg_{secrets.token_hex(16)}"
        return Delivery(message, url, body, due=ending.finished)

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
        why = await self._post(session, each)
        waits = self._settings.webhook_waits
        if why is None or each.tries >= len(waits):
            await self._outbox.remove(each.id)
        else:
            due = self._clock.now() + waits[each.tries]
            await self._outbox.postpone(each.id, due)
        if why is not None:
            log.warning("webhook %s try %d: %s", each.id, each.tries + 1, why)

    async def _post(self, session: aiohttp.ClientSession, each: Delivery) -> str | None:
        """Send once; say why it was not taken, or ``None``."""
        allow = self._settings.allow_private_urls
        wrong = objection(each.url, allow_private=allow)
        if wrong is not None:
            return wrong
        # A dialect without a body for its webhooks says all of it in the URL.
        method = "POST" if each.body else "GET"
        try:
            async with session.request(
                method,
                each.url,
                data=each.body or None,
                headers=self._headers(each),
                allow_redirects=False,
            ) as reply:
                is_taken = 200 <= reply.status < 300
                return None if is_taken else f"answered {reply.status}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__

    def _headers(self, each: Delivery) -> dict[str, str]:
        now = datetime.fromtimestamp(int(self._clock.now()), UTC)
        kind = {"Content-Type": "application/json"} if each.body else {}
        return {
            **kind,
            "webhook-id": each.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(each.id, now, each.body.decode()),
        }
