"""The conversations with ComPDF (v2, ``x-api-key``); performs no I/O.

Only ``execute/start`` is named, by the id of a task that is there before: a task that
still waits for it was provably not started. The direct uploads are charged with no
handle. After a lost reply the newest tasks are asked which files they are about, since
our names for files hold our own id; where none is ours, it stays in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.model import (
    Blame,
    Failure,
    Job,
    Mode,
    Operation,
    Phase,
    Progress,
    Remedy,
    Upload,
)
from orchestrator.providers.compdf.codes import data_of, says
from orchestrator.providers.compdf.listing import (
    listed_by,
    suspects_in,
    unfinished,
)
from orchestrator.providers.compdf.standing import standing
from orchestrator.providers.compdf.task import (
    Stand,
    Task,
    is_named_after,
    outcome_of,
    task_of,
)
from orchestrator.providers.compdf.tools import (
    files,
    fits,
    mime,
    objection,
    options,
    sent_name,
    tool_of,
)
from orchestrator.wire.flow import (
    Absence,
    Limits,
    Pace,
    Provider,
    RollCall,
    Step,
    Survey,
    no_objections,
)
from orchestrator.wire.http import Field, Form, Raw, Repeat, Request, Response
from orchestrator.wire.rules import bad_reply
from orchestrator.wire.values import integer, line, mapping, text

HOST = "https://api-server.compdf.com"
"""The global one; for mainland China the manifest says ``url:`` with ``.cn``."""
V2 = "/server/v2"
SYNC_TIMEOUT = 300.0
"""Seconds of silence after which a sync reply counts as lost."""
UPLOAD_TIMEOUT = 120.0
LINK_LAPS = 3
"""How often a dead link is asked for anew before its result counts as lost."""
_LAG = 3
"""Polls for which a new task may be unknown before it counts as gone."""

# What to ask...


def _submit(job: Job, path: str, *fields: Field, timeout: float) -> Request:
    return Request(
        "POST",
        f"{V2}/{path}/{tool_of(job.document)}",
        Repeat.CHARGED,
        body=Form((*files(job), *options(job.document), *fields)),
        timeout=timeout,
    )


def process(job: Job, _: Progress) -> Request:
    """Hand it over and hold the line until it is done."""
    return _submit(job, "process", timeout=SYNC_TIMEOUT)


def process_async(job: Job, _: Progress) -> Request:
    """Hand it over; it is done later."""
    url = callback(job)
    fields = (Field("callbackUrl", url),) if url else ()
    return _submit(job, "processAsync", *fields, timeout=UPLOAD_TIMEOUT)


def callback(job: Job) -> str | None:
    """The webhook's address with our own id: the task list repeats it."""
    if job.callback is None:
        return None
    joint = "&" if "?" in job.callback else "?"
    return f"{job.callback}{joint}job={job.id}"


def sign(job: Job, _: Progress) -> Request:
    """Ask for a new task and a place to put its file; costs nothing."""
    fields = (Field("fileName", sent_name(job, 0)), *options(job.document))
    path = f"{V2}/presignedUrl/{tool_of(job.document)}"
    return Request("POST", path, Repeat.SAME, body=Form(fields))


def put(job: Job, progress: Progress) -> Request:
    """Put the file, without our key: the URL is signed."""
    upload = next(each for each in progress.uploads if not each.done)
    body = Raw(job.document.inputs[0], mime(job.document))
    return Request("PUT", upload.url, Repeat.SAME, body=body, keyed=False)


def start(_: Job, progress: Progress) -> Request:
    """Start the task; from here on it is billed, although this is a GET."""
    return Request(
        "GET",
        f"{V2}/execute/start",
        Repeat.NAMED,
        query=_named(progress.handle or ""),
        timeout=60.0,
    )


def look(_: Job, progress: Progress) -> Request:
    """Ask where the task stands."""
    return suspect(progress.handle or "")


