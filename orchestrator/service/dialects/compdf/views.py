"""Tasks, files and pages as ComPDF shows them; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from orchestrator.service.dialects.compdf import codes, seals
from orchestrator.service.dialects.compdf.counter import OPTIONS
from orchestrator.service.dialects.compdf.tasks import Status, Task, has_begun
from orchestrator.service.jobs import Job, JobState
from orchestrator.service.links import Links

STAMP = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Shows things to one caller, with links that work for that caller.

    Attributes:
        links: What signs them.
        origin: Scheme, host and port by which the caller came.
        now: Seconds since the epoch.
    """

    links: Links
    origin: str
    now: float

    def task(self, task: Task) -> dict[str, Any]:
        """A task with its files; all keys are there in every state."""
        return {
            **self._head(task),
            "fileInfoDTOList": [self.file(task, each) for each in task.files],
        }

    def superset(self, task: Task) -> dict[str, Any]:
        """A task that is at the same time its first file, for either reading."""
        whole = self.task(task)
        files = whole["fileInfoDTOList"]
        return {**(files[0] if files else {}), **whole}

    def file(self, task: Task, file: Job) -> dict[str, Any]:
        """A file of a task."""
        result = file.results[0] if file.results else None
        options = file.order.extra.get(OPTIONS)
        code, reason = file.error or ("", "")
        failure = codes.failure(code, file.order.source) if code else ""
        return {
            "fileKey": file.id,
            "taskId": task.id,
            "fileName": file.inputs[0].name if file.inputs else "",
            "downFileName": result.name if result else "",
            "fileUrl": "",
            "downloadUrl": self._download(file) if result else "",
            "sourceType": task.tool.source,
            "targetType": task.tool.target,
            "fileSize": sum(each.size or 0 for each in file.inputs),
            "convertSize": result.size if result else 0,
            "convertTime": _span(file, 1000),
            "status": _status(file),
            "failureCode": failure,
            "failureReason": reason,
            "fileParameter": msgspec.json.encode(options).decode() if options else "",
        }

    def page(
        self, tasks: Sequence[Task], *, page: int, size: int, total: int
    ) -> dict[str, Any]:
        """A page of the list of tasks."""
        return {
            "records": [self._record(each) for each in tasks],
            "total": total,
            "size": size,
            "current": page,
            "pages": -(-total // size),
            "orders": [],
            "optimizeCountSql": True,
            "searchCount": True,
            "countId": None,
            "maxLimit": None,
        }

    def upload(self, key: str, life: float) -> str:
        """A link to which the bytes of a file are PUT; life in seconds."""
        path = seals.link(self.links, seals.PUT, key, self.now + life)
        return self.origin + path

    def _download(self, file: Job) -> str:
        expires = file.expires or self.now
        return self.origin + seals.link(self.links, seals.GET, file.id, expires)

    def _head(self, task: Task) -> dict[str, Any]:
        states = [_status(each) for each in task.files]
        begun = [each for each in task.files if has_begun(each)]
        return {
            "taskId": task.id,
            "taskFileNum": len(task.files),
            "taskSuccessNum": states.count("success"),
            "taskFailNum": states.count("failed"),
            "taskStatus": task.status(self.now),
            "assetTypeId": 0,
            "taskCost": len(begun),
            "taskTime": max((_span(each, 1) for each in begun), default=0),
            "sourceType": task.tool.source,
            "targetType": task.tool.target,
            "callbackUrl": task.callback,
        }

    def _record(self, task: Task) -> dict[str, Any]:
        ends = [each.finished for each in task.files if each.finished is not None]
        is_done = task.status(self.now) is Status.FINISH
        return {
            **self._head(task),
            "id": task.id,
            "taskUrl": "",
            "taskLoadUrl": "",
            "server": "",
            "tenantId": "",
            "createdBy": "",
            "updatedBy": "",
            "creationTime": _stamp(task.created),
            "updateTime": _stamp(max(ends) if ends and is_done else task.created),
        }


def _status(file: Job) -> str:
    if file.state is JobState.FAILED:
        return "failed"
    return "success" if file.results else "processing"


def _span(file: Job, scale: int) -> int:
    """How long a file was worked on, in whole parts of a second."""
    if file.started is None or file.finished is None:
        return 0
    return round((file.finished - file.started) * scale)


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime(STAMP)
