"""The body of the webhook: one for each request, when its last file has ended."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from orchestrator.service.dialects.reportflow import filed
from orchestrator.service.hooks import Find
from orchestrator.service.jobs import Job, JobState
from orchestrator.service.rows import Ending


def announce(job: Job, ending: Ending, find: Find) -> bytes | None:
    """Tell of the files that were made, once none is still to be made.

    The API has no event for failures: where no file was made there is none at all.
    """
    about = filed.of(job.order.extra)
    if about is None:
        return None
    files: list[filed.Filed | None] = []
    # Backwards, because files are made in order: the first look mostly settles it.
    for n in reversed(range(about.count)):
        each = find(filed.job_id(about.request, n))
        if each is not None and not each.state.is_ended:
            return None
        if each is not None and each.state is JobState.DONE:
            files.insert(0, filed.of(each.order.extra))
    if not files:
        return None
    when = datetime.fromtimestamp(ending.finished, UTC)
    return msgspec.json.encode(
        {
            "event": "file.completed",
            "timestamp": f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z",
            "workspaceId": filed.WORKSPACE,
            "requestId": about.request,
            "designId": about.design,
            "version": about.version,
            "files": [each.announced() for each in files if each],
        }
    )
