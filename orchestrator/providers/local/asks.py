"""What the embedded service is asked; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from orchestrator.model import Input, Job, Mode, Progress
from orchestrator.wire.http import Field, FilePart, Form, Json, Raw, Repeat, Request

SYNC_TIMEOUT = 300.0
"""Seconds of silence after which a sync reply counts as lost, and is looked up."""

_encoder = msgspec.json.Encoder(decimal_format="number")


def _record(job: Job, mode: Mode) -> dict[str, Any]:
    document = job.document
    record: dict[str, Any] = {
        "operation": document.operation,
        "source": document.source,
        "target": document.target,
        "params": document.params,
        "design": document.design,
    }
    # The reply of a sync call is its own news; one that is lost is asked for.
    if job.callback and mode is not Mode.SYNC:
        record["webhook"] = job.callback
    return record


def _form(record: dict[str, Any], inputs: Sequence[Input]) -> Form:
    field = Field("job", _encoder.encode(record).decode(), "application/json")
    files = (FilePart("file", each.name, each) for each in inputs)
    return Form((field, *files))


def _submit(job: Job, mode: Mode, *, timeout: float) -> Request:
    record, inputs = _record(job, mode), job.document.inputs
    return Request(
        "PUT",
        f"/v1/jobs/{job.id}",
        Repeat.NAMED,
        # A record alone needs no envelope.
        body=_form(record, inputs) if inputs else Json(record),
        query=(("mode", mode),),
        timeout=timeout,
        takes_file=mode is Mode.SYNC,
    )


def submit_sync(job: Job, _: Progress) -> Request:
    """Hand it over and hold the line until the result is there."""
    return _submit(job, Mode.SYNC, timeout=SYNC_TIMEOUT)


def submit_async(job: Job, _: Progress) -> Request:
    """Hand it over; it is done later."""
    return _submit(job, Mode.ASYNC, timeout=60.0)


def create(job: Job, _: Progress) -> Request:
    """Ask for places to put the inputs; asking again gives the same job."""
    files = [{"name": each.name, "size": each.size} for each in job.document.inputs]
    return Request(
        "PUT",
        f"/v1/jobs/{job.id}",
        Repeat.SAME,
        body=Json(_record(job, Mode.PRESIGNED) | {"files": files}),
        query=(("mode", Mode.PRESIGNED),),
    )


def put(job: Job, progress: Progress) -> Request:
    """Put the next input, without our key: the URL is signed."""
    upload = next(each for each in progress.uploads if not each.done)
    return Request(
        "PUT",
        upload.url,
        Repeat.SAME,
        body=Raw(job.document.inputs[upload.input]),
        keyed=False,
    )


def execute(job: Job, _: Progress) -> Request:
    """Start the work; from here on it is billed."""
    return Request("POST", f"/v1/jobs/{job.id}/execute", Repeat.NAMED)


def look(job: Job, _: Progress) -> Request:
    """Ask where the job stands."""
    return Request("GET", f"/v1/jobs/{job.id}", Repeat.SAFE, timeout=30.0)


def fetch(_: Job, progress: Progress) -> Request:
    """Fetch the next result."""
    result = next(each for each in progress.results if each.saved is None)
    return Request("GET", result.url or "", Repeat.SAFE, takes_file=True)


def delete(job: Job, _: Progress) -> Request:
    """Let the service forget a job whose results are safe."""
    return Request("DELETE", f"/v1/jobs/{job.id}", Repeat.SAME, timeout=30.0)