def suspect(task: str) -> Request:
    """Ask what a task is about: it names its files."""
    path = f"{V2}/task/taskInfo"
    return Request("GET", path, Repeat.SAFE, query=_named(task), timeout=30.0)


def _named(task: str) -> tuple[tuple[str, str], ...]:
    return (("taskId", task), ("language", "1"))


def tasks(_: Job, progress: Progress) -> Request:
    """Ask for the newest tasks, and then for one that may be ours."""
    return suspect(progress.suspects[0]) if progress.suspects else newest(())


def newest(_: Sequence[str]) -> Request:
    """Ask for the first page of the list, which cannot be asked for single tasks."""
    query = (("page", "1"), ("size", "100"), ("language", "1"))
    return Request("GET", f"{V2}/task/list", Repeat.SAFE, query=query, timeout=30.0)


def fetch(job: Job, progress: Progress) -> Request:
    """Fetch the next result, without our key: the link is its own."""
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


# What was answered...


def on_submitted(job: Job, progress: Progress, response: Response) -> Progress:
    """The task, at whatever point it is."""
    data = data_of(response)
    if isinstance(data, Failure):
        return progress.failed(data)
    task = task_of(data)
    if task is None:
        return progress.failed(bad_reply(response, "the reply names no task"))
    return _at(job, progress, task, response)


def on_signed(job: Job, progress: Progress, response: Response) -> Progress:
    """A new task, and where its file goes."""
    del job
    data = data_of(response)
    if isinstance(data, Failure):
        return progress.failed(data)
    record = mapping(data)
    task = text(record.get("taskId"))
    url = text(record.get("presignedUrl")) or text(record.get("uploadUrl"))
    if not task or not url:
        return progress.failed(bad_reply(response, "the reply has no upload link"))
    return progress.at(Phase.UPLOAD, handle=task, uploads=(Upload(url),))


def on_put(job: Job, progress: Progress, response: Response) -> Progress:
    """The bytes are there; an expired link leads to a new task.

    Never to a second file in the old one: nobody could tell which of them is converted.
    """
    del job
    if response.is_success and response.is_page:
        why = "a web page answers for the storage"
        return progress.failed(bad_reply(response, why))
    if response.is_success:
        done = tuple(replace(each, done=True) for each in progress.uploads)
        return progress.at(Phase.EXECUTE, uploads=done)
    if response.status in (400, 401, 403, 404, 409, 410):
        return _anew(progress)
    code, remedy = f"upload_{response.status}", Remedy.RETRY
    blame = Blame.SERVICE
    if response.status in (411, 413):
        remedy, blame = Remedy.FAIL, Blame.DOCUMENT
    why = f"the storage says {response.status}: {line(response.excerpt(), 200)}"
    failure = Failure(code, why, blame, remedy, response.status, response.retry_after())
    return progress.failed(failure)


def on_started(job: Job, progress: Progress, response: Response) -> Progress:
    """Started; a task that is gone, or has no file, was not: a new one is made."""
    del job
    if says(response, "05001", "05004", "05005"):
        return _anew(progress)
    data = data_of(response)
    if isinstance(data, Failure):
        return progress.failed(data)
    return progress.at(Phase.POLL)


def on_polled(job: Job, progress: Progress, response: Response) -> Progress:
    """Where an accepted task stands; one that is gone was billed and is lost."""
    if says(response, "05001", "05004"):
        if progress.polls < _LAG:
            return progress.at(Phase.POLL, polls=progress.polls + 1)
        why = "the API no longer has this task"
        return progress.failed(Failure("expired", why, Blame.SERVICE, Remedy.LOST))
    data = data_of(response)
    if isinstance(data, Failure):
        return progress.failed(_only_asked(data))
    task = task_of(data)
    if task is None:
        return progress.failed(bad_reply(response, "the reply names no task"))
    return _at(job, progress, task, response)


