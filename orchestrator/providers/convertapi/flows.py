"""The conversations with ConvertAPI; performs no I/O.

Every charged request is named: the job's own id goes with it, so a lost or late reply
is taken over by asking for the job. That an unknown job was never begun is believed
only once a lookup of one of our ids was answered: an API that ignores our ids would
know none of them.

The asynchronous paths exist in two generations. The second is asked; where a server
does not know its path (404, and no word of its own), nothing was begun, and the first
is asked instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from orchestrator.providers.convertapi.asking import (
    convert,
    convert_async,
    convert_uploaded,
    delete,
    fetch,
    look,
    next_to_delete,
    objection,
    upload,
)
from orchestrator.providers.convertapi.codes import (
    GONE,
    code_of,
    failure_of,
    names_parameter,
)
from orchestrator.providers.convertapi.names import (
    file_id,
    is_first,
    is_ours,
    job_path,
    name_of,
    said_id,
    uuid_of,
)
from orchestrator.wire.flow import (
    Absence,
    Limits,
    Pace,
    Provider,
    Standing,
    Step,
    Survey,
    no_objections,
)
from orchestrator.wire.http import Repeat, Request, Response
from orchestrator.wire.rules import bad_reply
from orchestrator.wire.values import integer, line, mapping, number, records, text

FILE_LIFE = 10_800.0
"""Seconds for which files are kept."""
JOB_LIFE = 7200.0
"""Seconds for which jobs are kept."""
LINK_LAPS = 3
_LAG = 2
"""Polls for which a new job may be unknown before it counts as gone."""


def on_submitted(job: Job, progress: Progress, response: Response) -> Progress:
    """The results, or the job."""
    record = response.json()
    if response.is_success:
        name = said_id(mapping(record).get("JobId")) or name_of(job, progress)
        if "Files" in mapping(record):
            return _done(job, progress, mapping(record), name)
        if said_id(mapping(record).get("JobId")) or response.status == 202:
            return progress.at(Phase.POLL, handle=name)
        why = "the reply names neither files nor a job"
        return progress.failed(bad_reply(response, why))
    if _is_unknown_path(job, progress, response):
        laps = progress.laps + 1
        return progress.at(progress.phase, handle=uuid_of(job), laps=laps)
    failure = failure_of(response)
    if names_parameter(response, "JobId"):
        # Our id is taken, maybe by a first try of ours: the job itself tells.
        failure = replace(failure, remedy=Remedy.LOOKUP)
    return progress.failed(failure)


def _is_unknown_path(job: Job, progress: Progress, response: Response) -> bool:
    """Whether the server has no second generation: nothing was begun."""
    return (
        response.status in (404, 405)
        and code_of(response) is None
        and job.mode is not Mode.SYNC
        and not is_first(name_of(job, progress))
    )


def on_executed(job: Job, progress: Progress, response: Response) -> Progress:
    """As submitted; files that died before they were converted are stored again."""
    if response.status == 500 and code_of(response) in GONE:
        return progress.at(Phase.SUBMIT, uploads=(), laps=progress.laps + 1)
    return on_submitted(job, progress, response)


def on_uploaded(job: Job, progress: Progress, response: Response) -> Progress:
    """One more input is there, under our id or under one of theirs."""
    done = {each.input for each in progress.uploads}
    places = range(len(job.document.inputs))
    place = next(i for i in places if i not in done)
    # Ours is taken already: nobody else knows it, so it was an earlier try of ours.
    if not response.is_success and response.status != 409:
        return progress.failed(failure_of(response))
    said = text(mapping(response.json()).get("FileId")) or response.excerpt(64)
    if response.is_success and not said_id(said):
        return progress.failed(bad_reply(response, "the reply names no file"))
    id_ = said_id(said) if response.is_success else file_id(job, place)
    uploads = (*progress.uploads, Upload(id_, place, done=True))
    is_last = len(uploads) == len(places)
    phase = Phase.EXECUTE if is_last else progress.phase
    return progress.at(phase, uploads=uploads)


def on_polled(job: Job, progress: Progress, response: Response) -> Progress:
    """Where an accepted job stands; one that is gone was billed and is lost."""
    if response.status == 404:
        if progress.polls < _LAG:
            return progress.at(Phase.POLL, polls=progress.polls + 1)
        why = "the API no longer has this job"
        return progress.failed(Failure("expired", why, Blame.SERVICE, Remedy.LOST))
    if response.status == 503 and code_of(response) is None:
        # Another poll of the same job is still open: this one was not taken.
        return progress.at(Phase.POLL, polls=progress.polls + 1)
    return _stands(job, progress, response)


def on_found(job: Job, progress: Progress, response: Response) -> Progress:
    """A lookup: taken over, absent, or not to be told yet."""
    if response.status == 404 and response.is_page:
        # A gateway's page says nothing of the job.
        return progress.failed(
            Failure("bad_reply", "a web page", Blame.SERVICE, Remedy.RETRY, 404)
        )
    if response.status == 404:
        why = "the API has no such job"
        return progress.failed(Failure("absent", why, Blame.SERVICE, Remedy.ABSENT))
    return _stands(job, progress, response)


def _stands(job: Job, progress: Progress, response: Response) -> Progress:
    name = name_of(job, progress)
    if response.status == 202:
        polls = progress.polls + (progress.phase is Phase.POLL)
        return progress.at(Phase.POLL, handle=name, polls=polls)
    record = response.json()
    if response.is_success and "Files" in mapping(record):
        return _done(job, progress, mapping(record), name)
    if response.is_success:
        failure = bad_reply(response, "the reply is not a result")
        return progress.failed(replace(failure, remedy=Remedy.RETRY))
    return progress.failed(_of_job(response))


def _of_job(response: Response) -> Failure:
    """A reply to a question: only the API's own word on the conversion is final."""
    failure = failure_of(response)
    if failure.remedy is Remedy.STOP:
        return failure
    if code_of(response) is not None and failure.code == "internal":
        return replace(failure, remedy=Remedy.FAIL)
    if failure.remedy is Remedy.FAIL and code_of(response) is not None:
        return failure
    wait = failure.retry_after
    if response.status == 503 and wait is None:
        wait = pace.floor
    return replace(failure, remedy=Remedy.RETRY, retry_after=wait)


