"""ComPDF's events: what is told to whom, and when."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from orchestrator.service.dialects.compdf import seals, tasks
from orchestrator.service.dialects.compdf.tasks import DIALECT, Status, Task
from orchestrator.service.hooks import Voice
from orchestrator.service.jobs import Job, JobState
from orchestrator.service.links import Links
from orchestrator.service.outbox import Delivery, post
from orchestrator.service.rows import Ending

SENT = "%a %b %d %H:%M:%S GMT+00:00 %Y"


class Event(StrEnum):
    """What can happen."""

    TASK_START = "task.start"
    TASK_FINISH = "task.finish"
    TASK_OVERDUE = "task.overdue"
    FILE_START = "file.start"
    FILE_SUCCESS = "file.success"
    FILE_FAILED = "file.failed"


class Events:
    """Tells the address of a task, and the one of the whole instance."""

    def __init__(self, links: Links, webhook: str | None) -> None:
        self._links = links
        self._webhook = webhook or ""

    def voice(self) -> Voice:
        """How the end of a job is told."""
        return Voice(self._ended, self._headers)

    def post(
        self,
        db: sqlite3.Connection,
        task: Task,
        event: Event,
        *,
        about: str,
        now: float,
    ) -> None:
        """Put an event in the outbox, inside the change that it tells of."""
        for each in self._to(task, event, about, now):
            post(db, each)

    def _ended(
        self, db: sqlite3.Connection, job: Job, ending: Ending
    ) -> Sequence[Delivery]:
        task, now = tasks.find(db, tasks.task_id(job.id)), ending.finished
        is_done = ending.state is JobState.DONE
        event = Event.FILE_SUCCESS if is_done else Event.FILE_FAILED
        told = self._to(task, event, job.id, now)
        if task.status(now) is Status.FINISH:
            tasks.settle(db, task.id)
            told = [*told, *self._to(task, Event.TASK_FINISH, task.id, now)]
        return told

    def _to(
        self, task: Task, event: Event, about: str, now: float
    ) -> Sequence[Delivery]:
        urls = dict.fromkeys(each for each in (task.callback, self._webhook) if each)
        return [self._delivery(url, event, about, now) for url in urls]

    def _delivery(self, url: str, event: Event, about: str, now: float) -> Delivery:
        body = {
            "eventName": event,
            "webhookToken": seals.webhook_token(self._links, url),
            "sendTime": datetime.fromtimestamp(now, UTC).strftime(SENT),
            "eventObject": about,
        }
        message = f"compdf_{secrets.token_hex(16)}"
        text = msgspec.json.encode(body)
        return Delivery(message, url, text, due=now, dialect=DIALECT)

    def _headers(self, each: Delivery, _: datetime) -> Mapping[str, str]:
        return {"ComPDF-Signature": seals.webhook_token(self._links, each.url)}
