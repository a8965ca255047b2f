"""What a user may say about one run; the manifest says the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.batch.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    Attributes:
        only: Ids or shell patterns of the documents to start; empty means all.
        limit: How many documents to start at most.
        overwrite: Whether outputs may replace files that this batch did not make.
        retries_failed: Whether failed documents are opened again first.
        code: Only those that failed with this code.
        log_file: Where every exchange is noted, a JSON line each.
        rehearsal: Where to rehearse instead of running.
    """

    only: Sequence[str] = ()
    limit: int | None = None
    overwrite: bool = False
    retries_failed: bool = False
    code: str | None = None
    log_file: Path | None = None
    rehearsal: Rehearsal | None = None
