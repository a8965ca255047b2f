"""Bodies on the wire: described in a request, opened for one attempt, length known."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import msgspec
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from orchestrator.model import Input
from orchestrator.transfer import threads
from orchestrator.transfer.source import OnHash, Share, Source
from orchestrator.wire.http import Body, Field, FilePart, Form, Json, Raw

_OPEN_AT_ONCE = 16
"""Files of one form that are held open; further ones wait for their turn."""
_SMALL = 64 << 10
"""Pieces below this are joined: a small form is one call of the system, not three."""
_AT_ONCE = 32 << 10
"""What is no longer finds room in the connection's buffer: nothing is waited for."""


_PLAIN = re.compile(r"[A-Za-z0-9._-]*")
_SECRET = secrets.token_hex(16)
_forms = count()
"""Boundaries are not to be guessed, so that no file can hold one."""


class Meter(Protocol):
    """Told what is handed over to the connection, just before it is."""

    def hand_over(self, size: int, *, last: bool) -> None:
        """So many bytes of the body go next; ``last`` completes the request.

        Raises:
            ConnectionError: the connection is gone, nothing is to be handed over.
        """
        ...


class Stalled(Exception):
    """The other side takes no more bytes."""


@dataclass(slots=True)
class OpenBody:
    """A body that is ready to be sent once."""

    content_type: str
    segments: list[bytes | Source]
    size: int
    sources: list[Source] = field(default_factory=list)
    whole: bytes | None = None
    """All of it, where it is small; then its files are read and closed already."""

    @property
    def has_files(self) -> bool:
        """Whether its length is up to files."""
        return bool(self.sources)

    async def close(self) -> None:
        """Close every file."""
        for source in self.sources:
            if source.is_held:
                await source.close()

    def join(self) -> None:
        """Make one piece of it if it is small, and all of it is here."""
        if self.size > _SMALL:
            return
        pieces = [
            each if isinstance(each, bytes) else each.whole for each in self.segments
        ]
        if None not in pieces:
            self.whole = b"".join(each for each in pieces if each is not None)


async def open_body(
    body: Body, on_hash: OnHash | None = None, share: Share | None = None
) -> OpenBody | None:
    """Open what a request describes, for one attempt.

    Raises:
        SourceChanged: a file is gone or differs from the plan.
        ValueError: a value cannot be written as JSON.
    """
    opened = _describe(body, on_hash, share)
    if opened is None:
        return None
    if opened.sources:
        try:
            await threads.run(_open_all, opened.sources)
        except BaseException:
            await opened.close()
            raise
    opened.join()
    return opened


def _open_all(sources: Sequence[Source]) -> None:
    """Open files in one call of a thread; look at those that wait for their turn."""
    for source in sources[:_OPEN_AT_ONCE]:
        source.open_now()
    for source in sources[_OPEN_AT_ONCE:]:
        source.probe_now()


def encode_json(value: Any) -> bytes:
    """JSON in UTF-8, with ``Decimal`` as number literals, digit by digit.

    Raises:
        ValueError: the value holds something that JSON has no word for.
    """
    try:
        text = _encoder.encode(value)
        if b"NaN" in text or b"Infinity" in text:
            # A Decimal may be one, and is written as it stands; a string may hold it.
            msgspec.json.decode(text)
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise ValueError(f"cannot be written as JSON: {type(error).__name__}") from None
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain)


def _describe(
    body: Body, on_hash: OnHash | None, share: Share | None
) -> OpenBody | None:
    match body:
        case None:
            return None
        case Json(value):
            text = encode_json(value)
            return OpenBody("application/json", [text], len(text))
        case Raw(given, content_type, part):
            # A part tells no hash of the file: that is read apart.
            source = Source(given, on_hash if part is None else None, part, share)
            return OpenBody(content_type, [source], body.size, [source])
        case Form(parts):
            return _describe_form(parts, on_hash, share)


