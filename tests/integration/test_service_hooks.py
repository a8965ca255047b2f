"""Webhooks: signed, retried, surviving a restart, never into the private network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from orchestrator.service import address
from tests.integration.serving import SECRET, running


@dataclass
class Receiver:
    """A receiver that answers with these statuses, then with 204."""

    statuses: list[int]
    url: str = ""
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Note a delivery."""
        self.got.append((dict(request.headers), await request.text()))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"Location": self.url})

    async def until(self, count: int) -> None:
        """Wait for so many deliveries."""
        while len(self.got) < count:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    one = Receiver([*statuses])
    app = web.Application()
    app.router.add_post("/hook", one.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield one
    finally:
        await runner.cleanup()


async def test_the_end_of_a_job_is_told_and_signed(tmp_path: Path) -> None:
    """Good and bad ends, each with a signature that verifies."""
    async with receiver() as hook, running(tmp_path) as one:
        await one.submit("h1", b"text", webhook=hook.url)
        await one.submit("h2", b"bad", webhook=hook.url)
        await hook.until(2)
        seen = {}
        for headers, body in hook.got:
            message: dict[str, Any] = Webhook(SECRET).verify(body, headers)
            seen[message["data"]["id"]] = (message["type"], message["data"]["state"])
            with pytest.raises(WebhookVerificationError):
                Webhook(SECRET).verify(body + " ", headers)
        assert seen == {"h1": ("job.done", "done"), "h2": ("job.failed", "failed")}


async def test_what_is_not_taken_is_sent_again(tmp_path: Path) -> None:
    """The same message goes again, and redirects are not followed."""
    waits = (0.05, 0.05, 0.05)
    async with (
        receiver(500, 302) as hook,
        running(tmp_path, webhook_waits=waits) as one,
    ):
        await one.submit("h1", b"text", webhook=hook.url)
        await hook.until(3)
        await asyncio.sleep(0.3)
        assert len(hook.got) == 3  # the redirect was not followed, the 204 is the end
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1
        assert len({body for _, body in hook.got}) == 1


async def test_a_receiver_that_never_takes_is_given_up(tmp_path: Path) -> None:
    """Retries have an end."""
    async with (
        receiver(*[500] * 9) as hook,
        running(tmp_path, webhook_waits=(0.02, 0.02)) as one,
    ):
        await one.submit("h1", b"text", webhook=hook.url)
        await hook.until(3)
        await asyncio.sleep(0.3)
        assert len(hook.got) == 3


async def test_a_pending_webhook_survives_a_restart(tmp_path: Path) -> None:
    """What is owed is on disk."""
    async with receiver(503) as hook:
        async with running(tmp_path, webhook_waits=(0.5,)) as one:
            await one.submit("h1", b"text", webhook=hook.url)
            await hook.until(1)
            await one.until("h1", "done")
        async with running(tmp_path, webhook_waits=(0.5,)):
            await hook.until(2)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254"])
async def test_a_private_address_is_refused_at_once(tmp_path: Path, host: str) -> None:
    """A literal private address is never accepted."""
    async with running(tmp_path, allow_private_urls=False) as one:
        status, body, _ = await one.submit("h1", b"text", webhook=f"http://{host}/x")
        assert (status, body["error"]["code"]) == (400, "bad_request")
        assert await one.bill() == (0, 0, 0)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001"])
async def test_a_name_of_a_private_address_is_never_called(
    tmp_path: Path, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Names and odd spellings are caught when they are resolved."""
    async with (
        receiver() as hook,
        running(tmp_path, allow_private_urls=False, webhook_waits=()) as one,
    ):
        url = hook.url.replace("127.0.0.1", host)
        status, _, _ = await one.submit("h1", b"text", webhook=url)
        assert status in (202, 400)
        if status == 202:
            await one.until("h1", "done")
            while "webhook" not in caplog.text:
                await asyncio.sleep(0.02)
        assert hook.got == []


async def test_the_same_name_is_called_where_that_is_allowed(tmp_path: Path) -> None:
    """The refusal above is not an accident."""
    async with receiver() as hook, running(tmp_path) as one:
        url = hook.url.replace("127.0.0.1", "localhost")
        await one.submit("h1", b"text", webhook=url)
        await hook.until(1)


async def test_the_checked_address_is_the_one_that_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check sees the very address of the connection."""
    asked: list[str] = []

    def rebinding(ip: str) -> bool:
        asked.append(ip)
        return True

    monkeypatch.setattr(address, "is_public", rebinding)
    async with (
        receiver() as hook,
        running(tmp_path, allow_private_urls=False) as one,
    ):
        url = hook.url.replace("127.0.0.1", "localhost")
        await one.submit("h1", b"text", webhook=url)
        await hook.until(1)
        assert "127.0.0.1" in asked
