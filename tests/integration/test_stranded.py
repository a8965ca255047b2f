"""Jobs of an account that was taken out of the manifest: nobody forgets them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from orchestrator.batch import RunOptions, folder_of, load_manifest, opened
from orchestrator.batch.asking import ask
from orchestrator.batch.planning import plan_of
from orchestrator.cli.plan import plan_command
from orchestrator.cli.resolve import resolve_command
from orchestrator.cli.run import run_command
from orchestrator.cli.status import status_command
from orchestrator.cli.verify import verify_command
from orchestrator.clock import SystemClock
from orchestrator.errors import Exit, UsageError
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.model import Document, Job, Mode, Operation, Phase, Progress
from tests.integration.test_paid import Paid, run, serving

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
    for command in (run_command, status_command):
        seen = user.invoke(command, [str(manifest)], standalone_mode=False)
        assert said in seen.output
        assert seen.return_value == Exit.UNSETTLED
    told = json.loads(user.invoke(status_command, [str(manifest), "--json"]).output)
    left = {"account": "old", "jobs": 1, "documents": 1, "was": "", "now": None}
    assert told["stranded"] == [left]
    both = "providers: {old: {type: local}, new: {type: local}}"
    manifest.write_text(f"version: 1\n{both}\n{BODY}\n")
    again = user.invoke(status_command, [str(manifest)])
    assert "1 document" in again.output
    assert said not in again.output


class Silent(Paid):
    """It bills, and does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.end = asyncio.Event()

    async def convert(self, request: web.Request) -> web.Response:
        """Take a file, and keep quiet."""
        await request.read()
        self.bill["a"] += 1
        await self.end.wait()
        raise web.HTTPBadGateway


async def test_another_server_is_not_asked(tmp_path: Path) -> None:
    """What it does not know proves nothing: no request leaves for it."""
    manifest = str(tmp_path / "m.yaml")
    silent = Silent()
    async with serving(silent) as one, serving(Paid()) as two:
        task = asyncio.create_task(run(tmp_path, "convertapi", one.url, "good"))
        while one.bill["a"] < 3:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        silent.end.set()
        with pytest.raises(UsageError, match=f"3 jobs.*{one.url}.*{two.url}"):
            await run(tmp_path, "convertapi", two.url, "good")
        said = f"3 documents were left at {one.url} (convertapi)"
        user = CliRunner(env={"KEY": "good"})
        for command in (plan_command, status_command):
            assert said in user.invoke(command, [manifest]).output
        asking = (verify_command, [manifest, "--provider"])
        asked = await asyncio.to_thread(user.invoke, *asking)
        assert "asked about 0 of 3 unsettled jobs" in asked.output
        decided = user.invoke(resolve_command, [manifest, "--give-up", "--all"])
        assert "3 documents (3 open): given up" in decided.output
        assert await run(tmp_path, "convertapi", two.url, "good") == []
        assert (one.bill["a"], two.bill["a"]) == (3, 0)


async def left_at(folder: Path, *jobs: tuple[Job, Progress, float | None]) -> Path:
    """A batch that was run, and jobs that carry its documents again."""
    async with serving(Paid()) as paid:
        await run(folder, "convertapi", paid.url, "good")
    ledger = folder / "m.batch" / "ledger.sqlite"
    async with Store(ledger, SystemClock()) as store:
        for job, progress, intended in jobs:
            await store.intend(job, progress)
            if intended is None:
                await store.advance(job, progress)
    with closing(sqlite3.connect(ledger)) as db, db:
        for job, *_ in jobs:
            bound = (job.id, job.document.id)
            db.execute(
                "UPDATE document SET state = 'open', job = ? WHERE id = ?", bound
            )
    return folder / "m.yaml"


def job_for(name: str, number: int) -> Job:
    """A job for a document of that manifest."""
    sent = Document(name, Operation.CONVERT, "docx", "pdf", f"/out/{name}", "paid")
    return Job(f"{number:032x}", "paid", Mode.ASYNC, (sent,), 0.0)


async def test_the_same_service_may_have_moved(tmp_path: Path) -> None:
    """Its user says so, by a name that the manifest has."""
    manifest = await left_at(tmp_path, (job_for("a", 1), Progress(), 0.0))
    text = manifest.read_text()
    manifest.write_text(text.replace("http://127.0.0.1", "http://localhost"))
    loaded = load_manifest(manifest)
    for moved, why in (((), "left at http://127"), (("pad",), "no such account")):
        with (
            pytest.raises(UsageError, match=why),
            opened(loaded, options=RunOptions(moved=moved)),
        ):
            pass
    with opened(loaded, options=RunOptions(moved=("paid",))) as (batch, _):
        assert plan_of(batch, moved=("paid",)).stranded == []
        assert len(plan_of(batch).stranded) == 1


async def test_what_needs_no_question_is_not_mute(tmp_path: Path) -> None:
    """What is finished, and what was never sent; one that is to be deleted is done."""
    fetch, sign = Progress(Phase.FETCH, handle="h"), Progress()
    release = Progress(Phase.RELEASE, handle="h")
    jobs = [(job_for("a", 1), fetch, None), (job_for("b", 2), sign, None)]
    manifest = await left_at(tmp_path, *jobs, (job_for("c", 3), release, None))
    with closing(sqlite3.connect(tmp_path / "m.batch" / "ledger.sqlite")) as db, db:
        db.execute("UPDATE document SET account = 'renamed'")
    loaded = load_manifest(manifest)
    asked = await ask(
        loaded.settings,
        folder_of(manifest, None),
        environment={"KEY": "good"},
        clock=SystemClock(),
    )
    assert asked.answers == {"ready": 1, "unsent": 1}
