"""Jobs of an account that was taken out of the manifest: nobody forgets them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner

from orchestrator.cli.run import run_command
from orchestrator.cli.status import status_command
from orchestrator.clock import SystemClock
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.model import Document, Job, Mode, Operation, Progress

BODY = "documents: [{id: a, input: a.txt, to: pdf, provider: new}]"


async def leave(ledger: Path, sent: Document) -> None:
    """What a run leaves that was killed while a request was on its way."""
    with Stage(ledger) as stage:
        stage.add(sent)
        stage.compare()
        stage.merge()
    async with Store(ledger, SystemClock()) as store:
        await store.intend(Job("0" * 32, "old", Mode.SYNC, (sent,), 0.0), Progress())


def test_jobs_of_a_removed_account_are_told(tmp_path: Path) -> None:
    """By a run, and by status; with the account back, nothing is said."""
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "m.batch").mkdir()
    output = str(tmp_path / "out" / "a.pdf")
    sent = Document("a", Operation.CONVERT, "txt", "pdf", output, "old")
    asyncio.run(leave(tmp_path / "m.batch" / "ledger.sqlite", sent))
    manifest = tmp_path / "m.yaml"
    manifest.write_text(f"version: 1\nproviders: {{new: {{type: local}}}}\n{BODY}\n")
    said = "account old is not in the manifest any more, and 1 job of 1 document"
    user = CliRunner()
    assert said in user.invoke(run_command, [str(manifest)]).output
    assert said in user.invoke(status_command, [str(manifest)]).output
    told = json.loads(user.invoke(status_command, [str(manifest), "--json"]).output)
    left = {"account": "old", "jobs": 1, "documents": 1, "was": "", "now": None}
    assert told["stranded"] == [left]
    both = "providers: {old: {type: local}, new: {type: local}}"
    manifest.write_text(f"version: 1\n{both}\n{BODY}\n")
    again = user.invoke(status_command, [str(manifest)])
    assert "1 document" in again.output
    assert said not in again.output
