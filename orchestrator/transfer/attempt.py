"""One attempt: what was handed over to the connection, and hence what is known.

Theory of operation
-------------------
aiohttp has no hook between "a connection is there" and "the head is written" that
closes the connection when the hook fails: its trace callbacks run while the connector
counts the time to connect, and one that raises leaves the socket to the garbage
collector. So the request class itself is ours. Its ``send`` is called once with a
connection in hand; whatever it raises makes aiohttp close that connection.

``complete`` is set just before the last byte is handed over, and the connection is
looked at in the same breath, so "not complete" proves that the request did not arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import ClientRequest, ClientResponse
from aiohttp.client_middlewares import ClientHandlerType
from aiohttp.connector import Connection

Before = Callable[[], Awaitable[None]]


class Attempt:
    """How far one request got."""

    def __init__(self, before: Before | None) -> None:
        self._before = before
        self._transport: asyncio.Transport | None = None
        self.refusal: Exception | None = None
        self.complete = False
        self.answered = False
        self.sent = 0

    async def leave(self, connection: Connection) -> None:
        """Ask for leave to send; a second request of one attempt never gets it."""
        if self._transport is not None:
            raise ConnectionError("one attempt is one request")
        self._transport = connection.transport
        if self._before is None:
            return
        try:
            await self._before()
        except Exception as error:
            self.refusal = error
            raise

    def hand_over(self, size: int, *, last: bool) -> None:
        """So many bytes of the body go next; ``last`` completes the request.

        Raises:
            ConnectionError: the connection is gone, nothing is to be handed over.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the connection is gone")
        self.sent += size
        self.complete = self.complete or last

    def abort(self) -> None:
        """Drop the connection with everything that waits in it."""
        if self._transport is not None:
            self._transport.abort()

    async def attach(
        self, request: ClientRequest, handler: ClientHandlerType
    ) -> ClientResponse:
        """Give this attempt to a request, as a middleware of aiohttp."""
        if not isinstance(request, OneRequest):
            raise TypeError("the session has another request class")
        request.attempt = self
        return await handler(request)


class OneRequest(ClientRequest):
    """A request that asks its attempt for leave before its first byte."""

    attempt: Attempt | None = None

    async def send(self, conn: Connection) -> ClientResponse:
        """Write the head, and start to write the body."""
        if self.attempt is None:
            raise TypeError("a request without an attempt")
        await self.attempt.leave(conn)
        if self._body is None:
            self.attempt.hand_over(0, last=True)
        return await super().send(conn)
