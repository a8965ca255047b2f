"""Reads forms piece by piece: parts in any order, files straight to disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from orchestrator.service.dialects.compdf.codes import (
    NO_FILE,
    TASK_LIMIT,
    ZERO_SIZE,
    Refusal,
)
from orchestrator.service.dialects.compdf.tools import MOST_FILES
from orchestrator.service.problems import Problem
from orchestrator.service.storage import Tray, clean_name

CHUNK = 256 * 1024
LONGEST_FIELDS = 1024 * 1024
MOST_PARTS = 200
FILE = "file"


@dataclass(slots=True)
class Form:
    """What a form brought: text by name, and every file in a tray of its own.

    Text of the query counts like text of the form, which goes first.
    """

    fields: dict[str, list[str]] = field(default_factory=dict)
    trays: list[Tray] = field(default_factory=list)

    def get(self, name: str) -> str:
        """The first value of a field, or nothing."""
        return self.fields.get(name, [""])[0]

    async def discard(self) -> None:
        """Remove the files."""
        for each in self.trays:
            await each.discard()


class Reader:
    """Reads one form; what it received is removed if it fails."""

    def __init__(self, tray: Callable[[], Tray], *, most: int = MOST_FILES) -> None:
        self._tray = tray
        self._most = most
        self._form = Form()
        self._room = LONGEST_FIELDS

    async def read(self, request: web.Request) -> Form:
        """The form of a request, in whichever way it is written.

        Raises:
            Problem: it is not a form, or too much of one.
        """
        try:
            if request.content_type == "multipart/form-data":
                await self._parts(await request.multipart())
            elif request.can_read_body:
                await self._plain(request)
        except ValueError as error:
            await self._form.discard()
            raise Problem("bad_request", f"the form: {error}"[:200]) from error
        except BaseException:
            await self._form.discard()
            raise
        for name, text in request.query.items():
            self._form.fields.setdefault(name, [text])
        return self._form

    async def _plain(self, request: web.Request) -> None:
        if request.content_type != "application/x-www-form-urlencoded":
            return  # a body that is no form is let pass: some clients send one
        for name, text in (await request.post()).items():
            if isinstance(text, str):
                self._form.fields.setdefault(name, []).append(text)

    async def _parts(self, reader: MultipartReader) -> None:
        count = 0
        while (part := await reader.next()) is not None:
            count += 1
            if count > MOST_PARTS or not isinstance(part, BodyPartReader):
                raise Problem("bad_request", f"a form has up to {MOST_PARTS} parts")
            await self._part(part)

    async def _part(self, part: BodyPartReader) -> None:
        if part.name == FILE:
            await self._file(part)
        elif part.filename is not None:
            await _skip(part)  # pictures of watermarks, profiles, templates: not used
        else:
            text = await self._text(part)
            self._form.fields.setdefault(part.name or "", []).append(text)

    async def _file(self, part: BodyPartReader) -> None:
        if len(self._form.trays) >= self._most:
            raise Refusal(TASK_LIMIT, f"a task takes {self._most} files")
        tray = self._tray()
        self._form.trays.append(tray)
        await tray.receive(clean_name(part.filename or ""), "", _pieces(part))

    async def _text(self, part: BodyPartReader) -> str:
        text = bytearray()
        async for chunk in _pieces(part):
            text += chunk
            if len(text) > self._room:
                raise Problem("bad_request", "the fields of the form are too long")
        self._room -= len(text)
        return text.decode()


def single(form: Form) -> Tray:
    """The only file of a form.

    Raises:
        Refusal: it has none, or it is empty.
    """
    if not form.trays:
        raise Refusal(NO_FILE, "the form has no part named file")
    if not form.trays[0].inputs[0].size:
        raise Refusal(ZERO_SIZE, "the file is empty")
    return form.trays[0]


async def raw(request: web.Request) -> AsyncIterator[bytes]:
    """The bytes of a body."""
    async for chunk in request.content.iter_chunked(CHUNK):
        yield chunk


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    if hdrs.CONTENT_TRANSFER_ENCODING in part.headers:
        # Old mail encodings: "binary" and the like change nothing, others would.
        encoding = part.headers[hdrs.CONTENT_TRANSFER_ENCODING].lower()
        if encoding not in ("binary", "8bit", "7bit"):
            raise Problem("bad_request", f"the form: no encoding {encoding[:20]!r}")
    while not part.at_eof():
        chunk = await part.read_chunk(CHUNK)
        if chunk:
            yield bytes(chunk)


async def _skip(part: BodyPartReader) -> None:
    async for _ in _pieces(part):
        pass
