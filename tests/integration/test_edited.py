"""A document that was edited while its job was in flight."""

from __future__ import annotations

from pathlib import Path

from orchestrator.clock import SystemClock
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.model import (
    Document,
    Job,
    Mode,
    Operation,
    Phase,
    Progress,
    State,
    Verdict,
)


def document(target: str) -> Document:
    """One that is asked for as this format."""
    return Document("a", Operation.CONVERT, "txt", target, "/out/a", "local")


def merge(ledger: Path, wanted: Document) -> None:
    """Take over a manifest of one document."""
    with Stage(ledger) as stage:
        stage.add(wanted)
        stage.compare()
        stage.merge()


async def test_an_edited_document_is_open_when_its_old_job_has_ended(
    tmp_path: Path,
) -> None:
    """The release of the old job does not take it out of the queue again."""
    ledger = tmp_path / "ledger.sqlite"
    old = document("pdf")
    merge(ledger, old)
    job = Job("0" * 32, "local", Mode.SYNC, (old,), 0.0)
    async with Store(ledger, SystemClock()) as store:
        await store.intend(job, Progress())
    merge(ledger, document("png"))
    async with Store(ledger, SystemClock()) as store:
        release = Progress(phase=Phase.RELEASE)
        await store.settle(job, release, [Verdict(old, State.DONE)])
        await store.advance(job, release.at(Phase.ENDED))
        page = store.open_documents("local", large=False, after=None, limit=9)
    assert [each.target for each in page] == ["png"]
