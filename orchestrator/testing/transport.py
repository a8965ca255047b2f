"""A transport that answers by a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NoReturn

from orchestrator.model import Input
from orchestrator.testing.effect import Effect, unheard
from orchestrator.wire.http import Request, Response
from orchestrator.wire.outcome import mark_unsent


@dataclass(frozen=True, slots=True)
class Canned:
    """A reply; ``file`` is streamed, and ends in ``cut`` where one is given."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: tuple[bytes, ...] = ()
    cut: Exception | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """No reply; ``asked`` says whether the request had leave to be sent."""

    error: BaseException
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing at all until the caller gives up; ``sent`` as far as is known."""

    sent: bool = True


Answer = Canned | Broken | Hang
Turn = tuple[str, Answer | Callable[[Request], Answer]]


def line_of(request: Request) -> str:
    """``PUT /v1/jobs/9f?mode=sync``, as matchers and effects show a request."""
    query = "&".join(f"{name}={value}" for name, value in request.query)
    return f"{request.method} {request.url}" + (f"?{query}" if query else "")


class ScriptedTransport:
    """Answers by a script of (shell pattern of the request's line, answer).

    The first unused turn whose pattern fits is used up; one in ``always`` never is.

    Raises:
        AssertionError: a request that nothing in the script fits.
    """

    def __init__(
        self,
        script: Iterable[Turn] = (),
        *,
        always: Iterable[Turn] = (),
        effect: Effect = unheard,
    ) -> None:
        self.script = list(script)
        self.requests: list[Request] = []
        self.open = 0
        self._always = list(always)
        self._effect = effect

    @property
    def lines(self) -> list[str]:
        """Every request that had leave to be sent, in order."""
        return [line_of(each) for each in self.requests]

    @asynccontextmanager
    async def send(
        self,
        request: Request,
        *,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncIterator[ScriptedReply]:
        """Answer by the script; ``before`` is awaited first."""
        answer = self._answer(request)
        if before is not None and not (isinstance(answer, Broken) and not answer.asked):
            await _leave(before)
        self.requests.append(request)
        self._effect(f"send {line_of(request)}")
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Hang):
            await _hang(answer)
        if isinstance(answer, Broken):
            raise answer.error
        self._effect(f"reply {answer.status}")
        self.open += 1
        try:
            yield ScriptedReply(answer, self._effect)
        finally:
            self.open -= 1

    async def read_over(self, given: Input) -> None:
        """Nothing is read."""
        self._effect(f"read {given.name}")

    def _answer(self, request: Request) -> Answer | Callable[[Request], Answer]:
        line = line_of(request)
        for place, (pattern, answer) in enumerate(self.script):
            if fnmatchcase(line, pattern):
                del self.script[place]
                return answer
        for pattern, answer in self._always:
            if fnmatchcase(line, pattern):
                return answer
        raise AssertionError(f"nothing in the script fits {line}")


class ScriptedReply:
    """A reply of the script."""

    def __init__(self, canned: Canned, effect: Effect) -> None:
        self._canned = canned
        self._effect = effect

    @property
    def response(self) -> Response:
        """Status, headers and the body that is not streamed."""
        canned = self._canned
        return Response(canned.status, canned.headers, canned.body)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the streamed body."""
        for chunk in self._canned.file:
            yield chunk
            self._effect("chunk")
        if self._canned.cut is not None:
            raise self._canned.cut


async def _leave(before: Callable[[], Awaitable[None]]) -> None:
    try:
        await before()
    except asyncio.CancelledError as error:
        mark_unsent(error)
        raise


async def _hang(answer: Hang) -> NoReturn:
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError as error:
        if not answer.sent:
            mark_unsent(error)
        raise
    raise RuntimeError("nothing ends a hang but a cancellation")