def on_looked_up(job: Job, progress: Progress, response: Response) -> Progress:
    """A task after a lost start: begun, or provably still waiting for it."""
    if says(response, "05001"):
        why = "the API does not know the task that was to be started"
        return progress.failed(Failure("expired", why, Blame.SERVICE, Remedy.DOUBT))
    data = data_of(response)
    if isinstance(data, Failure):
        return progress.failed(_only_asked(data))
    task = task_of(data)
    if task is None:
        why = "the reply names no task"
        return progress.failed(_only_asked(bad_reply(response, why)))
    if task.stand is Stand.CREATED:
        why = "the task still waits to be started"
        return progress.failed(Failure("absent", why, Blame.SERVICE, Remedy.ABSENT))
    return _at(job, progress, task, response)


def on_listed(job: Job, progress: Progress, response: Response) -> Progress:
    """A task that shows our own id is ours; that none does proves nothing.

    The list shows it in a callback's address alone. A task itself names its files, and
    those are named after our job: so tasks that may be ours are asked, newest first.
    """
    if progress.suspects:
        return _on_suspect(job, progress, response)
    listed = listed_by(response)
    if isinstance(listed, Failure):
        return progress.failed(_only_asked(listed))
    for each in listed:
        task = text(each.get("taskId"))
        if task and any(job.id in v for v in each.values() if isinstance(v, str)):
            return progress.at(Phase.POLL, handle=task)
    suspects = suspects_in(listed, files=sum(len(e.inputs) for e in job.documents))
    if suspects:
        return replace(progress, failure=None, suspects=suspects)
    return progress.failed(_not_listed(job))


def _on_suspect(job: Job, progress: Progress, response: Response) -> Progress:
    first, *others = progress.suspects
    data = data_of(response)
    if isinstance(data, Failure) and data.remedy in (Remedy.RETRY, Remedy.STOP):
        return progress.failed(data)
    task = None if isinstance(data, Failure) else task_of(data)
    if task is not None and is_named_after(job, task):
        return progress.at(Phase.POLL, handle=first, suspects=())
    left = replace(progress, failure=None, suspects=tuple(others))
    return left if others else left.failed(_not_listed(job))


def _not_listed(job: Job) -> Failure:
    # A list may lag behind; where it shows a callback, it is asked again.
    remedy = Remedy.LOOKUP if job.callback else Remedy.DOUBT
    why = f"none of the newest tasks is ours; its file is named {sent_name(job, 0)}"
    return Failure("not_listed", why, Blame.SERVICE, remedy)


def on_result(_: Job, progress: Progress, response: Response) -> Progress:
    """A result's bytes are about to come."""
    if not response.is_success:
        return _on_dead_link(progress, response)
    found = list(progress.results)
    place = next(i for i, each in enumerate(found) if each.saved is None)
    size = integer(response.headers.get("content-length"))
    found[place] = replace(found[place], size=size, inline=True)
    return progress.at(Phase.FETCH, results=tuple(found))


def _on_dead_link(progress: Progress, response: Response) -> Progress:
    status = response.status
    if status not in (403, 404, 410):
        why = f"the link says {status}: {line(response.excerpt(), 200)}"
        failure = Failure(
            f"http_{status}",
            why,
            Blame.SERVICE,
            Remedy.RETRY,
            status,
            response.retry_after(),
        )
        return progress.failed(failure)
    if progress.laps >= LINK_LAPS:
        why = "the link is dead: results are deleted at the end of the next day"
        return progress.failed(Failure("expired", why, Blame.SERVICE, Remedy.LOST))
    # The task may name a link that lives; without a task, the same is tried again.
    back = Phase.POLL if progress.handle else Phase.FETCH
    again = progress.at(back, laps=progress.laps + 1)
    return replace(again, wait=3.0)


