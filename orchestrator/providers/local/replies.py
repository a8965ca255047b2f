"""What the embedded service answered; performs no I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.model import (
    Blame,
    Failure,
    Job,
    Mode,
    Phase,
    Progress,
    Remedy,
    Result,
)
from orchestrator.providers.local import words
from orchestrator.providers.local.asks import left
from orchestrator.wire import values
from orchestrator.wire.http import Response


def on_submitted(job: Job, progress: Progress, response: Response) -> Progress:
    """The result itself, or the job."""
    if response.status == 200 and "job-id" in response.headers:
        result = Result(
            name="",
            url=f"/v1/jobs/{job.id}/results/0",
            size=values.integer(response.headers.get("content-length")),
            sha256=words.etag(response),
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
        return progress.failed(words.failure_of(response))
    state = record.get("state")
    if state == "done":
        results = tuple(words.results_of(record))
        return progress.at(
            Phase.FETCH,
            handle=job.id,
            results=results,
            made_by=str(record.get("converter") or ""),
            cost=values.number(record.get("units")),
        )
    if state in ("receiving", "queued", "running"):
        polls = progress.polls + (progress.phase is Phase.POLL)
        return progress.at(Phase.POLL, handle=job.id, polls=polls)
    if state == "created" and job.mode is Mode.PRESIGNED:
        return _on_created(job, progress, record)
    return progress.failed(_ended_badly(state, record, response))


def _ended_badly(state: Any, record: dict[str, Any], response: Response) -> Failure:
    if state == "expired":
        return words.gone("its result has expired")
    if state == "failed":
        return words.error_of(record.get("error"), response, Remedy.FAIL)
    return words.unreadable(response)


def _on_created(job: Job, progress: Progress, record: dict[str, Any]) -> Progress:
    """A job that waits for its inputs, or for the word to start."""
    uploads = tuple(words.uploads_of(record, len(job.document.inputs)))
    # A job that was started, and now is not, goes back: that is bounded.
    back = progress.phase not in (Phase.SUBMIT, Phase.UPLOAD)
    return progress.at(
        # Also where all of them are there: the driver sees to their hashes.
        Phase.UPLOAD if uploads else Phase.EXECUTE,
        handle=job.id,
        uploads=uploads,
        laps=progress.laps + back,
    )


def on_put(job: Job, progress: Progress, response: Response) -> Progress:
    """The next input is there, or the next part of one."""
    return on_put_at(job, progress, next(iter(left(progress)), 0), response)


def on_put_at(job: Job, progress: Progress, place: int, response: Response) -> Progress:
    """The bytes are there; an expired or refused link is asked for again."""
    del job
    if response.is_success:
        return uploaded(progress, place)
    if response.status in (403, 409, 410):
        return progress.at(Phase.SUBMIT, uploads=(), laps=progress.laps + 1)
    return progress.failed(words.failure_of(response))


def uploaded(progress: Progress, place: int) -> Progress:
    """One more is there; the last one leads on."""
    uploads = list(progress.uploads)
    uploads[place] = replace(uploads[place], done=True)
    missing = any(not each.done for each in uploads)
    return progress.at(
        Phase.UPLOAD if missing else Phase.EXECUTE, uploads=tuple(uploads)
    )


def on_executed(job: Job, progress: Progress, response: Response) -> Progress:
    """Started; a job that still lacks an input, or is gone, is asked for again."""
    if response.status == 409 or words.says(response, 404, "not_found"):
        return progress.at(Phase.SUBMIT, uploads=(), laps=progress.laps + 1)
    return on_job(job, progress, response)


def on_polled(job: Job, progress: Progress, response: Response) -> Progress:
    """Where an accepted job stands; one that is gone was billed and is lost."""
    if words.is_gone(response):
        return progress.failed(words.gone("the service no longer has this job"))
    return words.asked(on_job(job, progress, response), response)


def on_found(job: Job, progress: Progress, response: Response) -> Progress:
    """A lookup: adopted, absent, or not to be told yet."""
    if words.says(response, 404, "not_found"):
        return progress.failed(words.absent("the service has no such job"))
    record = response.json()
    if isinstance(record, dict) and record.get("state") == "receiving":
        why = "the service is still reading the request"
        failure = Failure("receiving", why, Blame.SERVICE, Remedy.RETRY)
        return progress.failed(failure)
    found = on_job(job, progress, response)
    if found.failure is None and found.phase in (Phase.UPLOAD, Phase.EXECUTE):
        return progress.failed(words.absent("the job was never started"))
    return words.asked(found, response)


def on_result(_: Job, progress: Progress, response: Response) -> Progress:
    """A result's bytes are about to come."""
    if not response.is_success:
        if words.is_gone(response):
            return progress.failed(words.gone("its result has expired"))
        return words.asked(progress.failed(words.failure_of(response)), response)
    results = list(progress.results)
    place = next(i for i, each in enumerate(results) if each.saved is None)
    known = results[place]
    results[place] = replace(
        known,
        size=values.integer(response.headers.get("content-length")) or known.size,
        sha256=words.etag(response) or known.sha256,
        inline=True,
    )
    return progress.at(Phase.FETCH, results=tuple(results))


def on_deleted(_: Job, progress: Progress, response: Response) -> Progress:
    """Gone, or gone before."""
    del response
    return progress.at(Phase.ENDED)
