"""Many uploads at once, and the most bytes that were on their way: told by the server.

The server speaks as much of the embedded service's API as a pre-signed job needs, works
at once, and counts: an upload is under way from its head to the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import ROOT
from benchmarks.server import PDF

_HEAD = re.compile(rb"(\w+) (/\S*) HTTP/1.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SHA256 = hashlib.sha256(PDF).hexdigest()


@dataclass(slots=True)
class Counts:
    """Uploads and their bytes: under way now, at most, and in all."""

    uploads: int = 0
    size: int = 0
    most_uploads: int = 0
    most_size: int = 0
    total: int = 0

    def begin(self, size: int) -> None:
        """One more is under way."""
        self.uploads += 1
        self.size += size
        self.total += 1
        self.most_uploads = max(self.most_uploads, self.uploads)
        self.most_size = max(self.most_size, self.size)

    def end(self, size: int) -> None:
        """It is here."""
        self.uploads -= 1
        self.size -= size


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: Counts
) -> None:
    while head := await _head(reader):
        found, length = _HEAD.match(head), _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if found is None:
            break
        method, path = found[1].decode(), found[2].decode()
        is_upload = path.startswith("/v1/uploads/")
        if is_upload:
            counts.begin(size)
        left = size
        while left:
            left -= len(await reader.read(min(left, 1 << 18)))
        if is_upload:
            counts.end(size)
        writer.write(_reply(method, path))
        await writer.drain()
    writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def _reply(method: str, path: str) -> bytes:
    job = path.partition("?")[0].split("/")[3] if path.startswith("/v1/jobs/") else ""
    if method == "GET" and path.endswith("/results/0"):
        kind = f'Content-Type: application/pdf\r\nETag: "{_SHA256}"\r\n'
        return _bytes("200 OK", PDF, kind)
    if method == "PUT" and job:
        places = [{"file": 0, "url": f"/v1/uploads/{job}/0", "received": False}]
        return _json("201 Created", {"id": job, "state": "created", "uploads": places})
    if job and method == "POST":
        url = f"/v1/jobs/{job}/results/0"
        results = [{"name": "a.pdf", "url": url, "size": len(PDF), "sha256": _SHA256}]
        return _json("202 Accepted", {"id": job, "state": "done", "results": results})
    known = method in ("PUT", "DELETE") or path == "/v1/deletions"
    return b"HTTP/1.1 204 No Content\r\n\r\n" if known else _json("404 Not Found", {})


def _json(status: str, value: object) -> bytes:
    return _bytes(status, json.dumps(value).encode(), "")


def _bytes(status: str, body: bytes, headers: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def _counting(counts: Counts) -> Iterator[str]:
    """The server, in a thread of its own."""
    ready: list[str] = []
    is_up = threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(
            lambda r, w: _answer(r, w, counts), "127.0.0.1", 0, limit=1 << 18
        )
        ready.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        is_up.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        started = loop.create_task(serve())
        loop.run_forever()
        del started

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    is_up.wait()
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def many(
    folder: Path, *, uploads: int, size: int, in_flight: int
) -> tuple[Counts, int]:
    """Run a manifest of so many files; what the server saw, and the peak of memory.

    Args:
        folder: An empty one.
        uploads: Files, and uploads that are allowed at once.
        size: Bytes of each.
        in_flight: The bytes that are allowed on their way.
    """
    (folder / "file.docx").write_bytes(os.urandom(size))
    (folder / "key").write_text("none")
    counts = Counts()
    with _counting(counts) as url:
        manifest = folder / "batch.yaml"
        limits = f"uploads: {uploads}, width: {uploads + 1}"
        documents = "".join(
            f"- {{id: d{n}, input: file.docx}}\n" for n in range(uploads)
        )
        manifest.write_text(
            "version: 1\n"
            "providers:\n"
            f"  sink: {{type: local, url: '{url}', key: '${{file:key}}',\n"
            f"    limits: {{{limits}, bytes_in_flight: {in_flight}}}}}\n"
            "defaults: {provider: sink, mode: presigned, to: pdf}\n"
            f"documents:\n{documents}"
        )
        log = folder / "log"
        command = [sys.executable, "-m", "orchestrator", "run", str(manifest)]
        with log.open("wb") as told:
            run = subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=told)
            _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode or counts.total != uploads:
        raise RuntimeError(f"{counts.total} of {uploads} came; {log.read_text()}")
    return counts, used.ru_maxrss * 1024
