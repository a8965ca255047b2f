"""The list of the newest tasks (``task/list``); performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.model import Failure
from orchestrator.providers.compdf.codes import data_of
from orchestrator.providers.compdf.task import is_unfinished
from orchestrator.wire.http import Response
from orchestrator.wire.values import mapping, records, text


def listed_by(response: Response) -> Sequence[dict[str, Any]] | Failure:
    """The records of a page, with the envelope of other replies or without."""
    data = data_of(response)
    page = mapping(response.json())
    if isinstance(data, Failure) and not (response.is_success and "records" in page):
        return data
    return records(page.get("records")) or records(mapping(data).get("records"))


def unfinished(response: Response) -> frozenset[str]:
    """The tasks that a page of the list calls unfinished; none if it is none."""
    listed = listed_by(response)
    if isinstance(listed, Failure):
        return frozenset()
    ids = (text(each.get("taskId")) for each in listed if is_unfinished(each))
    return frozenset(filter(None, ids))
