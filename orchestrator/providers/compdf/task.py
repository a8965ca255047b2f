"""Tasks of ComPDF in every shape that its documents show; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.model import Blame, Failure, Job, Remedy, Result
from orchestrator.providers.compdf.codes import failure_of_file
from orchestrator.providers.compdf.tools import place_in
from orchestrator.wire.values import number, records, text

LIFE = 86_400.0
"""Seconds for which a link lives at least: to the end of the next day."""


class Stand(StrEnum):
    """Where a task stands."""

    CREATED = "created"
    WORKING = "working"
    ENDED = "ended"
    OVERDUE = "overdue"
    CLOSED = "closed"
    EXPIRED = "expired"


_STANDS = {
    "taskstart": Stand.CREATED,
    "taskwaiting": Stand.WORKING,
    "taskprocessing": Stand.WORKING,
    "processing": Stand.WORKING,
    "taskfinish": Stand.ENDED,
    "completed": Stand.ENDED,
    "success": Stand.ENDED,
    "failed": Stand.ENDED,
    "taskerror": Stand.ENDED,
    "taskoverdue": Stand.OVERDUE,
    "expired": Stand.EXPIRED,
    "taskcancel": Stand.CLOSED,
}
"""Their words, in lower case; those of the AI pages and of older clients too."""


def is_unfinished(record: dict[str, Any]) -> bool:
    """Whether a record of the task list says, in a known word, that it is not done."""
    stand = _STANDS.get(text(record.get("taskStatus")).lower())
    return stand in (Stand.CREATED, Stand.WORKING)


def is_waiting(record: dict[str, Any]) -> bool:
    """Whether a record of the task list says that nobody has started it."""
    return _STANDS.get(text(record.get("taskStatus")).lower()) is Stand.CREATED


@dataclass(frozen=True, slots=True)
class Task:
    """A task, with one record for each of its files as far as it names them."""

    id: str
    stand: Stand
    files: Sequence[dict[str, Any]]
    cost: float | None = None


def is_named_after(job: Job, task: Task) -> bool:
    """Whether a file of the task has our name for one of the job."""
    names = (each.get(n) for each in task.files for n in ("fileName", "downFileName"))
    return any(f".{job.id}-" in each for each in names if isinstance(each, str))


def task_of(data: Any) -> Task | None:
    """A task out of a task object, a flat file object, both in one, or an array."""
    if isinstance(data, list):
        return _of_files("", None, records(data))
    if not isinstance(data, dict):
        return None
    files = records(data.get("fileInfoDTOList"))
    if not files and _is_file(data):
        files = [data]
    said = _STANDS.get(text(data.get("taskStatus")).lower())
    if "taskStatus" in data and said is None:
        # A word that nobody knows: the task is there, so it is asked for again.
        said = Stand.WORKING
    return _of_files(
        text(data.get("taskId")), said, files, number(data.get("taskCost"))
    )


def _of_files(
    id_: str,
    said: Stand | None,
    files: Sequence[dict[str, Any]],
    cost: float | None = None,
) -> Task | None:
    id_ = id_ or next((i for each in files if (i := text(each.get("taskId")))), "")
    stand = said or _stand_of(files) or (Stand.WORKING if id_ else None)
    return Task(id_, stand, files, cost) if stand else None


def _is_file(data: dict[str, Any]) -> bool:
    return bool(text(data.get("downloadUrl")) or text(data.get("fileKey")))


def _stand_of(files: Sequence[dict[str, Any]]) -> Stand | None:
    """Where a task stands that says so only by its files."""
    stands = {_stand_of_file(each) for each in files}
    if not stands:
        return None
    for first in (Stand.CREATED, Stand.WORKING, Stand.OVERDUE):
        if first in stands:
            return first
    return Stand.ENDED


def _stand_of_file(record: dict[str, Any]) -> Stand:
    ended = text(record.get("downloadUrl")) or text(record.get("failureCode"))
    said = _STANDS.get(text(record.get("status")).lower())
    return said or (Stand.ENDED if ended else Stand.WORKING)


# What came of it...


_PACKED = Failure(
    "packed",
    "its results are one ZIP, which is not unpacked here; the provider's console has "
    "it until the end of the next day",
    Blame.SERVICE,
    Remedy.FAIL,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results, and failures by document; ``strays`` are files of nobody's."""

    results: tuple[Result, ...]
    rejected: tuple[tuple[int, Failure], ...]
    strays: int


def outcome_of(job: Job, task: Task) -> Outcome:
    """What a task that has ended made of each document."""
    results: list[Result] = []
    rejected: dict[int, Failure] = {}
    strays = 0
    for each in task.files:
        place = place_in(job, each.get("fileName"), each.get("downFileName"))
        if place is None:
            strays += 1
        elif _is_packed(job, each, place):
            rejected[place] = _PACKED
        elif link := _link(each):
            results.append(_result(job, each, link, place))
        else:
            rejected.setdefault(place, failure_of_file(each))
    done = {each.document for each in results}
    for place in range(len(job.documents)):
        if place not in done:
            rejected.setdefault(place, _nothing())
    kept = tuple(sorted((i, f) for i, f in rejected.items() if i not in done))
    ordered = sorted(results, key=lambda each: each.document)
    return Outcome(tuple(ordered), kept, strays)


def _is_packed(job: Job, record: dict[str, Any], place: int) -> bool:
    name = text(record.get("downFileName")).lower()
    return name.endswith(".zip") and job.documents[place].target != "zip"


def _link(record: dict[str, Any]) -> str:
    if text(record.get("status")).lower() in ("failed", "fail", "error"):
        return ""
    return text(record.get("downloadUrl"))


def _result(job: Job, record: dict[str, Any], link: str, place: int) -> Result:
    name = text(record.get("downFileName")) or text(record.get("fileName"))
    return Result(name, link, document=place, expires=job.created + LIFE)


def _nothing() -> Failure:
    why = "the task ended without a result for it, and without a reason"
    return Failure("no_result", why, Blame.SERVICE, Remedy.FAIL)
