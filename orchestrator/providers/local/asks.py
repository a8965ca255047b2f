"""What the embedded service is asked; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from orchestrator.model import Input, Job, Mode, Progress
from orchestrator.wire.http import Field, FilePart, Form, Json, Raw, Repeat, Request

SYNC_TIMEOUT = 300.0
"""Seconds of silence after which a sync reply counts as lost, and is looked up."""

MIB = 1 << 20
PART = 16 * MIB
"""Bytes of a part; files of two and more parts are sent in parts."""
PARTS = 1000
"""Parts of a file at most: beyond, they are larger."""

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


def part_size(size: int) -> int:
    """Bytes of a part for a file of that size, in whole mebibytes."""
    return max(PART, -(-size // PARTS // MIB) * MIB)


def create(job: Job, _: Progress) -> Request:
    """Ask for places to put the inputs; asking again gives the same job."""
    inputs = job.document.inputs
    record = _record(job, Mode.PRESIGNED)
    record["files"] = [{"name": each.name, "size": each.size} for each in inputs]
    largest = max((each.size for each in inputs), default=0)
    if largest >= 2 * PART:
        record["part_size"] = part_size(largest)
    return Request(
        "PUT",
        f"/v1/jobs/{job.id}",
        Repeat.SAME,
        body=Json(record),
        query=(("mode", Mode.PRESIGNED),),
    )


def left(progress: Progress) -> list[int]:
    """The places of what is not uploaded yet."""
    return [place for place, each in enumerate(progress.uploads) if not each.done]


def put(job: Job, progress: Progress) -> Request:
    """Put the next input, or the next part of one."""
    return put_at(job, progress, left(progress)[0])


def put_at(job: Job, progress: Progress, place: int) -> Request:
    """Put an input, or a part of one, without our key: the URL is signed."""
    upload = progress.uploads[place]
    part = None if upload.size is None else (upload.offset, upload.size)
    body = Raw(job.document.inputs[upload.input], part=part)
    return Request("PUT", upload.url, Repeat.SAME, body=body, keyed=False)


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


def delete_all(jobs: Sequence[Job]) -> Request:
    """Let the service forget several jobs at once."""
    body = Json({"jobs": [each.id for each in jobs]})
    return Request("POST", "/v1/deletions", Repeat.SAME, body=body, timeout=30.0)


def delete(job: Job, _: Progress) -> Request:
    """Let the service forget a job whose results are safe."""
    return Request("DELETE", f"/v1/jobs/{job.id}", Repeat.SAME, timeout=30.0)