def _describe_form(
    parts: tuple[Field | FilePart, ...],
    on_hash: OnHash | None,
    share: Share | None,
) -> OpenBody:
    boundary = f"{_SECRET}{next(_forms):x}"
    content_type = f"multipart/form-data; boundary={boundary}"
    opened = OpenBody(content_type, [], 0)
    for part in parts:
        _add(opened, f"--{boundary}\r\n{_head(part)}\r\n".encode("utf-8", "replace"))
        if isinstance(part, Field):
            _add(opened, part.text.encode("utf-8", "replace"))
        else:
            source = Source(part.input, on_hash, share=share)
            opened.sources.append(source)
            opened.segments.append(source)
            opened.size += part.input.size
        _add(opened, b"\r\n")
    _add(opened, f"--{boundary}--\r\n".encode())
    return opened


def _add(opened: OpenBody, text: bytes) -> None:
    last = opened.segments[-1] if opened.segments else None
    if isinstance(last, bytes):
        opened.segments[-1] = last + text
    else:
        opened.segments.append(text)
    opened.size += len(text)


def _head(part: Field | FilePart) -> str:
    lines = f'Content-Disposition: form-data; name="{quoted(part.name)}"'
    if isinstance(part, FilePart):
        # RFC 7578, 4.2 and 5.1: the name itself in UTF-8, and no "filename*".
        lines += f'; filename="{quoted(part.filename)}"'
    if part.content_type:
        lines += f"\r\nContent-Type: {part.content_type}"
    return lines + "\r\n"


def quoted(name: str) -> str:
    """The inside of a quoted string of a part's head.

    Quotes and backslashes get a backslash, which parsers of every kind take away.
    Line ends and other control characters are percent-encoded, as browsers do; so is
    the semicolon, at which some parsers cut even inside quotes.
    """
    if _PLAIN.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(
        f"%{ord(each):02X}" if each < " " or each in "\x7f;" else each
        for each in escaped
    )


class Outgoing(Payload):
    """An opened body as aiohttp takes it, which tells a meter what it hands over."""

    _autoclose = True  # the exchange closes the files

    def __init__(self, opened: OpenBody, meter: Meter, silence: float) -> None:
        super().__init__(opened, content_type=opened.content_type)
        self._size = opened.size
        self._opened = opened
        self._meter = meter
        self._silence = silence
        self.error: Exception | None = None

    def decode(
        self,
        encoding: str = "utf-8",  # noqa: ARG002  # aiohttp's signature
        errors: str = "strict",  # noqa: ARG002
    ) -> str:
        """Refuse: the body is not held in memory."""
        raise TypeError("the body is a stream")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Hand over the body, piece by piece."""
        try:
            await self._write(writer)
        except Exception as error:
            self.error = error
            raise

    async def _write(self, writer: AbstractStreamWriter) -> None:
        left = self._opened.size
        if (whole := self._opened.whole) is not None:
            for source in self._opened.sources:
                source.tell_hash()
            self._meter.hand_over(left, last=True)
            await self._write_piece(writer, whole)
            return
        if not left:
            self._meter.hand_over(0, last=True)
        async with aclosing(_joined(self._pieces())) as pieces:
            async for piece in pieces:
                left -= len(piece)
                self._meter.hand_over(len(piece), last=left == 0)
                await self._write_piece(writer, piece)

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002  # aiohttp's signature
    ) -> None:
        """Hand over the body, whose length is the declared one."""
        await self.write(writer)

    async def _pieces(self) -> AsyncGenerator[bytes]:
        for segment in self._opened.segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            async with aclosing(segment.pieces()) as pieces:
                async for piece in pieces:
                    yield piece
            await segment.close()

    async def _write_piece(self, writer: AbstractStreamWriter, piece: bytes) -> None:
        if len(piece) <= _AT_ONCE:
            await writer.write(piece)
            return
        # aiohttp watches the silence of the other side only once the body is out.
        try:
            async with asyncio.timeout(self._silence):
                await writer.write(piece)
        except TimeoutError:
            raise Stalled from None


async def _joined(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes, with small pieces joined to their neighbours."""
    held = b""
    async with aclosing(pieces):
        async for piece in pieces:
            is_small = len(piece) < _SMALL
            if is_small:
                held += piece
            if held and (not is_small or len(held) >= _SMALL):
                yield held
                held = b""
            if not is_small:
                yield piece
    if held:
        yield held


def inputs_of(body: Body) -> list[Input]:
    """The files that a body names."""
    match body:
        case Raw(given):
            return [given]
        case Form(parts):
            return [each.input for each in parts if isinstance(each, FilePart)]
        case _:
            return []
