"""The embedded service (docs/service.md) as flows; performs no I/O.

Every charged step is *named*: the job's own id is made here, so a lost reply is looked
up, never sent again blindly. The service records a job before it works on it and says
``receiving`` while its request is still being read, so a lookup that finds nothing
proves that nothing happened once a sent request had time to arrive (``settle``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from orchestrator.model import (
    Blame,
    Failure,
    Job,
    Mode,
    Operation,
    Phase,
    Progress,
    Remedy,
    Result,
    Upload,
)
from orchestrator.wire.flow import Absence, Limits, Pace, Provider, Step, Survey, Wish
from orchestrator.wire.http import (
    Field,
    FilePart,
    Form,
    Json,
    Raw,
    Repeat,
    Request,
    Response,
)

SYNC_TIMEOUT = 300.0
"""Seconds of silence after which a sync reply counts as lost, and is looked up."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_MOST = 1 << 53
"""Numbers beyond are nobody's sizes, times or prices."""

_encoder = msgspec.json.Encoder(decimal_format="number")

# What to ask...


def _record(job: Job) -> dict[str, Any]:
    document = job.document
    record: dict[str, Any] = {
        "operation": document.operation,
        "source": document.source,
        "target": document.target,
        "params": document.params,
        "design": document.design,
    }
    if job.callback:
        record["webhook"] = job.callback
    return record


def _form(job: Job) -> Form:
    record = Field("job", _encoder.encode(_record(job)).decode(), "application/json")
    files = (FilePart("file", each.name, each) for each in job.document.inputs)
    return Form((record, *files))