def _done(job: Job, progress: Progress, record: dict[str, Any], name: str) -> Progress:
    """Every file that came of it."""
    results = [_result(job, each) for each in records(record.get("Files"))]
    if not results or any(not each.url for each in results):
        why = "the result has no file that can be fetched"
        return progress.failed(Failure("no_link", why, Blame.SERVICE, Remedy.LOST))
    kept = {each.url: each for each in progress.results if each.saved}
    return progress.at(
        Phase.FETCH,
        handle=name,
        results=tuple(kept.get(each.url, each) for each in results),
        cost=number(record.get("ConversionCost")),
    )


def _result(job: Job, record: dict[str, Any]) -> Result:
    id_ = said_id(record.get("FileId"))
    size = number(record.get("FileSize"))
    return Result(
        name=text(record.get("FileName")),
        url=text(record.get("Url")) or (f"/d/{id_}" if id_ else None),
        size=int(size) if size is not None and size >= 0 else None,
        expires=job.created + FILE_LIFE,
    )


def on_result(_: Job, progress: Progress, response: Response) -> Progress:
    """A result's bytes are about to come."""
    if response.status in (404, 410):
        return _on_dead_link(progress)
    if not response.is_success:
        status = response.status
        why = f"the link says {status}: {line(response.excerpt(), 200)}"
        wait = response.retry_after()
        code = f"http_{status}"
        return progress.failed(
            Failure(code, why, Blame.SERVICE, Remedy.RETRY, status, wait)
        )
    found = list(progress.results)
    place = next(i for i, each in enumerate(found) if each.saved is None)
    known = found[place]
    size = integer(response.headers.get("content-length"))
    found[place] = replace(
        known, size=known.size if size is None else size, inline=True
    )
    return progress.at(Phase.FETCH, results=tuple(found))


def _on_dead_link(progress: Progress) -> Progress:
    """The job, while it lives, may name a link that does."""
    if progress.laps >= LINK_LAPS or not progress.handle:
        why = "the link is dead: files are kept for three hours"
        return progress.failed(Failure("expired", why, Blame.SERVICE, Remedy.LOST))
    return progress.at(Phase.POLL, laps=progress.laps + 1)


def on_deleted(job: Job, progress: Progress, response: Response) -> Progress:
    """One thing is gone, or was gone before; the job is the last."""
    del response
    url = next_to_delete(job, progress)
    if url == job_path(name_of(job, progress)):
        return progress.at(Phase.ENDED)
    gone = (*progress.uploads, Upload(url, done=True))
    return progress.at(Phase.RELEASE, uploads=gone)


def standing(response: Response) -> Standing:
    """What ``user`` tells of the account.

    It may refuse a token that is good for conversions: then the first conversion tells.
    """
    code = code_of(response)
    if response.status in (401, 403) and code not in ("4010", "4011", "4012", None):
        return Standing(refusal=failure_of(response).message)
    record = mapping(response.json())
    if response.is_success and record.get("Active") is False:
        return Standing(refusal="the account is not active")
    total = number(record.get("ConversionsTotal"))
    used = number(record.get("ConversionsConsumed"))
    if total is None or used is None or not response.is_success:
        return Standing()
    return Standing(balance=total - used)


# The flows...

pace = Pace(first=5.0, floor=5.0, deadline=6600.0)
found = Step(look, on_found)
polled = Step(look, on_polled)
fetched = Step(fetch, on_result)

provider = Provider(
    name="convertapi",
    flows={
        Mode.SYNC: {
            Phase.SUBMIT: Step(convert, on_submitted, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.ASYNC: {
            Phase.SUBMIT: Step(convert_async, on_submitted, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.PRESIGNED: {
            Phase.SUBMIT: Step(upload, on_uploaded),
            Phase.EXECUTE: Step(convert_uploaded, on_executed, find=found),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
    },
    auth=(("Authorization", "Bearer {key}"),),
    absence=Absence.PROVES_ONCE_TRUSTED,
    settle=30.0,
    retention=JOB_LIFE,
    pace=pace,
    limits=Limits(width=4, jobs=200),
    operations=frozenset({Operation.CONVERT, Operation.MERGE, Operation.SPLIT}),
    exactly_once=frozenset(Mode),
    objection=objection,
    release=Step(delete, on_deleted),
    survey=Survey(
        Request("GET", "/user", Repeat.SAFE, timeout=30.0), no_objections, standing
    ),
    base_url="https://v2.convertapi.com",
    spares_failures=True,  # "charged when it is done" (docs)
    is_ours=is_ours,
)
