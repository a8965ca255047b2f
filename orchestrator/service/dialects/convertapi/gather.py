"""Collects what one request brings: parameters, and files in their order."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web
from yarl import URL

from orchestrator.service.dialects.convertapi.fetch import fetched
from orchestrator.service.dialects.convertapi.ids import is_plain
from orchestrator.service.dialects.convertapi.params import Content, Place, Value, place
from orchestrator.service.dialects.convertapi.refusal import Refusal, invalid
from orchestrator.service.jobs import Input
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.native.record import MOST_FILES
from orchestrator.service.storage import Tray, clean_name

REQUIRED = "The File field is required."
EMPTY = "File size must be greater than 0 bytes."


class Gathering:
    """What was found in a request so far.

    ``texts`` has the names of parameters in lower case. Files by id or by URL are
    noted, and brought in when all of the request is read.
    """

    def __init__(self, tray: Tray) -> None:
        self.texts: dict[str, str] = {}
        self.names: list[str] = []
        self._tray = tray
        self._here: list[Place] = []
        self._elsewhere: list[tuple[Place, str]] = []

    async def add(self, name: str, value: Value) -> None:
        """Take one parameter."""
        if isinstance(value, Content):
            await self.content(name, value.name, _one(value.data))
            return
        where = place(name, self._count)
        if where is None:
            self.texts[name.lower()] = value
        elif value.strip():
            self._check_count()
            self._elsewhere.append((where, value.strip()))

    async def content(
        self, name: str, filename: str, chunks: AsyncIterator[bytes]
    ) -> None:
        """Take one file that is in the request; ours does nothing with others."""
        where = place(name, self._count)
        if where is None:
            async for _ in chunks:
                pass
            return
        self._check_count()
        await self._receive(where, filename, chunks)

    async def finish(self, request: web.Request, source: str) -> None:
        """Bring in what is elsewhere; afterwards ``names`` are in order.

        Raises:
            Refusal: something is missing or cannot be had.
        """
        page = self.texts.get("url", "").strip()
        if source in ("web", "url") and page:
            self._elsewhere.append((Place(is_list=False, n=0), page))
        for where, text in self._elsewhere:
            await self._bring(request, where, text)
        if not self._here:
            raise invalid("File", REQUIRED)
        self._order = sorted(range(len(self._here)), key=self._key)
        self.names = [self._tray.inputs[n].name for n in self._order]

    async def arrange(self, names: list[str], source: str) -> None:
        """Put the files in order, under these names."""
        await self._tray.arrange(self._order, source)
        self._tray.inputs = [
            Input(name, size=each.size, sha256=each.sha256)
            for name, each in zip(names, self._tray.inputs, strict=True)
        ]

    @property
    def _count(self) -> int:
        return len(self._here) + len(self._elsewhere)

    def _key(self, n: int) -> tuple[bool, int, int]:
        return self._here[n].is_list, self._here[n].n, n

    def _check_count(self) -> None:
        if self._count >= MOST_FILES:
            raise invalid("Files", f"At most {MOST_FILES} files.")

    async def _bring(self, request: web.Request, where: Place, text: str) -> None:
        file_id = local_id(request, text)
        if file_id is not None:
            await self._link(request, where, file_id)
        elif text.lower().startswith(("http://", "https://")):
            async with fetched(request, text) as (name, chunks):
                await self._receive(where, name, chunks)
        else:
            raise Refusal(500, 5009, "File id is not valid.")

    async def _link(self, request: web.Request, where: Place, file_id: str) -> None:
        shelf = request.app[CONTEXT].shelf
        stored = shelf.find(file_id)
        if stored is None:
            raise Refusal(500, 5009, "File id is not valid.")
        given = Input(stored.name, size=stored.size, sha256=stored.sha256)
        try:
            await self._tray.link(given, shelf.path(file_id))
        except FileNotFoundError:
            raise Refusal(500, 5009, "File id is not valid.") from None
        self._here.append(where)

    async def _receive(
        self, where: Place, filename: str, chunks: AsyncIterator[bytes]
    ) -> None:
        await self._tray.receive(clean_name(filename), "", chunks)
        if not self._tray.inputs[-1].size:
            raise invalid("File", EMPTY)
        self._here.append(where)


def local_id(request: web.Request, text: str) -> str | None:
    """The id of a stored file: bare, or in a URL of this very service."""
    if is_plain(text):
        return text
    try:
        url = URL(text)
    except ValueError:
        return None
    parts = url.path.split("/")
    is_ours = (url.host, url.port) == (request.url.host, request.url.port)
    if is_ours and len(parts) in (3, 4) and parts[1].lower() == "d":
        return parts[2]
    return None


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
