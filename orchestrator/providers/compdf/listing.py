"""The list of the newest tasks (``task/list``); performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.model import Failure
from orchestrator.providers.compdf.codes import data_of
from orchestrator.providers.compdf.task import is_unfinished, is_waiting
from orchestrator.wire.http import Response
from orchestrator.wire.values import mapping, number, records, text

MOST_SUSPECTS = 100
"""Tasks that are asked about one lost reply."""


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


def suspects_in(listed: Sequence[dict[str, Any]], *, files: int) -> tuple[str, ...]:
    """Tasks that may be about so many files of ours, in the order of the list.

    Not those that wait for their start, since a direct upload has none, nor those of a
    callback: its address shows whose they are.
    """
    ids = (text(each.get("taskId")) for each in listed if _may_be(each, files))
    return tuple(dict.fromkeys(filter(None, ids)))[:MOST_SUSPECTS]


def _may_be(record: dict[str, Any], files: int) -> bool:
    has_other_files = number(record.get("taskFileNum")) not in (None, files)
    is_of_callback = bool(text(record.get("callbackUrl")))
    return not (has_other_files or is_of_callback or is_waiting(record))
