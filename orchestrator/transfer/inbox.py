"""Where webhooks of a run arrive; each wakes a poll, and none is believed a result."""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

_LONGEST = 64 << 10
_REMEMBERED = 10_000
_FAREWELL = 1.0
"""Seconds that a caller gets who is still sending what nobody reads."""

Wake = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """A call that is believed: which message it is, and which job it is about."""

    message: str
    job: str


Parse = Callable[[Call, str], Notice | None]
"""Reads a call with the account's secret; ``None`` is a forgery or nonsense."""


def standard(call: Call, secret: str) -> Notice | None:
    """Standard Webhooks, as the embedded service sends them."""
    try:
        # The library raises its own error for a wrong signature, and all sorts of
        # ValueError for what is not a signature, not UTF-8 or not JSON.
        value = Webhook(secret).verify(call.body, dict(call.headers))
    except (WebhookVerificationError, ValueError, RecursionError):
        return None
    job = _text(value, "data", "id")
    return Notice(call.headers["webhook-id"], job) if job else None


PARSERS: Mapping[str, Parse] = {"standard": standard}
"""Shape -> its parser. A shape without signatures relies on the secret path alone."""


@dataclass(frozen=True, slots=True)
class _Account:
    parse: Parse
    secret: str


class Inbox:
    """A small HTTP server under a path that nobody can guess.

    An async context. Whatever comes in is answered at once; forgeries and repeats
    change nothing.
    """

    def __init__(
        self,
        wake: Wake,
        *,
        token: str,
        host: str = "127.0.0.1",
        port: int = 0,
        patience: float = 5.0,
    ) -> None:
        """Describe it.

        Args:
            wake: Called with a job's id.
            token: The secret part of the path.
            host: Address to listen on.
            port: Port to listen on; 0 takes a free one.
            patience: Seconds for the body of a call.
        """
        self._wake = wake
        self._token = token
        self._host = host
        self._port = port
        self._patience = patience
        self._accounts: dict[str, _Account] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._runner: web.AppRunner | None = None

    def admit(self, account: str, shape: str, secret: str) -> str:
        """Take calls for an account from now on, and give the URL for them."""
        self._accounts[account] = _Account(PARSERS[shape], secret)
        return f"{self.url}/{self._token}/{account}"

    @property
    def url(self) -> str:
        """Where it listens, without the secret part."""
        if self._runner is None:
            raise RuntimeError("the inbox is not open")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LONGEST)
        app.router.add_route("*", "/{token}/{account}", self._answer)
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

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["account"]
        account = self._accounts.get(name)
        if account is None or not self._knows(request.match_info["token"]):
            return web.Response(status=404)
        try:
            async with asyncio.timeout(self._patience):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408, headers={"Connection": "close"})
        call = Call(request.method, request.headers, request.query, body)
        notice = account.parse(call, account.secret)
        if notice is None:
            return web.Response(status=401)
        if self._is_new((name, notice.message)):
            self._wake(notice.job)
        return web.Response(status=204)

    def _knows(self, token: str) -> bool:
        given = token.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._token.encode())

    def _is_new(self, message: tuple[str, str]) -> bool:
        if message in self._seen:
            return False
        self._seen[message] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True


def _text(value: Any, *path: str) -> str:
    """The text at a path of nested objects, or nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
