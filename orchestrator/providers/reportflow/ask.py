"""What is asked of ReportFlow; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from orchestrator.model import Document, Job, Mode, Progress, Result
from orchestrator.providers.reportflow.names import design_of, file_name
from orchestrator.wire.http import Json, Repeat, Request

SYNC_TIMEOUT = 150.0
"""The service itself gives up after 120 s (30 s in its older generation)."""

MOST_DOCUMENTS = 100
"""Documents in one request. The true limit is not published; there is one."""

_BYTES = 20_000_000
"""Of one body: the older generation takes 20 MB, the newer one 50 MB as Base64."""

_AROUND = 400
"""Bytes of a document's entry beside its params."""

_LOOK = 4
"""Every so many polls ask for the file itself, should HEAD not be understood."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def submit_sync(job: Job, _: Progress) -> Request:
    """Hand one document over and hold the line until its PDF is there."""
    return Request(
        "POST",
        "/v1/file/sync/single",
        Repeat.CHARGED,
        body=Json(_single(job)),
        timeout=SYNC_TIMEOUT,
        lane="sync",
        takes_file=True,
    )


def submit_async(job: Job, _: Progress) -> Request:
    """Hand over one document, or all of a job."""
    many = len(job.documents) > 1
    return Request(
        "POST",
        f"/v1/file/async/{'multiple' if many else 'single'}",
        Repeat.CHARGED,
        body=Json(_multiple(job) if many else _single(job)),
        lane="async",
    )


def look(job: Job, progress: Progress) -> Request:
    """Ask whether the next file is there: there is no call for the state of a job."""
    if is_whole_look(progress):
        return fetch(job, progress)
    return _get("HEAD", _next(progress), takes_file=False)


def is_whole_look(progress: Progress) -> bool:
    """Whether a poll asks for the file itself."""
    return progress.polls % _LOOK == _LOOK - 1


def fetch(_: Job, progress: Progress) -> Request:
    """Fetch the next file."""
    return _get("GET", _next(progress), takes_file=True)


def _get(method: str, url: str, *, takes_file: bool) -> Request:
    # A route of our own is asked with the key; an address that the service gave is a
    # link that carries what it needs.
    return Request(
        method,
        url,
        Repeat.SAFE,
        keyed=url.startswith("/"),
        timeout=SYNC_TIMEOUT if takes_file else 30.0,
        lane="download",
        takes_file=takes_file,
    )


def place_of(results: Sequence[Result]) -> int | None:
    """The first result that is not here yet."""
    return next((i for i, each in enumerate(results) if each.saved is None), None)


def _next(progress: Progress) -> str:
    place = place_of(progress.results)
    return "" if place is None else progress.results[place].url or ""


def _single(job: Job) -> dict[str, Any]:
    return {**_head(job), "content": _content(job, 0)}


def _multiple(job: Job) -> dict[str, Any]:
    contents = [_content(job, index) for index in range(len(job.documents))]
    return {**_head(job), "contents": contents}


def _head(job: Job) -> dict[str, Any]:
    design, version = design_of(job.document) or (job.document.design, None)
    return {"designId": design, "version": version}


def _content(job: Job, index: int) -> dict[str, Any]:
    return {
        "fileName": file_name(job, index),
        "params": job.documents[index].params,
    }


# What may be asked...


def fits(taken: Sequence[Document], document: Document) -> bool:
    """Whether one more document may go into the same request."""
    return (
        document.mode is Mode.ASYNC
        and document.design == taken[0].design
        and len(taken) < MOST_DOCUMENTS
        and sum(_weight(each) for each in (*taken, document)) <= _BYTES
    )


def objection(document: Document) -> str | None:
    """What is against a document, as far as it can be told without asking."""
    if design_of(document) is None:
        return (
            f"ReportFlow needs a design with its version, as in 0eGLPoUzbuBv5EEj@1; "
            f"found {document.design or 'none'!r}"
        )
    if document.target != "pdf":
        return f"ReportFlow makes pdf, not {document.target}"
    if document.inputs:
        return "ReportFlow takes data, and no files"
    weight = _weight(document)
    if weight > _BYTES:
        return f"its params are {weight:,} bytes; ReportFlow takes {_BYTES:,}"
    return None


def _weight(document: Document) -> int:
    return len(_encode(document.params)) + _AROUND
