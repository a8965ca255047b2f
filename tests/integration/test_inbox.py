"""Webhooks wake a poll, and nothing else does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO

import aiohttp
import pytest
from standardwebhooks import Webhook

from orchestrator.transfer import inbox as module
from orchestrator.transfer.door import Call, Door
from orchestrator.transfer.inbox import Inbox

SECRET = "whsec_c2VjcmV0IG9mIHRoZSBhY2NvdW50IQ=="
TOKEN = "nobody-guesses-this"


@asynccontextmanager
async def opened(
    woken: list[str], patience: float = 5.0
) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """An inbox with one account, and a session to call it."""
    inbox = Inbox(lambda echo: woken.append(echo.job))
    inbox.admit("local", SECRET)
    door = Door(inbox.answer, token=TOKEN, patience=patience)
    async with door, aiohttp.ClientSession() as session:
        yield session, f"{door.url}/{TOKEN}/local"


def signed(
    body: bytes, message: str = "m1", secret: str = SECRET, age: float = 0.0
) -> dict[str, str]:
    """The headers of a call."""
    when = datetime.now(UTC) - timedelta(seconds=age)
    signature = Webhook(secret).sign(message, when, body.decode())
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": signature,
    }


def told(job: object = "j1") -> bytes:
    """The body of a call."""
    return json.dumps({"type": "job.done", "data": {"id": job}}).encode()


async def test_a_signed_call_wakes_its_job_once() -> None:
    """Its repeats are acknowledged and change nothing."""
    woken: list[str] = []
    async with opened(woken) as (session, url):
        for message in ("m1", "m1", "m2"):
            async with session.post(
                url, data=told(), headers=signed(told(), message)
            ) as reply:
                assert reply.status == 204
                assert await reply.read() == b""
    assert woken == ["j1", "j1"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (told(), {}),
        (told(), signed(told("j2"))),
        (told(), signed(told(), secret="whsec_b3RoZXI=")),
        (told(), signed(told(), age=90_000)),
        (told(), signed(told(), age=-90_000)),
        (told(), {**signed(told()), "webhook-signature": "nonsense"}),
        (told(), {**signed(told()), "webhook-signature": "v1,!!"}),
        (told(), {**signed(told()), "webhook-timestamp": "nan"}),
        (b"\xff", {**signed(b"x")}),
        (b"{", signed(b"{")),
        (b"[" * 50_000, signed(b"[" * 50_000)),
        (b"[]", signed(b"[]")),
        (b'{"data": 1}', signed(b'{"data": 1}')),
        (told(7), signed(told(7))),
        (told(""), signed(told(""))),
    ],
)
async def test_forgeries_and_nonsense_are_harmless(
    body: bytes, headers: dict[str, str]
) -> None:
    """They are refused, and the next true call is taken."""
    woken: list[str] = []
    async with opened(woken) as (session, url):
        async with session.post(url, data=body, headers=headers) as reply:
            assert reply.status == 401
        assert woken == []
        async with session.post(url, data=told(), headers=signed(told())) as reply:
            assert reply.status == 204
    assert woken == ["j1"]


async def test_only_the_secret_path_is_known() -> None:
    """Any other is not found, signed or not."""
    woken: list[str] = []
    async with opened(woken) as (session, url):
        for wrong in (
            url.replace(TOKEN, "guess"),
            url.replace(TOKEN, "%ff"),
            url.replace("local", "other"),
            url.replace("/local", ""),
        ):
            async with session.post(
                wrong, data=told(), headers=signed(told())
            ) as reply:
                assert reply.status == 404
    assert woken == []


async def test_a_long_body_is_refused() -> None:
    """No more than 1 MiB is taken."""
    woken: list[str] = []
    body = told("x" * (1 << 20))
    async with (
        opened(woken) as (session, url),
        session.post(url, data=BytesIO(body), headers=signed(body)) as reply,
    ):
        assert reply.status == 413
    assert woken == []


async def test_a_body_that_stalls_is_given_up() -> None:
    """Within the time limit."""
    async with opened([], patience=0.2) as (_, url):
        host, port = url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        path = url.split("/", 3)[3]
        head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{"
        writer.write(head.encode())
        async with asyncio.timeout(3):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_what_was_seen_is_forgotten_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory does not grow with the number of calls."""
    monkeypatch.setattr(module, "_REMEMBERED", 5)
    inbox = Inbox(lambda echo: None)
    for n in range(20):
        assert inbox._is_new(("acme", str(n)))
    assert len(inbox._seen) == 5
    assert not inbox._is_new(("acme", "19"))


async def nobody(word: str, call: Call) -> int:
    """Take nothing."""
    return 404


async def test_a_taken_port_is_an_error() -> None:
    """And nothing is left open."""
    async with Door(nobody, token=TOKEN) as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="address"):
            async with Door(nobody, token=TOKEN, port=port):
                pass
