"""The words of the embedded service, read leniently; performs no I/O."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from orchestrator.model import Blame, Failure, Progress, Remedy, Result, Upload
from orchestrator.wire import values
from orchestrator.wire.http import Response

_REMEDIES = {
    401: Remedy.STOP,
    403: Remedy.STOP,
    408: Remedy.LOOKUP,
    429: Remedy.RETRY,
    503: Remedy.RETRY,
    507: Remedy.RETRY,
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN = (401, 408, 429)
"""Statuses that mean the same when something before the service says them."""


def failure_of(response: Response) -> Failure:
    """A reply that says no, as a failure (docs/service.md, Errors)."""
    record = response.json()
    if response.is_success:
        return unreadable(response)
    error = record.get("error") if isinstance(record, dict) else None
    known = error if isinstance(error, dict) else {}
    return error_of(known, response, _remedy(response.status, known))


def error_of(error: Any, response: Response, remedy: Remedy) -> Failure:
    """The error of a reply or of a job, as far as it can be read."""
    known = error if isinstance(error, dict) else {}
    status = response.status
    blame = known.get("blame")
    fallback = Blame.SERVICE if status >= 500 or status == 429 else Blame.DOCUMENT
    return Failure(
        code=values.line(known.get("code"), 64) or f"http_{status}",
        message=values.line(known.get("message"), 500)
        or f"status {status}: {values.line(response.excerpt(), 200)}",
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


def unreadable(response: Response) -> Failure:
    """A good status without the words that belong to it: it may have been done."""
    why = f"the reply is not the service's: {values.line(response.excerpt(), 200)}"
    return Failure(
        "bad_reply", why, Blame.SERVICE, Remedy.LOOKUP, status=response.status
    )


def asked(progress: Progress, response: Response) -> Progress:
    """A reply to a question about a job: a refusal says nothing of the job itself."""
    failure = progress.failure
    if failure and failure.remedy is Remedy.FAIL and not response.is_success:
        return progress.failed(replace(failure, remedy=Remedy.RETRY))
    return progress


def is_gone(response: Response) -> bool:
    """Whether the service says that it has no such job or result any more."""
    return says(response, 404, "not_found") or says(response, 410, "expired")


def says(response: Response, status: int, code: str) -> bool:
    """Whether the service itself says so: a proxy's 404 is not a word about a job."""
    if response.status != status:
        return False
    record = response.json()
    error = record.get("error") if isinstance(record, dict) else None
    return isinstance(error, dict) and error.get("code") == code


def gone(why: str) -> Failure:
    """Billed, and no longer obtainable."""
    return Failure("expired", why, Blame.SERVICE, Remedy.LOST)


def absent(why: str) -> Failure:
    """A lookup that found nothing."""
    return Failure("absent", why, Blame.SERVICE, Remedy.ABSENT)


def results_of(record: dict[str, Any]) -> list[Result]:
    """The results that a job lists."""
    return [
        Result(
            name=values.text(each.get("name")),
            url=values.text(each.get("url")),
            size=values.whole(each.get("size")),
            sha256=values.text(each.get("sha256")) or None,
            expires=values.number(record.get("expires")),
        )
        for each in values.records(record.get("results"))
    ]


def uploads_of(record: dict[str, Any], inputs: int) -> list[Upload]:
    """The places that a job offers for so many inputs."""
    return [
        Upload(
            url=values.text(each.get("url")),
            input=place,
            expires=values.number(each.get("expires")),
            done=each.get("received") is True,
            offset=values.whole(each.get("offset")) or 0,
            size=values.whole(each.get("size")),
        )
        for each in values.records(record.get("uploads"))
        if (place := values.whole(each.get("file"))) is not None and place < inputs
    ]


def etag(response: Response) -> str | None:
    """The SHA-256 of what a reply carries, if it says so."""
    text = response.headers.get("etag", "").strip('"')
    return text if _SHA256.fullmatch(text) else None