def _at(job: Job, progress: Progress, task: Task, response: Response) -> Progress:
    """The progress that a task's own account of itself leads to."""
    handle = task.id or progress.handle
    if task.stand is Stand.ENDED:
        return _on_ended(job, progress, replace(task, id=handle or ""))
    if task.stand is Stand.OVERDUE and job.mode is Mode.PRESIGNED:
        return _anew(progress)
    if task.stand is Stand.EXPIRED:
        # Only TaskOverdue is vouched for as never executed: this may have been billed.
        why = "the task has expired, and nobody says whether it was executed"
        failure = Failure("task_expired", why, Blame.SERVICE, Remedy.DOUBT)
        return progress.failed(failure)
    if task.stand in (Stand.OVERDUE, Stand.CLOSED):
        why = f"the task is {task.stand}: it was never executed"
        failure = Failure(f"task_{task.stand}", why, Blame.SERVICE, Remedy.FAIL)
        return progress.failed(failure)
    if not handle:
        return progress.failed(bad_reply(response, "the reply names no task"))
    polls = progress.polls + (progress.phase is Phase.POLL)
    return progress.at(Phase.POLL, handle=handle, polls=polls)


def _on_ended(job: Job, progress: Progress, task: Task) -> Progress:
    """Ended, whether it worked or not: each file says so for itself."""
    outcome = outcome_of(job, task)
    is_early = progress.phase is not Phase.POLL or progress.polls < _LAG
    if task.id and is_early and (outcome.strays or not task.files):
        # A first word that says too little: the task itself is asked.
        polls = progress.polls + (progress.phase is Phase.POLL)
        return progress.at(Phase.POLL, handle=task.id, polls=polls)
    if outcome.strays:
        why = f"{outcome.strays} results name no file of ours; they may be anyone's"
        return progress.failed(Failure("strays", why, Blame.SERVICE, Remedy.DOUBT))
    kept = {each.url: each for each in progress.results if each.saved}
    return progress.at(
        Phase.FETCH,
        handle=task.id or None,
        results=tuple(kept.get(each.url, each) for each in outcome.results),
        rejected=outcome.rejected,
        cost=task.cost,
    )


def _anew(progress: Progress) -> Progress:
    """The beginning, with a new task."""
    return progress.at(Phase.SUBMIT, handle=None, uploads=(), laps=progress.laps + 1)


def _only_asked(failure: Failure) -> Failure:
    """A question that was refused says nothing of the task."""
    if failure.remedy is Remedy.STOP:
        return failure
    return replace(failure, remedy=Remedy.RETRY)


# The flows...

listed = Step(tasks, on_listed)
started = Step(look, on_looked_up)
polled = Step(look, on_polled)
fetched = Step(fetch, on_result)

provider = Provider(
    name="compdf",
    flows={
        Mode.SYNC: {
            Phase.SUBMIT: Step(process, on_submitted, find=listed),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.ASYNC: {
            Phase.SUBMIT: Step(process_async, on_submitted, find=listed),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
        Mode.PRESIGNED: {
            Phase.SUBMIT: Step(sign, on_signed),
            Phase.UPLOAD: Step(put, on_put),
            Phase.EXECUTE: Step(start, on_started, find=started),
            Phase.POLL: polled,
            Phase.FETCH: fetched,
        },
    },
    auth=(("x-api-key", "{key}"),),
    absence=Absence.PROVES,
    settle=30.0,
    retention=86_400.0,
    # "usually 15 to 30 minutes" (the vendor's page on pre-signed uploads).
    link_life=900.0,
    pace=Pace(first=3.0, floor=3.0, deadline=7200.0),
    limits=Limits(width=4, jobs=200),
    operations=frozenset({Operation.CONVERT, Operation.MERGE, Operation.SPLIT}),
    exactly_once=frozenset({Mode.PRESIGNED}),
    objection=objection,
    survey=Survey(
        Request("GET", f"{V2}/asset/info", Repeat.SAFE, timeout=30.0),
        no_objections,
        standing,
    ),
    base_url=HOST,
    fits=fits,
    roll=RollCall(newest, unfinished),
)
