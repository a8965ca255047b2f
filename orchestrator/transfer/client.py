"""One account's way to its API: one ``send`` is one request on the wire."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from orchestrator.clock import Clock
from orchestrator.model import Input
from orchestrator.transfer.attempt import Attempt, Before, OneRequest
from orchestrator.transfer.breakage import describe
from orchestrator.transfer.exchange import Bounds, Exchange, HttpReply, Setting
from orchestrator.transfer.log import OnExchange
from orchestrator.transfer.source import OnHash, Source
from orchestrator.wire.http import Request
from orchestrator.wire.outcome import NotSent

_AGENT = "document-orchestrator"
_READ_BUFFER = 256 << 10
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FIT = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")


class HttpTransport:
    """Sends the requests of one account.

    An async context: it owns its connections. Nothing is repeated, no redirect
    followed, no cookie kept, and neither netrc nor the environment's proxies are read.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        account: str = "",
        auth: tuple[tuple[str, str], ...] = (),
        bounds: Bounds | None = None,
        on_exchange: OnExchange | None = None,
        on_hash: OnHash | None = None,
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Describe the account.

        Args:
            base_url: What paths are appended to; its origin is the account's own.
            clock: For the exchange log.
            account: Its name in the manifest, for the exchange log.
            auth: Headers with the key filled in; sent to the account's origin only.
            bounds: Ceilings.
            on_exchange: Told every exchange when it is over.
            on_hash: Told the SHA-256 of every file that was read to its end.
            proxy: URL of a proxy, where the user asked for one.
            tls: Trust other than the system's.
        """
        self._base = base_url.rstrip("/")
        self._origin = _origin(URL(base_url))
        self._auth = auth
        self._account = account
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._on_exchange = on_exchange
        self._on_hash = on_hash
        self._proxy = proxy
        self._tls = tls
        self._setting: Setting | None = None

    def __repr__(self) -> str:
        scheme, host, port = self._origin
        return f"HttpTransport({self._account!r}, {scheme}://{host}:{port})"

    async def __aenter__(self) -> Self:
        session = self._session()
        # aiohttp repeats idempotent methods by itself when a server hangs up; the
        # attempt refuses a second request, should this name ever change.
        session._retry_connection = False  # noqa: SLF001
        self._setting = Setting(
            account=self._account,
            session=session,
            bounds=self._bounds,
            clock=self._clock,
            on_exchange=self._on_exchange,
            on_hash=self._on_hash,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        setting, self._setting = self._setting, None
        if setting is not None:
            await setting.session.close()

    def send(
        self, request: Request, *, before: Before | None = None
    ) -> AbstractAsyncContextManager[HttpReply]:
        """Send, and give the reply when its head is here.

        ``before`` is awaited when the source is open and a connection is there, before
        the first byte of the request is written; what it raises is raised.

        Raises:
            NotSent: the provider provably did not get the request.
            Unanswered: it may have got it; nobody knows.
            SourceChanged: an input is gone or differs from the plan; the provider
                provably did not get the request.
        """
        if self._setting is None:
            raise RuntimeError("the transport is not open")
        url = self._url(request)
        headers = self._headers(request, url)
        attempt = Attempt(before)
        return Exchange(
            self._setting, request, url=url, headers=headers, attempt=attempt
        )

    async def read_over(self, given: Input) -> None:
        """Read a file whole that is sent in parts: compare it with the plan, hash it.

        Raises:
            SourceChanged: it is gone or differs from the plan.
        """
        await Source(given, self._on_hash or _unheard).read_over()

    def _session(self) -> aiohttp.ClientSession:
        bounds = self._bounds
        connector = aiohttp.TCPConnector(
            limit=0,  # the engine's gates count, and a second count could block them
            keepalive_timeout=bounds.idle,
            ssl=self._tls or True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": _AGENT},
            skip_auto_headers=("Content-Type",),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=OneRequest,
            trust_env=False,
            proxy=self._proxy,
            read_bufsize=_READ_BUFFER,
            max_line_size=bounds.line,
            max_field_size=bounds.line,
        )

    def _url(self, request: Request) -> URL:
        text = request.url
        if not _ABSOLUTE.match(text):
            text = f"{self._base}/{text.lstrip('/')}"
        if request.query:
            text += ("&" if "?" in text else "?") + _encoded(request.query)
        url = _parse(text)
        if url is None:
            raise NotSent("bad_request", "not a URL that can be asked")
        return url

    def _headers(self, request: Request, url: URL) -> CIMultiDict[str]:
        headers = CIMultiDict(request.headers)
        if request.keyed and _origin(url) == self._origin:
            headers.update(self._auth)
        if request.takes_file:
            # A length that is the file's own, and no work for nothing.
            headers.setdefault("Accept-Encoding", "identity")
        if not _are_fit(headers):
            message = describe("bad_request", request.method, str(url.origin()), None)
            raise NotSent("bad_request", message)
        return headers


@lru_cache(maxsize=64)
def _encoded(query: tuple[tuple[str, str], ...]) -> str:
    return urlencode(query, quote_via=quote)


def _unheard(_given: Input, _sha256: str) -> None:
    """Nobody asked for the hash; the file is compared all the same."""


def _parse(text: str) -> URL | None:
    """A URL of the web, as it is where it is fit for a request line.

    Quoting a signed URL anew could break its signature.
    """
    try:
        url = URL(text, encoded=bool(_FIT.fullmatch(text)))
        _origin(url)
    except ValueError:
        return None
    return url


def _origin(url: URL) -> tuple[str, str, int | None]:
    """Scheme, host and port.

    Raises:
        ValueError: the URL has no host, or is not of the web.
    """
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise ValueError("not a URL of the web")
    return url.scheme, url.raw_host.lower(), url.port


def _are_fit(headers: Mapping[str, str]) -> bool:
    return all(
        name.isascii() and name.isprintable() and value.isprintable()
        for name, value in headers.items()
    )
