"""Ids and paths of ConvertAPI, in both generations of its paths; performs no I/O.

The second generation takes job ids of 32 characters below ``/async/``, the first takes
UUIDs; so the form of a job's handle tells where it lives.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote
from uuid import UUID

from orchestrator.model import Document, Job, Mode, Operation, Progress

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def uuid_of(job: Job) -> str:
    """Our own id as the UUID that the first generation asks for."""
    return str(UUID(job.id, version=4))


def name_of(job: Job, progress: Progress) -> str:
    """What the job is called at the API; known before it is sent."""
    return progress.handle or (uuid_of(job) if job.mode is Mode.SYNC else job.id)


def is_ours(job: Job, name: str) -> bool:
    """Whether the API goes by our own id, and not by one that it made."""
    return name in (job.id, uuid_of(job))


def is_first(name: str) -> bool:
    """Whether a job lives at the paths of the first generation."""
    return "-" in name


def job_path(name: str) -> str:
    """Where a job is asked for, and deleted."""
    return f"/job/{name}" if is_first(name) else f"/async/job/{name}"


def said_id(value: object) -> str:
    """A job's or file's id out of a reply, if it can be one."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def file_id(job: Job, place: int) -> str:
    """Our own id of an uploaded input: nobody guesses it, and a resume knows it."""
    return hashlib.sha256(f"{job.id}/{place}".encode()).hexdigest()[:32]


def converter(document: Document) -> str:
    """The converter's path: formats, or a verb as the target."""
    source, target = document.source, document.target
    if document.operation is not Operation.CONVERT:
        target = str(document.operation)
    elif target == "zip":
        source = "any"
    return f"{quote(source, safe='')}/to/{quote(target, safe='')}"


def takes_many(document: Document) -> bool:
    """Whether the converter takes a list of files."""
    return document.operation is Operation.MERGE or document.target == "zip"
