"""Tells of a job that has ended, in the form that its request chose."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec
from aiohttp import web

from orchestrator.service.attachment import disposition
from orchestrator.service.dialects.convertapi.ids import new_plain, result_id
from orchestrator.service.dialects.convertapi.order import (
    Extra,
    Form,
    extra_of,
    result_names,
)
from orchestrator.service.dialects.convertapi.refusal import Refusal, refusal_of
from orchestrator.service.dialects.convertapi.stream import File, Piece, send
from orchestrator.service.jobs import Job, JobState
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.problems import Problem
from orchestrator.service.render.names import ending
from orchestrator.service.shelf import Stored

COST = 1


@dataclass(frozen=True, slots=True)
class Output:
    """One result: its name for the caller, where it is, and its id if it is stored."""

    name: str
    path: Path
    size: int
    file_id: str = ""


def show(value: object) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=msgspec.json.encode(value), content_type="application/json"
    )


def late(timeout: int) -> Refusal:
    """A conversion that takes longer than its caller allows."""
    return Refusal(500, 5000, f"The conversion took more than {timeout} seconds.")


async def reply(request: web.Request, job: Job) -> web.StreamResponse:
    """The result, or why there is none.

    Raises:
        Refusal: the conversion failed.
        Problem: the result is no longer here.
    """
    extra = extra_of(job)
    if job.error is not None:
        raise refusal_of(Problem(*job.error))
    if _seconds(job) > extra.timeout:
        raise late(extra.timeout)
    outputs = await _outputs(request, job, extra)
    if extra.form is Form.RAW and len(outputs) == 1:
        return _file(outputs[0], is_inline=extra.is_inline)
    if extra.form in (Form.MIXED, Form.RAW):
        mark = new_plain()
        kind = f"multipart/mixed; boundary={mark}"
        return await send(request, [*_mixed(outputs, mark)], kind)
    write = _xml if extra.form is Form.XML else _json
    origin = str(request.url.origin())
    return await send(
        request, [*write(job, outputs, origin)], f"application/{extra.form}"
    )


def view(stored: Stored, url: str) -> dict[str, object]:
    """A stored file as the API shows it."""
    return {
        "FileName": stored.name,
        "FileExt": ending(stored.name),
        "FileSize": stored.size,
        "FileId": stored.id,
        "Url": url,
    }


def url_of(origin: str, file_id: str, name: str = "") -> str:
    """Where a stored file can be fetched."""
    return f"{origin}/d/{file_id}" + (f"/{quote(name, safe='')}" if name else "")


async def _outputs(request: web.Request, job: Job, extra: Extra) -> list[Output]:
    context = request.app[CONTEXT]
    if job.state is JobState.EXPIRED:
        raise Problem("expired", "the job has expired")
    outputs = []
    for n, name in enumerate(result_names(job)):
        path, result = context.desk.result(job, n), job.results[n]
        file_id = result_id(extra.seed, n) if extra.is_stored else ""
        if file_id:
            await context.shelf.put(
                file_id, name, path, size=result.size, sha256=result.sha256
            )
        outputs.append(Output(name, path, result.size, file_id))
    return outputs


def _seconds(job: Job) -> int:
    return math.ceil((job.finished or 0.0) - (job.started or 0.0))


def _file(output: Output, *, is_inline: bool) -> web.FileResponse:
    named = disposition(output.name)
    return web.FileResponse(
        output.path,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"inline{named.removeprefix('attachment')}"
            if is_inline
            else named,
            "ConversionCost": str(COST),
        },
    )


def _json(job: Job, outputs: Sequence[Output], origin: str) -> Iterator[Piece]:
    head = {"ConversionCost": COST, "ConversionTime": _seconds(job)}
    yield msgspec.json.encode(head)[:-1] + b',"Files":['
    for n, each in enumerate(outputs):
        facts: dict[str, object] = {
            "FileName": each.name,
            "FileExt": ending(each.name),
            "FileSize": each.size,
        }
        if each.file_id:
            facts["FileId"] = each.file_id
            facts["Url"] = url_of(origin, each.file_id, each.name)
        yield b"," * bool(n) + msgspec.json.encode(facts)[:-1]
        if not each.file_id:
            yield b',"FileData":"'
            yield File(each.path, each.size, is_base64=True)
            yield b'"'
        yield b"}"
    yield b"]}"


def _xml(job: Job, outputs: Sequence[Output], origin: str) -> Iterator[Piece]:
    yield b'<?xml version="1.0" encoding="utf-8"?><Conversion>'
    yield _tag("ConversionCost", COST) + _tag("ConversionTime", _seconds(job))
    yield b"<Files>"
    for each in outputs:
        yield b"<File>" + _tag("FileName", each.name) + _tag("FileSize", each.size)
        if each.file_id:
            yield _tag("Url", url_of(origin, each.file_id, each.name))
        else:
            yield b"<FileData>"
            yield File(each.path, each.size, is_base64=True)
            yield b"</FileData>"
        yield b"</File>"
    yield b"</Files></Conversion>"


def _tag(name: str, value: object) -> bytes:
    return f"<{name}>{escape(str(value))}</{name}>".encode()


def _mixed(outputs: Sequence[Output], mark: str) -> Iterator[Piece]:
    for each in outputs:
        name = quote(each.name, safe="")
        yield (
            f"--{mark}\r\nConversionCost: {COST}\r\n"
            "Content-Type: application/octet-stream\r\n"
            f"Content-Disposition: attachment; filename*=utf-8''{name};"
            f" size={each.size}\r\n\r\n"
        ).encode()
        yield File(each.path, each.size)
        yield b"\r\n"
    yield f"--{mark}--\r\n".encode()
