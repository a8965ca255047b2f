"""A made-up API as a provider of another package: one pure file, nothing else.

Paperpress takes ``POST /press?ticket=OURS`` with a file, and answers with the PDF or
with ``{"error": {"code": ..., "message": ...}}``. ``GET /tickets/OURS`` gives the PDF
again, or 404 if there never was such a ticket.
"""

from dataclasses import replace

from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Job,
    Mode,
    Operation,
    Phase,
    Progress,
    Remedy,
    Result,
)
from orchestrator.wire.flow import Absence, Provider, Step
from orchestrator.wire.http import FilePart, Form, Repeat, Request, Response
from orchestrator.wire.rules import STATUSES, Rule, failure_by
from orchestrator.wire.values import integer, mapping, text

# What went wrong means, in one table. What it does not know is an unknown outcome.
RULES = STATUSES | {(422, "torn"): Rule(Remedy.FAIL, Blame.DOCUMENT, "damaged_file")}


def press(job: Job, _: Progress) -> Request:
    """Hand it over under our own ticket: named, so a lost reply is looked up."""
    given = job.document.inputs[0]
    return Request(
        "POST",
        "/press",
        Repeat.NAMED,
        body=Form((FilePart("paper", given.name, given),)),
        query=(("ticket", job.id),),
        takes_file=True,
    )


def ask(job: Job, _: Progress) -> Request:
    """Ask for the ticket; a lookup and a download in one."""
    return Request("GET", f"/tickets/{job.id}", Repeat.SAFE, takes_file=True)


def on_pdf(job: Job, progress: Progress, response: Response) -> Progress:
    """The PDF is about to come, or a reason why not."""
    if response.status == 200:
        size = integer(response.headers.get("content-length"))
        result = Result("", f"/tickets/{job.id}", size=size, inline=True)
        return progress.at(Phase.FETCH, handle=job.id, results=(result,))
    error = mapping(mapping(response.json()).get("error"))
    code, message = text(error.get("code")), text(error.get("message"))
    return progress.failed(
        failure_by(RULES, response, code=code or None, message=message)
    )


def on_found(job: Job, progress: Progress, response: Response) -> Progress:
    """A lookup: taken over, or absent."""
    if response.status == 404:
        why = "there never was such a ticket"
        return progress.failed(Failure("absent", why, Blame.SERVICE, Remedy.ABSENT))
    found = on_pdf(job, progress, response)
    # What a lookup finds is fetched in a turn of its own.
    return replace(
        found, results=tuple(replace(each, inline=False) for each in found.results)
    )


def objection(document: Document) -> str | None:
    """Why a document cannot be done, or ``None``."""
    return None if document.target == "pdf" else "paperpress presses only PDF"


provider = Provider(
    name="paperpress",
    flows={
        Mode.SYNC: {
            Phase.SUBMIT: Step(press, on_pdf, find=Step(ask, on_found)),
            Phase.FETCH: Step(ask, on_pdf),
        },
    },
    auth=(("X-Press-Key", "{key}"),),
    absence=Absence.PROVES,
    settle=5.0,
    retention=3600.0,
    lacks={
        Mode.ASYNC: (Mode.SYNC, "paperpress answers at once"),
        Mode.PRESIGNED: (Mode.SYNC, "paperpress answers at once"),
    },
    operations=frozenset({Operation.CONVERT}),
    exactly_once=frozenset({Mode.SYNC}),
    objection=objection,
    base_url="https://paperpress.example",
)
