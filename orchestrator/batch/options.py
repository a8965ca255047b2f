"""What a user may say about one run; the manifest says the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    Attributes:
        only: Ids or shell patterns of the documents to start; empty means all.
        limit: How many documents to start at most.
        log_file: Where every exchange is noted, a JSON line each.
        webhooks: Whether services may tell that a job is finished.
    """

    only: Sequence[str] = ()
    limit: int | None = None
    log_file: Path | None = None
    webhooks: bool = True
