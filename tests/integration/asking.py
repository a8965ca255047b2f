"""Requests of tests, and what comes of them."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.clock import SystemClock
from orchestrator.model import Input
from orchestrator.transfer.client import HttpTransport
from orchestrator.wire.http import (
    Body,
    Json,
    Repeat,
    Request,
)
from orchestrator.wire.outcome import (
    NotSent,
    SourceChanged,
    Unanswered,
)
from tests.integration.raw import (
    Handler,
    serving,
)

KEY = "sesame-0123456789"
PDF = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
AUTH = (("Authorization", f"Bearer {KEY}"),)


def client(url: str, **options: Any) -> HttpTransport:
    """A transport with a key."""
    settings: dict[str, Any] = {"clock": SystemClock(), "auth": AUTH, **options}
    return HttpTransport(url, **settings)


def get(url: str = "/x", **options: Any) -> Request:
    """A GET that does not wait long."""
    request = Request("GET", url, Repeat.SAFE, timeout=3.0)
    return replace(request, **options)


def post(body: Body = None, **options: Any) -> Request:
    """A POST with a body."""
    chosen = Json({"a": 1}) if body is None else body
    return get(method="POST", body=chosen, repeat=Repeat.CHARGED, **options)


def made(path: Path, content: bytes) -> Input:
    """A file as the plan saw it."""
    path.write_bytes(content)
    found = path.stat()
    return Input(str(path), found.st_size, found.st_mtime_ns, found.st_ino)


async def fetch(transport: HttpTransport, request: Request) -> bytes:
    """Send, and read all of the streamed reply."""
    async with transport.send(request) as reply:
        return b"".join([piece async for piece in reply.chunks()])


async def failing(handler: Handler, request: Request, **options: Any) -> Exception:
    """What comes of a request at a server that breaks; always one of ours."""
    async with serving(handler) as server, client(server.url, **options) as transport:
        return await error_of(transport, request)


async def error_of(transport: HttpTransport, request: Request) -> Exception:
    """The exception of a request, after a look for what it must not hold."""
    with pytest.raises((NotSent, Unanswered, SourceChanged)) as caught:
        await fetch(transport, request)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert KEY not in shown
    assert "signature" not in shown
    return error
