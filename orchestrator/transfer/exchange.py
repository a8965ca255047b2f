"""One exchange from its files to the end of its reply, as a context."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType

from aiohttp import ClientResponse, ClientSession, ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from orchestrator.clock import Clock
from orchestrator.transfer.attempt import Attempt
from orchestrator.transfer.body import OpenBody, Outgoing, Stalled, open_body
from orchestrator.transfer.breakage import code_of, describe
from orchestrator.transfer.log import Exchanged, OnExchange, redact
from orchestrator.transfer.source import OnHash, Share
from orchestrator.wire.http import Request, Response
from orchestrator.wire.outcome import NotSent, SourceChanged, Unanswered, mark_unsent

_JOB_HEADER = "job-id"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Ceilings of one account's exchanges; bytes and seconds.

    ``idle`` is how long an unused connection is kept: shorter than servers do, since a
    request that meets a closing connection is one whose outcome nobody knows.
    """

    reply: int = 64 << 20
    error: int = 1 << 20
    line: int = 16 << 10
    connect: float = 20.0
    idle: float = 4.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What the exchanges of one account share."""

    account: str
    session: ClientSession
    bounds: Bounds
    clock: Clock
    on_exchange: OnExchange | None
    on_hash: OnHash | None
    share: Share = field(default_factory=Share)


class HttpReply:
    """A reply, whose body may still be on the wire."""

    def __init__(self, exchange: Exchange, response: Response) -> None:
        self._exchange = exchange
        self._response = response

    @property
    def response(self) -> Response:
        """Status, headers and, unless it is streamed, the body."""
        return self._response

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the streamed body in pieces as they come.

        Raises:
            Unanswered: it ended early or stalled.
        """
        return self._exchange.chunks()


class Exchange:
    """Sends on entering, closes what is open on leaving."""

    def __init__(
        self,
        setting: Setting,
        request: Request,
        *,
        url: URL,
        headers: CIMultiDict[str],
        attempt: Attempt,
    ) -> None:
        self._setting = setting
        self._request = request
        self._url = url
        self._headers = headers
        self._attempt = attempt
        self._body: OpenBody | None = None
        self._outgoing: Outgoing | None = None
        self._reply: ClientResponse | None = None
        self._received = 0
        self._code = ""
        self._began = 0.0

    async def __aenter__(self) -> HttpReply:
        self._began = self._setting.clock.monotonic()
        try:
            return HttpReply(self, await self._converse())
        except BaseException as caught:  # noqa: BLE001  # raised again, without its chain
            error = self._judge(caught)
        await self._close()
        # Outside of the clause: the library's exception, which holds the key and the
        # query of the URL, is not to hang on ours.
        raise error

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces as they come."""
        while piece := await self._piece():
            yield piece

    async def _converse(self) -> Response:
        setting, request = self._setting, self._request
        if request.body is not None:
            self._body = await open_body(request.body, setting.on_hash, setting.share)
        self._reply = await self._send()
        self._attempt.answered = True
        response = Response(self._reply.status, _flat(self._reply))
        is_file = request.takes_json or not _is_json(response)
        if request.takes_file and response.is_success and is_file:
            return response
        return Response(response.status, response.headers, await self._read(response))

    async def _send(self) -> ClientResponse:
        if self._body is not None:
            silence = self._request.timeout
            self._outgoing = Outgoing(self._body, self._attempt, silence)
            if self._body.content_type:
                self._headers.setdefault("Content-Type", self._body.content_type)
        return await self._setting.session.request(
            self._request.method,
            self._url,
            headers=self._headers,
            data=self._outgoing,
            timeout=self._patience(),
            allow_redirects=False,
            middlewares=(self._attempt.attach,),
        )

    def _patience(self) -> ClientTimeout:
        seconds = self._request.timeout
        connect = min(seconds, self._setting.bounds.connect)
        if self._request.takes_file or (self._body and self._body.has_files):
            return _timeout(None, connect, seconds)
        return _timeout(seconds, connect, None)

    async def _read(self, response: Response) -> bytes:
        """The whole body; of an error that was cut none, for its status says enough."""
        bounds = self._setting.bounds
        good = response.is_success
        limit = bounds.reply if good else bounds.error
        pieces: list[bytes] = []
        try:
            while self._received <= limit and (piece := await self._piece()):
                pieces.append(piece)
        except Unanswered:
            if good:
                raise
            return b""
        if good and self._received > limit:
            raise self._broken("too_long", None)
        return b"".join(pieces)[:limit]

    async def _piece(self) -> bytes:
        """What comes next of the body, as it came: each joining is a copy."""
        if self._reply is None:
            return b""
        content, piece = self._reply.content, b""
        try:
            # A bound of HTTP's own chunks comes as nothing, and is no end.
            while not piece and not content.at_eof():
                piece, _ = await content.readchunk()
        except Exception as caught:  # noqa: BLE001  # judged, without its chain
            error = self._judge(caught)
        else:
            self._received += len(piece)
            return piece
        raise error

    def _judge(self, error: BaseException) -> BaseException:
        """What an exception of any kind says about the request."""
        attempt = self._attempt
        unsent = not attempt.complete and not attempt.answered
        if not isinstance(error, Exception):
            self._code = "cancelled"
            if unsent:
                mark_unsent(error)
            return error
        if isinstance(error, Unanswered):
            return error
        found = attempt.refusal or self._body_error() or error
        if found is attempt.refusal or isinstance(found, SourceChanged):
            self._code = "refused" if found is attempt.refusal else "source_changed"
            return found
        code = code_of(found)
        if code is None:
            self._code = "bug"
            return found
        return self._broken(code, found)

    def _broken(self, code: str, error: Exception | None) -> NotSent | Unanswered:
        attempt = self._attempt
        self._code = code
        shown = redact(self._url)
        message = describe(code, self._request.method, shown, error)
        sure = not attempt.complete and not attempt.answered
        return NotSent(code, message) if sure else Unanswered(code, message)

    def _body_error(self) -> Exception | None:
        """What stopped our own writer; aiohttp wraps it beyond recognition."""
        error = self._outgoing.error if self._outgoing else None
        return error if isinstance(error, SourceChanged | Stalled) else None

    async def _close(self) -> None:
        reply = self._reply
        if reply is not None and reply.content.at_eof() and not self._code:
            reply.release()
        elif reply is None or reply.connection is not None:
            if reply is not None:
                reply.close()
            self._attempt.abort()
        # Else it came whole, and aiohttp has given its connection to the next request.
        self._tell()
        if self._body is not None:
            await self._body.close()

    def _tell(self) -> None:
        tell = self._setting.on_exchange
        if tell is None:
            return
        clock, reply = self._setting.clock, self._reply
        tell(
            Exchanged(
                time=clock.now(),
                account=self._setting.account,
                method=self._request.method,
                url=redact(self._url),
                status=reply.status if reply else None,
                code=self._code,
                bytes_out=self._attempt.sent,
                bytes_in=self._received,
                seconds=round(clock.monotonic() - self._began, 6),
                job=self._job(),
            )
        )

    def _job(self) -> str:
        said = self._reply.headers.get(_JOB_HEADER, "") if self._reply else ""
        return (self._headers.get(_JOB_HEADER) or said)[:100]


@lru_cache(maxsize=64)
def _timeout(
    total: float | None, connect: float, silence: float | None
) -> ClientTimeout:
    return ClientTimeout(total=total, connect=connect, sock_read=silence)


def _flat(reply: ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in reply.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _is_json(response: Response) -> bool:
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))
