"""A small HTTP server under a path that nobody can guess: where webhooks come in."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

_LONGEST = 1 << 20
"""Bytes of a body: one event may name a hundred files and give back their params."""
_FAREWELL = 1.0
"""Seconds that a caller gets who is still sending what nobody reads."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


Answer = Callable[[str, Call], Awaitable[int]]
"""Takes a call under its word (the last part of the path), and gives the status."""


class Door:
    """Takes calls under ``/TOKEN/WORD`` within limits of size and time.

    An async context. Any other path is not found, and does not tell why.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        token: str,
        host: str = "127.0.0.1",
        port: int = 0,
        patience: float = 5.0,
    ) -> None:
        """Describe it.

        Args:
            answer: What is done with a call.
            token: The secret part of the path.
            host: Address to listen on.
            port: Port to listen on; 0 takes a free one.
            patience: Seconds for the body of a call.
        """
        self._answer = answer
        self._token = token
        self._host = host
        self._port = port
        self._patience = patience
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, without the secret part."""
        if self._runner is None:
            raise RuntimeError("the door is not open")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LONGEST)
        app.router.add_route("*", "/{token}/{word}", self._take)
        # No access log: it would show the secret path.
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=15.0,
            lingering_time=_FAREWELL,
            shutdown_timeout=_FAREWELL,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if not self._knows(request.match_info["token"]):
            return web.Response(status=404)
        try:
            async with asyncio.timeout(self._patience):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408, headers={"Connection": "close"})
        call = Call(request.method, request.headers, request.query, body)
        return web.Response(status=await self._answer(request.match_info["word"], call))

    def _knows(self, token: str) -> bool:
        given = token.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._token.encode())
