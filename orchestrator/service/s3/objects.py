"""Asks a store for objects; memory does not grow with them.

Every request of ours is signed like those that we hand out, for a minute. What a store
says is told by status and code; URLs, which are permissions, are never part of it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

import aiohttp
from anyio import to_thread
from yarl import URL

from orchestrator.service.problems import Problem
from orchestrator.service.s3.signer import Signer

LIFE = 60.0
SILENCE = 30.0
PIECE = 1024 * 1024
CHECKED = {"x-amz-checksum-mode": "ENABLED"}
_KEY = re.compile(rb"<Key>([^<]*)</Key>")
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_UPLOAD = re.compile(rb"<Upload>.*?</Upload>", re.DOTALL)
_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
_NEXT_KEY = re.compile(rb"<NextKeyMarker>([^<]+)</NextKeyMarker>")
_NEXT_UPLOAD = re.compile(rb"<NextUploadIdMarker>([^<]+)</NextUploadIdMarker>")
_PART = re.compile(rb"<Part>.*?</Part>", re.DOTALL)
_NUMBER = re.compile(rb"<PartNumber>(\d{1,5})</PartNumber>")
_SIZE = re.compile(rb"<Size>(\d{1,15})</Size>")
_TAG = re.compile(rb"<ETag>([^<]+)</ETag>")
_NEXT_PART = re.compile(rb"<NextPartNumberMarker>(\d{1,5})</NextPartNumberMarker>")
_NEXT = re.compile(rb"<NextContinuationToken>([^<]*)</NextContinuationToken>")


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it is; ``tag`` changes with its bytes."""

    size: int
    tag: str


class Changed(Exception):
    """The object is gone, or is no longer the one that was asked for."""


