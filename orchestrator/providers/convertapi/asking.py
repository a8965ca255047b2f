"""What ConvertAPI is asked; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from orchestrator.model import Document, Job, Mode, Operation, Progress
from orchestrator.providers.convertapi.names import (
    converter,
    file_id,
    is_first,
    job_path,
    name_of,
    said_id,
    takes_many,
)
from orchestrator.wire.http import Field, FilePart, Form, Raw, Repeat, Request

SYNC_TIMEOUT = 300.0
"""Seconds of silence after which a sync reply counts as lost, and is taken over."""
UPLOAD_TIMEOUT = 120.0
_JSON = (("Accept", "application/json"),)
_OURS = frozenset({"async", "file", "files", "jobid", "storefile", "webhook"})
_encoder = msgspec.json.Encoder(decimal_format="number")


def objection(document: Document) -> str | None:
    """Why a document cannot be done, or ``None``."""
    if document.operation is Operation.GENERATE:
        return "convertapi has no designs"
    if found := sorted(each for each in document.params if each.lower() in _OURS):
        return f"the client sets {', '.join(found)} itself; remove it from params"
    if document.operation is not Operation.CONVERT:
        return _objection_to_pages(document)
    if len(document.inputs) != 1 and not takes_many(document):
        return "convertapi takes one input to convert"
    return None


def _objection_to_pages(document: Document) -> str | None:
    names = [each.name.lower() for each in document.inputs]
    if document.target != "pdf" or any(not each.endswith(".pdf") for each in names):
        return f"convertapi can {document.operation} only pdf into pdf"
    if document.operation is Operation.SPLIT and len(names) != 1:
        return "convertapi takes one input to split"
    return None


def convert(job: Job, progress: Progress) -> Request:
    """Hand it over with its files, and hold the line until it is done."""
    return _convert(job, progress, tuple(_contents(job)), timeout=SYNC_TIMEOUT)


def convert_async(job: Job, progress: Progress) -> Request:
    """Hand it over with its files; it is done later."""
    return _convert(job, progress, tuple(_contents(job)), timeout=UPLOAD_TIMEOUT)


def convert_uploaded(job: Job, progress: Progress) -> Request:
    """Have files converted that are there already."""
    return _convert(job, progress, tuple(_uploaded(job, progress)), timeout=60.0)


def _convert(
    job: Job, progress: Progress, files: tuple[Field | FilePart, ...], *, timeout: float
) -> Request:
    name = name_of(job, progress)
    query = [("JobId", name)]
    path = "/convert"
    if job.mode is not Mode.SYNC:
        if is_first(name):
            query.append(("Async", "true"))
        else:
            path = "/async/convert"
        if job.callback:
            query.append(("WebHook", job.callback))
    fields = (*files, Field("StoreFile", "true"), *_options(job.document))
    return Request(
        "POST",
        f"{path}/{converter(job.document)}",
        Repeat.NAMED,
        body=Form(fields),
        headers=_JSON,
        query=tuple(query),
        timeout=timeout,
    )


def _contents(job: Job) -> Iterator[FilePart]:
    for place, each in enumerate(job.document.inputs):
        yield FilePart(_file_field(job, place), each.name, each)


def _uploaded(job: Job, progress: Progress) -> Iterator[Field]:
    known = {each.input: each.url for each in progress.uploads}
    for place in range(len(job.document.inputs)):
        id_ = known.get(place) or file_id(job, place)
        yield Field(_file_field(job, place), id_)


def _file_field(job: Job, place: int) -> str:
    return f"Files[{place}]" if takes_many(job.document) else "File"


def _options(document: Document) -> Iterator[Field]:
    """Conversion parameters, as the manifest has them."""
    for name, value in document.params.items():
        if isinstance(value, list | tuple):
            for place, each in enumerate(value):
                yield Field(f"{name}[{place}]", _written(each))
        elif value is not None:
            yield Field(name, _written(value))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else _encoder.encode(value).decode()


def upload(job: Job, progress: Progress) -> Request:
    """Store the next input under our own id; storing it again changes nothing."""
    done = {each.input for each in progress.uploads}
    inputs = job.document.inputs
    place = next(i for i in range(len(inputs)) if i not in done)
    return Request(
        "POST",
        "/upload",
        Repeat.SAME,
        body=Raw(inputs[place]),
        headers=_JSON,
        query=(("fileId", file_id(job, place)), ("filename", inputs[place].name)),
        timeout=UPLOAD_TIMEOUT,
    )


def look(job: Job, progress: Progress) -> Request:
    """Ask for the job; a server may hold the reply for some seconds."""
    path = job_path(name_of(job, progress))
    return Request("GET", path, Repeat.SAFE, headers=_JSON, timeout=60.0)


def fetch(job: Job, progress: Progress) -> Request:
    """Fetch the next result, without our key: the id in the link is enough."""
    result = next(each for each in progress.results if each.saved is None)
    wanted = job.documents[result.document].target
    return Request(
        "GET",
        result.url or "",
        Repeat.SAFE,
        keyed=False,
        takes_file=True,
        takes_json=wanted == "json",
    )


def delete(job: Job, progress: Progress) -> Request:
    """Have the next file, and at last the job, deleted."""
    url = next_to_delete(job, progress)
    return Request("DELETE", url, Repeat.SAME, timeout=30.0)


def next_to_delete(job: Job, progress: Progress) -> str:
    """The next of what is left at the API; the job comes last."""
    done = {each.url for each in progress.uploads}
    return next((each for each in _left(job, progress) if each not in done), "")


def _left(job: Job, progress: Progress) -> Iterator[str]:
    if job.mode is Mode.PRESIGNED:
        known = {e.input: e.url for e in progress.uploads if said_id(e.url)}
        for place in range(len(job.document.inputs)):
            yield f"/d/{known.get(place) or file_id(job, place)}"
    yield from (each.url for each in progress.results if each.url)
    yield job_path(name_of(job, progress))
