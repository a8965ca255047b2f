"""The yardstick: aiohttp in a plain loop, with the least that has to be done.

The same requests with the same bodies, as many at a time, and the same files written
the same way (part, fsync, name, fsync of the folder). Nothing is looked at, recorded
or retried.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from orchestrator.model import Document, Mode

_BOUNDARY = "0123456789abcdef0123456789abcdef"
_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_HEAD = (
    f"--{_BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="job"\r\n'
    "Content-Type: application/json\r\n\r\n"
    '{"operation":"convert","source":"txt","target":"pdf","params":{},"design":null}'
    f"\r\n--{_BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="file"; filename="input.txt"\r\n\r\n'
).encode()
_TAIL = f"\r\n--{_BOUNDARY}--\r\n".encode()


class Bare:
    """Carries documents over one session."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, *, width: int, files: bool
    ) -> None:
        self._session = session
        self._url = url
        self._wire = asyncio.Semaphore(width)
        self._files = files

    async def carry(self, document: Document) -> None:
        """One document to its end."""
        job = f"{self._url}/v1/jobs/{document.n:032x}"
        body = _body(document)
        submit = f"{job}?mode={document.mode}"
        result = await self._send("PUT", submit, body, {"Content-Type": _TYPE})
        if document.mode is Mode.ASYNC:
            await self._send("GET", job)
            result = await self._send("GET", f"{job}/results/0")
        if self._files:
            await asyncio.to_thread(_save, document.output, result)
        await self._send("DELETE", job)

    async def _send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        async with (
            self._wire,
            self._session.request(method, url, data=body, headers=headers) as reply,
        ):
            return await reply.read()


def _body(document: Document) -> bytes:
    # A tiny file that is in memory already: a thread would only cost.
    return _HEAD + Path(document.inputs[0].path).read_bytes() + _TAIL


def _save(output: str, content: bytes) -> None:
    part = f"{output}.part"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    os.write(fd, content)
    os.fsync(fd)
    os.close(fd)
    os.rename(part, output)  # noqa: PTH104  # the least that has to be done
    fd = os.open(os.path.dirname(output), os.O_RDONLY)  # noqa: PTH120
    os.fsync(fd)
    os.close(fd)


async def bare(
    documents: Sequence[Document], url: str, *, width: int, files: bool
) -> None:
    """Carry all documents, with as many at work as the engine has."""
    left = deque(documents)

    async def work(carrier: Bare) -> None:
        while left:
            await carrier.carry(left.popleft())

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        carrier = Bare(session, url, width=width, files=files)
        async with asyncio.TaskGroup() as group:
            for _ in range(2 * width):
                group.create_task(work(carrier))