class Objects:
    """The objects of one bucket; an open session is its own to close."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make connections possible."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=10, sock_read=SILENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=PIECE,
            skip_auto_headers=("Content-Type",),
        )

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    async def head(self, key: str) -> Found | None:
        """What is known of an object, or ``None`` if there is none."""
        async with self._ask("HEAD", key) as reply:
            if reply.status == 404:
                return None
            await _check(reply)
            size = int(reply.headers.get("Content-Length", "0"))
            return Found(size, reply.headers.get("ETag", ""))

    async def get(self, key: str, found: Found) -> AsyncGenerator[bytes]:
        """The bytes of the object that was found, whole.

        Raises:
            Changed: it is another one now.
            Problem: the store does not give it.
        """
        headers = {**CHECKED, "If-Match": found.tag} if found.tag else CHECKED
        size = 0
        async with self._ask("GET", key, headers=headers) as reply:
            if reply.status in (404, 412):
                raise Changed(key)
            await _check(reply)
            async for piece in reply.content.iter_chunked(PIECE):
                size += len(piece)
                yield piece
        if size != found.size:
            raise Changed(key)

    async def checksum(self, key: str) -> str | None:
        """The SHA-256 of an object in base64, where the store knows it."""
        async with self._ask("HEAD", key, headers=CHECKED) as reply:
            if reply.headers.get("x-amz-checksum-type", "FULL_OBJECT") != "FULL_OBJECT":
                return None
            text = reply.headers.get("x-amz-checksum-sha256", "")
            return text if len(text) == 44 else None

    async def put(self, key: str, path: Path, *, size: int, sha256: str) -> None:
        """Store a file; the store checks what arrives, if it can."""
        headers = {
            "Content-Length": str(size),
            "x-amz-checksum-sha256": b64encode(bytes.fromhex(sha256)).decode(),
        }
        async with self._ask("PUT", key, headers=headers, body=path) as reply:
            await _check(reply)

    async def begun(self, key: str) -> list[str]:
        """The ids of the uploads in parts that were begun for an object."""
        return [upload for name, upload in await self.uploads(key) if name == key]

    async def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Key and id of the uploads in parts that were begun below a prefix."""
        found: list[tuple[str, str]] = []
        query = {"uploads": "", "prefix": prefix}
        while True:
            async with self._ask("GET", "", query=query) as reply:
                await _check(reply)
                text = await reply.read()
            for each in _UPLOAD.findall(text):
                key, id_ = _KEY.search(each), _UPLOAD_ID.search(each)
                if key and id_:
                    found.append((_text(key), _text(id_)))
            more, behind = _NEXT_KEY.search(text), _NEXT_UPLOAD.search(text)
            if not (more and behind and b"<IsTruncated>true" in text):
                return found
            query |= {"key-marker": _text(more), "upload-id-marker": _text(behind)}

    async def begin(self, key: str) -> str:
        """Begin an upload in parts; its id."""
        async with self._ask("POST", key, query={"uploads": ""}) as reply:
            await _check(reply)
            found = _UPLOAD_ID.search(await reply.read())
        if found is None:
            raise _down("an upload without an id")
        return _text(found)

    async def parts(self, key: str, upload: str) -> dict[int, Found]:
        """The parts of an upload that the store has, by number."""
        found: dict[int, Found] = {}
        query = {"uploadId": upload}
        while True:
            async with self._ask("GET", key, query=query) as reply:
                await _check(reply)
                text = await reply.read()
            for each in _PART.findall(text):
                n, size, tag = (x.search(each) for x in (_NUMBER, _SIZE, _TAG))
                if n and size and tag:
                    found[int(n[1])] = Found(int(size[1]), _text(tag))
            more = _NEXT_PART.search(text)
            if not (more and b"<IsTruncated>true" in text):
                return found
            query["part-number-marker"] = more[1].decode()

    async def complete(self, key: str, upload: str, parts: Mapping[int, Found]) -> None:
        """Make an object of parts; a store may say no under a good status."""
        listed = "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(found.tag)}</ETag></Part>"
            for n, found in sorted(parts.items())
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        query = {"uploadId": upload}
        async with self._ask("POST", key, query=query, body=body) as reply:
            await _check(reply)
            code = _CODE.search(await reply.read())
        if code is not None:
            raise _down(f"{code[1].decode()} for the parts of an upload")

    async def abort(self, key: str, upload: str) -> None:
        """Give up an upload in parts, with what came of it."""
        async with self._ask("DELETE", key, query={"uploadId": upload}) as reply:
            if reply.status != 404:
                await _check(reply)

    async def delete(self, key: str) -> None:
        """Remove an object; nothing there is fine."""
        async with self._ask("DELETE", key) as reply:
            if reply.status != 404:
                await _check(reply)

    async def names(self, prefix: str) -> AsyncIterator[list[str]]:
        """The keys below a prefix, in pages."""
        query = {"list-type": "2", "prefix": prefix}
        while True:
            async with self._ask("GET", "", query=query) as reply:
                await _check(reply)
                text = await reply.read()
            yield [unescape(each.decode()) for each in _KEY.findall(text)]
            more = _NEXT.search(text)
            if more is None:
                return
            query["continuation-token"] = unescape(more[1].decode())

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Path | bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the store is not open")
        url = self._signer.sign(method, key, life=LIFE, headers=headers, query=query)
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=_pieces(body) if isinstance(body, Path) else body,
                allow_redirects=False,
            ) as reply:
                yield reply
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            # The library's own words hold the URL.
            raise _down(type(error).__name__) from None


def _text(found: re.Match[bytes]) -> str:
    return unescape(found[1].decode())


async def _check(reply: aiohttp.ClientResponse) -> None:
    if 200 <= reply.status < 300:
        return
    text = b"" if reply.method == "HEAD" else await reply.content.read(4096)
    code = _CODE.search(text)
    raise _down(f"{reply.status} {code[1].decode() if code else ''}".strip())


def _down(why: str) -> Problem:
    return Problem("storage_down", f"the store did not do as asked: {why}")


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    file = await to_thread.run_sync(path.open, "rb")
    try:
        while piece := await to_thread.run_sync(file.read, PIECE):
            yield piece
    finally:
        file.close()
