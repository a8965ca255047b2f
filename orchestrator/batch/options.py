"""What a user may say about one run; the manifest says the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.batch.rehearsal import Rehearsal
from orchestrator.errors import UsageError
from orchestrator.ledger.retry import Retry
from orchestrator.model import State
from orchestrator.settings import HookSettings


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    Attributes:
        only: Ids or shell patterns of the documents to start; empty means all.
        limit: How many documents to start at most.
        overwrite: Whether outputs may replace files that this batch did not make.
        retries: States of documents that are asked for anew, and nothing else is sent:
            failed, missing or lost. What was sent before is carried on.
        code: Of failed ones, only those that failed with this code.
        log_file: Where every exchange is noted, a JSON line each.
        rehearsal: Where to rehearse instead of running.
        webhooks: Public address of webhooks; this and the two below win over the
            manifest.
        listen: ``HOST:PORT`` on which webhooks come in.
        inbox: Folder of a durable inbox.
        adopt: Whether changed documents that are paid for may be sent, and billed,
            again.
        refuse: Whether to refuse a manifest in which anything changed or went.
        moved: Accounts whose address is another one now, and which are the same service
            with the same jobs.
    """

    only: Sequence[str] = ()
    limit: int | None = None
    overwrite: bool = False
    retries: frozenset[State] = frozenset()
    code: str | None = None
    log_file: Path | None = None
    rehearsal: Rehearsal | None = None
    webhooks: str | None = None
    listen: str | None = None
    inbox: Path | None = None
    adopt: bool = False
    refuse: bool = False
    moved: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UsageError: what changed is both allowed and refused.
        """
        if self.adopt and self.refuse:
            raise UsageError("--adopt allows what --refuse refuses: say one of them")

    @property
    def retry(self) -> Retry | None:
        """What is asked for anew, if that is all that is meant."""
        return Retry(self.retries, self.code) if self.retries else None

    def hooks(self, said: HookSettings) -> HookSettings:
        """What the manifest says of webhooks, unless it was said for this run."""
        return replace(
            said,
            url=self.webhooks or said.url,
            listen=self.listen or said.listen,
            inbox=self.inbox.absolute() if self.inbox else said.inbox,
        )