def _submit(job: Job, mode: Mode, *, timeout: float) -> Request:
    return Request(
        "PUT",
        f"/v1/jobs/{job.id}",
        Repeat.NAMED,
        body=_form(job),
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
        body=Json(_record(job) | {"files": files}),
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


# What was answered...


def on_submitted(job: Job, progress: Progress, response: Response) -> Progress:
    """The result itself, or the job."""
    if response.status == 200 and "job-id" in response.headers:
        result = Result(
            name="",
            url=f"/v1/jobs/{job.id}/results/0",
            size=_integer(response.headers.get("content-length")),
            sha256=_etag(response),
            inline=True,
        )
        made_by = response.headers.get("job-converter", "")
        return progress.at(
            Phase.FETCH, handle=job.id, results=(result,), made_by=made_by
        )
    return on_job(job, progress, response)


def on_job(job: Job, progress: Progress, response: Response) -> Progress:
    """A job, whatever its state."""
    record = response.json()
    if not response.is_success or not isinstance(record, dict):
        return progress.failed(failure_of(response))
    state = record.get("state")
    if state == "done":
        results = tuple(_results(record))
        return progress.at(
            Phase.FETCH,
            handle=job.id,
            results=results,
            made_by=str(record.get("converter") or ""),
            cost=_number(record.get("units")),
        )
    if state in ("receiving", "queued", "running"):
        polls = progress.polls + (progress.phase is Phase.POLL)
        return progress.at(Phase.POLL, handle=job.id, polls=polls)
    if state == "created" and job.mode is Mode.PRESIGNED:
        return _on_created(job, progress, record)
    return progress.failed(_ended_badly(state, record, response))


def _ended_badly(state: Any, record: dict[str, Any], response: Response) -> Failure:
    if state == "expired":
        return _gone("its result has expired")
    if state == "failed":
        return _error(record.get("error"), response, Remedy.FAIL)
    return _unreadable(response)


def _on_created(job: Job, progress: Progress, record: dict[str, Any]) -> Progress:
    """A job that waits for its inputs, or for the word to start."""
    uploads = tuple(_uploads(record, len(job.document.inputs)))
    missing = any(not each.done for each in uploads)
    # A job that was started, and now is not, goes back: that is bounded.
    back = progress.phase not in (Phase.SUBMIT, Phase.UPLOAD)
    return progress.at(
        Phase.UPLOAD if missing else Phase.EXECUTE,
        handle=job.id,
        uploads=uploads,
        laps=progress.laps + back,
    )


def on_put(job: Job, progress: Progress, response: Response) -> Progress:
    """The bytes are there; an expired or refused link is asked for again."""
    del job
    if response.is_success:
        return _after_upload(progress)
    if response.status in (403, 409, 410):
        return progress.at(Phase.SUBMIT, uploads=(), laps=progress.laps + 1)
    return progress.failed(failure_of(response))


def _after_upload(progress: Progress) -> Progress:
    uploads = list(progress.uploads)
    place = next(i for i, each in enumerate(uploads) if not each.done)
    uploads[place] = replace(uploads[place], done=True)
    missing = any(not each.done for each in uploads)
    return progress.at(
        Phase.UPLOAD if missing else Phase.EXECUTE, uploads=tuple(uploads)
    )


def on_executed(job: Job, progress: Progress, response: Response) -> Progress:
    """Started; a job that still lacks an input, or is gone, is asked for again."""
    if response.status == 409 or _says(response, 404, "not_found"):
        return progress.at(Phase.SUBMIT, uploads=(), laps=progress.laps + 1)
    return on_job(job, progress, response)


def on_polled(job: Job, progress: Progress, response: Response) -> Progress:
    """Where an accepted job stands; one that is gone was billed and is lost."""
    if _is_gone(response):
        return progress.failed(_gone("the service no longer has this job"))
    return _asked(on_job(job, progress, response), response)


def on_found(job: Job, progress: Progress, response: Response) -> Progress:
    """A lookup: adopted, absent, or not to be told yet."""
    if _says(response, 404, "not_found"):
        return progress.failed(_absent("the service has no such job"))
    record = response.json()
    if isinstance(record, dict) and record.get("state") == "receiving":
        why = "the service is still reading the request"
        failure = Failure("receiving", why, Blame.SERVICE, Remedy.RETRY)
        return progress.failed(failure)
    found = on_job(job, progress, response)
    if found.failure is None and found.phase in (Phase.UPLOAD, Phase.EXECUTE):
        return progress.failed(_absent("the job was never started"))
    return _asked(found, response)


def on_result(_: Job, progress: Progress, response: Response) -> Progress:
    """A result's bytes are about to come."""
    if not response.is_success:
        if _is_gone(response):
            return progress.failed(_gone("its result has expired"))
        return _asked(progress.failed(failure_of(response)), response)
    results = list(progress.results)
    place = next(i for i, each in enumerate(results) if each.saved is None)
    known = results[place]
    results[place] = replace(
        known,
        size=_integer(response.headers.get("content-length")) or known.size,
        sha256=_etag(response) or known.sha256,
        inline=True,
    )
    return progress.at(Phase.FETCH, results=tuple(results))


def on_deleted(_: Job, progress: Progress, response: Response) -> Progress:
    """Gone, or gone before."""
    del response
    return progress.at(Phase.ENDED)


# Words of the service...

_REMEDIES = {
    401: Remedy.STOP,
    403: Remedy.STOP,
    408: Remedy.LOOKUP,
    429: Remedy.RETRY,
    503: Remedy.RETRY,
    507: Remedy.RETRY,
}
_PLAIN = (401, 408, 429)
"""Statuses that mean the same when something before the service says them."""


def failure_of(response: Response) -> Failure:
    """A reply that says no, as a failure (docs/service.md, Errors)."""
    record = response.json()
    if response.is_success:
        return _unreadable(response)
    error = record.get("error") if isinstance(record, dict) else None
    known = error if isinstance(error, dict) else {}
    return _error(known, response, _remedy(response.status, known))


def _error(error: Any, response: Response, remedy: Remedy) -> Failure:
    known = error if isinstance(error, dict) else {}
    status = response.status
    blame = known.get("blame")
    fallback = Blame.SERVICE if status >= 500 or status == 429 else Blame.DOCUMENT
    return Failure(
        code=_line(known.get("code"), 64) or f"http_{status}",
        message=_line(known.get("message"), 500)
        or f"status {status}: {_line(response.excerpt(), 200)}",
        blame=Blame(blame) if blame in list(Blame) else fallback,
        remedy=remedy,
        status=status,
        retry_after=response.retry_after(),
    )


def _remedy(status: int, error: dict[str, Any]) -> Remedy:
    if status in _REMEDIES and (error or status in _PLAIN):
        return _REMEDIES[status]
    if 400 <= status < 500:
        return Remedy.FAIL
    # A redirect or a gateway's error may hide a request that was accepted.
    return Remedy.RETRY if error.get("retry") is True else Remedy.LOOKUP


def _unreadable(response: Response) -> Failure:
    """A good status without the words that belong to it: nobody knows what was done."""
    why = f"the reply is not the service's: {_line(response.excerpt(), 200)}"
    return Failure(
        "bad_reply", why, Blame.SERVICE, Remedy.LOOKUP, status=response.status
    )


def _asked(progress: Progress, response: Response) -> Progress:
    """A reply to a question about a job: a refusal says nothing of the job itself."""
    failure = progress.failure
    if failure and failure.remedy is Remedy.FAIL and not response.is_success:
        return progress.failed(replace(failure, remedy=Remedy.RETRY))
    return progress


def _is_gone(response: Response) -> bool:
    return _says(response, 404, "not_found") or _says(response, 410, "expired")


def _says(response: Response, status: int, code: str) -> bool:
    """Whether the service itself says so: a proxy's 404 is not a word about a job."""
    if response.status != status:
        return False
    record = response.json()
    error = record.get("error") if isinstance(record, dict) else None
    return isinstance(error, dict) and error.get("code") == code


def _gone(why: str) -> Failure:
    return Failure("expired", why, Blame.SERVICE, Remedy.LOST)


def _absent(why: str) -> Failure:
    return Failure("absent", why, Blame.SERVICE, Remedy.ABSENT)


def _results(record: dict[str, Any]) -> list[Result]:
    return [
        Result(
            name=_text(each.get("name")),
            url=_text(each.get("url")),
            size=_whole(each.get("size")),
            sha256=_text(each.get("sha256")) or None,
            expires=_number(record.get("expires")),
        )
        for each in _records(record.get("results"))
    ]


def _uploads(record: dict[str, Any], inputs: int) -> list[Upload]:
    return [
        Upload(
            url=_text(each.get("url")),
            input=place,
            expires=_number(each.get("expires")),
            done=each.get("received") is True,
        )
        for each in _records(record.get("uploads"))
        if (place := _whole(each.get("file"))) is not None and place < inputs
    ]


# Whatever the service sends, nothing here raises.


def _records(value: Any) -> list[dict[str, Any]]:
    return (
        [each for each in value if isinstance(each, dict)]
        if (isinstance(value, list))
        else []
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _line(value: Any, limit: int) -> str:
    """A text as one short line that is safe to print."""
    text = " ".join(_text(value)[: 4 * limit].split())
    return "".join(each if each.isprintable() else "?" for each in text)[:limit]


def _whole(value: Any) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value < _MOST else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < _MOST else None


def _etag(response: Response) -> str | None:
    text = response.headers.get("etag", "").strip('"')
    return text if _SHA256.fullmatch(text) else None


def _integer(text: str | None) -> int | None:
    return int(text) if text and _DIGITS.fullmatch(text) else None


# What it can do...


def objections(
    response: Response, wishes: Collection[Wish]
) -> Sequence[tuple[Wish, str]]:
    """What this instance has no converter for (``GET /v1/formats``)."""
    record = response.json()
    formats = _records(record.get("formats") if isinstance(record, dict) else None)
    known = {
        (_text(e.get("operation")), _text(e.get("source")), _text(e.get("target")))
        for e in formats
        if _text(e.get("source")) and _text(e.get("target"))
    }
    return [
        (wish, _unsupported(wish, known))
        for wish in sorted(wishes)
        if known
        and wish.operation is Operation.CONVERT
        and (str(wish.operation), wish.source, wish.target) not in known
    ]


def _unsupported(wish: Wish, known: Collection[tuple[str, str, str]]) -> str:
    into = sorted({target for _, source, target in known if source == wish.source})
    to = sorted({source for _, source, target in known if target == wish.target})
    can = (
        f"{wish.source} goes to {', '.join(into)}"
        if into
        else f"{wish.target} is made of {', '.join(to) or 'nothing'}"
    )
    return f"{wish.account} has no converter from {wish.source} to {wish.target}; {can}"


# The flows...

found = Step(look, on_found)
polled = Step(look, on_polled)
fetched = Step(fetch, on_result)

provider = Provider(
    name="local",
    flows={
        Mode.SYNC: {
            Phase.SUBMIT: Step(submit_sync, on_submitted, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.ASYNC: {
            Phase.SUBMIT: Step(submit_async, on_job, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.PRESIGNED: {
            Phase.SUBMIT: Step(create, on_job),
            Phase.UPLOAD: Step(put, on_put),
            Phase.EXECUTE: Step(execute, on_executed, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
    },
    auth=(("Authorization", "Bearer {key}"),),
    absence=Absence.PROVES,
    settle=2.0,
    retention=86_400.0,
    pace=Pace(first=0.1, factor=1.5, cap=5.0, deadline=3600.0),
    limits=Limits(width=8),
    exactly_once=frozenset(Mode),
    release=Step(delete, on_deleted),
    survey=Survey(Request("GET", "/v1/formats", Repeat.SAFE, timeout=30.0), objections),
)
