"""Manifest against ledger: what is new, changed, gone, back, and what comes of it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ledger.missing import mark_missing
from orchestrator.ledger.retry import Retry, reopen
from orchestrator.ledger.stage import Diff, Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Input,
    Output,
    Phase,
    Progress,
    Remedy,
    State,
    Verdict,
)
from orchestrator.testing import ManualClock
from tests import model
from tests.model import job_of

FAILED = Retry(frozenset({State.FAILED}))
MISSING = Retry(frozenset({State.MISSING}))
BAD = Failure("bad", "it is bad", Blame.DOCUMENT, Remedy.FAIL)


class Folder:
    """Files, a manifest that names them, and the ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = path / "ledger.sqlite"
        self.clock = ManualClock()
        self.jobs = 0

    def document(self, id_: str, text: str = "text", **changes: Any) -> Document:
        """A document whose input is there, as it is now."""
        source = self.path / f"{id_}.txt"
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        found = source.stat()
        given = Input(str(source), found.st_size, found.st_mtime_ns, found.st_ino)
        output = str(self.path / f"{id_}.pdf")
        return model.document(id_, inputs=(given,), output=output, **changes)

    def touch(self, id_: str) -> None:
        """Another time, the same bytes."""
        os.utime(self.path / f"{id_}.txt", ns=(1, 1))

    @contextmanager
    def compared(self, *documents: Document) -> Iterator[tuple[Stage, Diff]]:
        """Stage and compare."""
        with Stage(self.ledger) as stage:
            for n, each in enumerate(documents):
                stage.add(replace(each, n=n))
            yield stage, stage.compare()

    def merge(self, *documents: Document) -> Diff:
        """Stage, compare and merge."""
        with self.compared(*documents) as (stage, diff):
            stage.merge()
        return diff

    async def end(self, document: Document, state: State = State.DONE) -> None:
        """Carry a document to its end, as a run would."""
        async with Store(self.ledger, self.clock) as store:
            self.jobs += 1
            job = job_of(document, 1000 + self.jobs)
            await store.intend(job, Progress())
            for each in document.inputs:
                store.hashed(each, sha256(each.path))
            await store.settle(job, Progress(Phase.ENDED), [verdict(document, state)])

    def states(self) -> dict[str, State]:
        """Every document's state."""
        with View(self.ledger) as view:
            return {row.document.id: row.state for row in view.rows()}

    def open(self, retry: Retry | None = None) -> list[Document]:
        """Open documents that are in no job; or those that a retry asks for."""
        store = Store(self.ledger, self.clock)
        try:
            read = partial(store.open_documents, "a", large=False, after=None)
            return read(limit=100, retry=retry)
        finally:
            store._connection.close()
            store._reader.close()


def sha256(path: str) -> str:
    """Of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def verdict(document: Document, state: State) -> Verdict:
    """How a document ended."""
    if state is State.DONE:
        Path(document.output).write_text("pdf")
        return Verdict(document, state, (Output(document.output, 3, "0" * 64),))
    return Verdict(document, state, failure=BAD)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty batch."""
    return Folder(tmp_path)


def test_a_plan_writes_nothing(folder: Folder) -> None:
    """Comparing makes no ledger, and changes none."""
    with folder.compared(folder.document("a")) as (stage, diff):
        assert (diff.new, diff.documents) == (1, 1)
        assert [share.documents for share in stage.shares()] == [1]
    assert not folder.ledger.exists()
    folder.merge(folder.document("a"))
    before = folder.ledger.read_bytes()
    with folder.compared(folder.document("b")) as (_, diff):
        assert (diff.new, diff.gone) == (1, 1)
    assert folder.ledger.read_bytes() == before


async def test_what_is_done_stays_done(folder: Folder) -> None:
    """The same manifest again: nothing to do."""
    one = folder.document("a")
    assert folder.merge(one).new == 1
    await folder.end(folder.open()[0])
    with folder.compared(one) as (stage, diff):
        assert (diff.same, diff.new, diff.changed) == (1, 0, 0)
        assert diff.states == {"done": 1}
        assert stage.shares() == []
    folder.merge(one)
    assert folder.states() == {"a": State.DONE}


@pytest.mark.parametrize(
    "changes", [{"params": {"dpi": 300}}, {"target": "png"}, {"design": "x@2"}]
)
async def test_asked_for_differently_is_done_again(
    folder: Folder, changes: dict[str, Any]
) -> None:
    """And may replace its own output, which is known."""
    folder.merge(folder.document("a"))
    await folder.end(folder.open()[0])
    edited = folder.document("a", **changes)
    with folder.compared(edited) as (stage, _):
        assert stage.is_ours(edited)
    assert folder.merge(edited).changed == 1
    assert folder.open() == [replace(edited, overwrite=True)]
    assert folder.merge(edited).same == 1
    assert folder.open() == [replace(edited, overwrite=True)], "a kill changes nothing"
    await folder.end(folder.open()[0], State.FAILED)
    folder.merge(edited)
    assert folder.open(FAILED) == [replace(edited, overwrite=True)], "nor a failure"


async def test_another_output_is_not_ours(folder: Folder) -> None:
    """What lies at the new place is a stranger's, and is not replaced."""
    folder.merge(folder.document("a"))
    await folder.end(folder.open()[0])
    moved = replace(folder.document("a"), output=str(folder.path / "other.pdf"))
    with folder.compared(moved) as (stage, _):
        assert not stage.is_ours(moved)
    for _ in range(2):
        folder.merge(moved)
        assert folder.open() == [moved]


async def test_touched_with_the_same_bytes_is_the_same(folder: Folder) -> None:
    """The hash decides; what is done stays so."""
    folder.merge(folder.document("a"))
    await folder.end(folder.open()[0])
    folder.touch("a")
    diff = folder.merge(folder.document("a"))
    assert (diff.same, diff.changed) == (1, 0)
    assert folder.states() == {"a": State.DONE}


async def test_touched_with_other_bytes_is_done_again(folder: Folder) -> None:
    """Also where the size is the same."""
    folder.merge(folder.document("a", "text"))
    await folder.end(folder.open()[0])
    edited = folder.document("a", "tint")
    folder.touch("a")
    edited = folder.document("a", "tint")
    assert folder.merge(edited).changed == 1
    assert folder.open() == [replace(edited, overwrite=True)]


async def test_gone_is_not_done_and_comes_back(folder: Folder) -> None:
    """A document that left the manifest is no work; one that returns is."""
    one, two = folder.document("a"), folder.document("b")
    folder.merge(one, two)
    await folder.end(folder.open()[1], State.FAILED)
    assert folder.merge().gone == 2
    assert set(folder.states().values()) == {State.GONE}
    assert folder.open() == []
    folder.merge(one, two)
    assert set(folder.states().values()) == {State.OPEN}
    assert [each.id for each in folder.open()] == ["a", "b"]


async def test_a_done_document_that_left_stays_done(folder: Folder) -> None:
    """What is paid for is remembered."""
    folder.merge(folder.document("a"))
    await folder.end(folder.open()[0])
    folder.merge()
    assert folder.states() == {"a": State.DONE}


async def in_flight(folder: Folder, document: Document, progress: Progress) -> None:
    """A run that was killed when a job stood there."""
    async with Store(folder.ledger, folder.clock) as store:
        await store.intend(job_of(document), Progress())
        await store.advance(job_of(document), progress)


async def test_changed_in_flight_settles_first(folder: Folder) -> None:
    """The old one is paid for: it is carried to its end, then the new one is open."""
    old = folder.document("a")
    folder.merge(old)
    await in_flight(folder, old, Progress(Phase.POLL, handle="h"))
    new = folder.document("a", params={"dpi": 300})
    folder.merge(new)
    assert folder.open() == []
    async with Store(folder.ledger, folder.clock) as store:
        ((job, _, _),) = store.open_jobs("a")
        assert job.document == old
        released = Progress(Phase.RELEASE)
        await store.settle(job, released, [verdict(old, State.DONE)])
        await store.advance(job, Progress(Phase.ENDED))
    assert folder.open() == [replace(new, overwrite=True)]
    folder.merge(new)
    assert folder.open() == [replace(new, overwrite=True)]


@pytest.mark.parametrize("changes", [{"provider": "b"}, {"text": "edited"}])
async def test_an_edit_that_is_undone_is_not_done_again(
    folder: Folder, changes: dict[str, str]
) -> None:
    """Whatever was adopted meanwhile: the job has what is asked for now."""
    folder.merge(folder.document("a"))
    (old,) = folder.open()
    await in_flight(folder, old, Progress(Phase.POLL, handle="h"))
    async with Store(folder.ledger, folder.clock) as store:
        store.hashed(old.inputs[0], sha256(old.inputs[0].path))
    assert folder.merge(folder.document("a", **changes)).changed == 1
    with folder.compared(folder.document("a")) as (stage, diff):
        assert (diff.changed, diff.same, diff.states) == (0, 1, {"open": 1})
        assert stage.again(()) == (0, [])
        assert [fate for *_, fate in stage.documents()] == ["back"]
        stage.merge()
    async with Store(folder.ledger, folder.clock) as store:
        ((job, _, _),) = store.open_jobs("a")
        assert not job.unwanted
        await store.settle(job, Progress(Phase.ENDED), [verdict(old, State.DONE)])
    assert folder.states() == {"a": State.DONE}
    assert folder.merge(folder.document("a")).changed == 0


async def test_an_edit_that_stays_is_not_undone(folder: Folder) -> None:
    """The edited one, as it was adopted, is due once its job has ended."""
    folder.merge(folder.document("a"))
    await in_flight(folder, folder.open()[0], Progress(Phase.POLL, handle="h"))
    new = folder.document("a", provider="b")
    folder.merge(new)
    assert folder.merge(new).same == 1
    async with Store(folder.ledger, folder.clock) as store:
        ((job, _, _),) = store.open_jobs("a")
        assert job.unwanted


async def test_changed_while_only_its_deletion_is_due(folder: Folder) -> None:
    """A job whose document is done holds nothing up."""
    old = folder.document("a")
    folder.merge(old)
    async with Store(folder.ledger, folder.clock) as store:
        await store.intend(job_of(old), Progress())
        released = Progress(Phase.RELEASE)
        await store.settle(job_of(old), released, [verdict(old, State.DONE)])
    new = folder.document("a", params={"dpi": 300})
    folder.merge(new)
    async with Store(folder.ledger, folder.clock) as store:
        ((job, progress, _),) = store.open_jobs("a")
        assert progress.phase is Phase.RELEASE
        await store.advance(job, Progress(Phase.ENDED))
    assert folder.open() == [replace(new, overwrite=True)]


@pytest.mark.parametrize("is_gone", [True, False])
async def test_what_was_never_sent_is_not_sent_for_nothing(
    folder: Folder, *, is_gone: bool
) -> None:
    """An intent that was taken back for a document that nobody wants so any more."""
    old = folder.document("a")
    folder.merge(old)
    async with Store(folder.ledger, folder.clock) as store:
        await store.intend(job_of(old), Progress())
        await store.not_sent(job_of(old), Progress(), "cancelled")
    new = folder.document("a", params={"dpi": 300})
    folder.merge(*(() if is_gone else (new,)))
    async with Store(folder.ledger, folder.clock) as store:
        assert store.open_jobs("a") == []
    assert folder.open() == ([] if is_gone else [new])


async def test_what_may_be_billed_is_looked_up_though_it_left(folder: Folder) -> None:
    """A document that left the manifest with an intent is settled, not forgotten."""
    old = folder.document("a")
    folder.merge(old)
    async with Store(folder.ledger, folder.clock) as store:
        await store.intend(job_of(old), Progress())
    folder.merge()
    async with Store(folder.ledger, folder.clock) as store:
        assert len(store.open_jobs("a")) == 1


async def test_held_by_a_stranger_then_changed(folder: Folder) -> None:
    """A failed document whose paid result waits is simply done again when edited."""
    old = folder.document("a")
    folder.merge(old)
    async with Store(folder.ledger, folder.clock) as store:
        await store.intend(job_of(old), Progress())
        held = Progress(Phase.FETCH)
        await store.settle(job_of(old), held, [verdict(old, State.FAILED)])
    folder.merge(old)
    assert folder.states() == {"a": State.FAILED}
    new = folder.document("a", params={"dpi": 300})
    folder.merge(new)
    assert folder.open() == [new]


async def test_retry_keeps_a_result_that_can_be_fetched(folder: Folder) -> None:
    """Only what was paid and could not be saved goes on; the rest is new work."""
    one, two = folder.document("a"), folder.document("b")
    folder.merge(one, two)
    async with Store(folder.ledger, folder.clock) as store:
        for number, (each, phase) in enumerate(
            ((one, Phase.FETCH), (two, Phase.ENDED)), 1
        ):
            job = job_of(each, number)
            await store.intend(job, Progress())
            await store.settle(job, Progress(phase), [verdict(each, State.FAILED)])
    assert reopen(folder.ledger, replace(FAILED, code="other")) == 0
    assert folder.open(replace(FAILED, code="other")) == []
    assert reopen(folder.ledger, replace(FAILED, code="bad")) == 1
    assert [each.id for each in folder.open(replace(FAILED, code="bad"))] == ["b"]
    assert folder.open() == []
    async with Store(folder.ledger, folder.clock) as store:
        assert [job.document.id for job, _, _ in store.open_jobs("a")] == ["a"]


async def test_outputs_that_left_are_missing_and_not_done_again(
    folder: Folder,
) -> None:
    """They are listed; the user decides."""
    one, two = folder.document("a"), folder.document("b")
    folder.merge(one, two)
    for each in folder.open():
        await folder.end(each)
    os.unlink(one.output)  # noqa: PTH108  # a path as the ledger has it
    assert mark_missing(folder.ledger) == 1
    folder.merge(one, two)
    assert folder.states() == {"a": State.MISSING, "b": State.DONE}
    assert folder.open() == []
    Path(two.output).write_text("more than it was")
    assert mark_missing(folder.ledger) == 1
    with View(folder.ledger) as view:
        told = {each.code: each.failure for each in view.reasons()}
    assert set(told) == {"output_gone", "output_size"}
    assert all(each and each.code == code for code, each in told.items())


async def test_what_is_left_of_our_outputs_may_be_replaced(folder: Folder) -> None:
    """By a retry of what is missing; not what somebody changed meanwhile."""
    gone, changed = folder.document("a"), folder.document("b")
    folder.merge(gone, changed)
    for each in folder.open():
        await folder.end(each)
    Path(gone.output).unlink()
    Path(changed.output).write_text("signed by hand")
    assert mark_missing(folder.ledger) == 2
    assert reopen(folder.ledger, MISSING) == 0
    may = {each.id: each.overwrite for each in folder.open(MISSING)}
    assert may == {"a": True, "b": False}


async def test_outputs_that_are_back_are_done_again(folder: Folder) -> None:
    """A disk that was not there for one run: nothing is missing once it is back."""
    one = folder.document("a")
    folder.merge(one)
    await folder.end(one)
    away = Path(one.output).rename(folder.path / "away")
    assert mark_missing(folder.ledger) == 1
    assert mark_missing(folder.ledger) == 0
    away.rename(one.output)
    assert mark_missing(folder.ledger) == 0
    assert folder.states() == {"a": State.DONE}
    with View(folder.ledger) as view:
        assert [each.failure for each in view.rows()] == [None]


async def test_a_plan_that_grew_old_asks_for_nothing_again(folder: Folder) -> None:
    """Another run may end between the comparison and the merge."""
    before, after = folder.document("a"), folder.document("a", params={"x": 1})
    folder.merge(before)
    await folder.end(before)
    with folder.compared(after, folder.document("b")) as (stage, diff):
        assert (diff.changed, diff.new) == (1, 1)
        folder.merge(after, folder.document("b"))
        for each in folder.open():
            await folder.end(each)
        stage.merge()
    assert folder.states() == {"a": State.DONE, "b": State.DONE}
    assert folder.open() == []


def test_names_that_mean_no_document(folder: Folder) -> None:
    """Ids and patterns, against the manifest and not the ledger."""
    folder.merge(folder.document("gone"))
    with folder.compared(folder.document("a[1]"), folder.document("b")) as (stage, _):
        assert stage.unknown(["a[1]", "?", "*"]) == []
        assert stage.unknown(["gone", "b", "B", "a?", "B"]) == ["gone", "B", "a?"]
        assert stage.unknown([]) == []


def test_flags_and_order_follow_the_manifest(folder: Folder) -> None:
    """Priority, place, mode and the leave to overwrite are those of the last one."""
    one, two = folder.document("a"), folder.document("b")
    folder.merge(one, two)
    first = replace(two, priority=5, overwrite=True, reason="because")
    assert folder.merge(one, first).same == 2
    assert folder.open() == [replace(first, n=1), replace(one, n=0)]


_MANY = """
import resource, sys
from pathlib import Path
from orchestrator.ledger.stage import Stage
from tests.model import document

def stage(path, count):
    with Stage(path) as staged:
        for n in range(count):
            staged.add(document(f"d{n:07}", n=n, params={"text": "x" * 200}))
        diff = staged.compare()
        assert diff.documents == count
        sum(1 for _ in staged.documents())
        staged.merge()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

few = stage(Path(sys.argv[1]) / "few.sqlite", 2_000)
many = stage(Path(sys.argv[1]) / "many.sqlite", 100_000)
print(few, many)
"""


@pytest.mark.timeout(120)
def test_a_hundred_thousand_documents_need_no_more_memory(tmp_path: Path) -> None:
    """What is staged spills to disk; only SQLite's own cache grows a little."""
    ended = subprocess.run(
        [sys.executable, "-c", _MANY, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    few, many = map(int, ended.stdout.split())
    assert many - few < 40_000, f"{few} kB and {many} kB"


async def test_what_left_is_listed_with_its_state(folder: Folder) -> None:
    """Also what stays done; what left before is known to have left."""
    one, two = folder.document("one"), folder.document("two")
    folder.merge(one, two)
    await folder.end(one, State.DONE)
    with folder.compared(folder.document("new")) as (stage, diff):
        left = [(each.id, state, fate) for each, state, fate in stage.gone()]
        assert left == [("one", State.DONE, "gone"), ("two", State.OPEN, "gone")]
        assert diff.gone == len(left)
    folder.merge(folder.document("new"))
    with folder.compared(folder.document("new")) as (stage, _):
        assert [each.id for each, _, _ in stage.gone()] == ["one"]


async def test_why_a_document_is_done_again_is_on_record(folder: Folder) -> None:
    """Changed, retried, or back: a second bill is explained."""
    one = folder.document("one")
    folder.merge(one)
    await folder.end(one, State.FAILED)
    await folder.end(one, State.FAILED)
    folder.merge(folder.document("one", "another text"))
    await folder.end(one, State.FAILED)
    folder.merge()
    folder.merge(folder.document("one", "another text"))
    with closing(sqlite3.connect(folder.ledger)) as connection:
        rows = connection.execute(
            "SELECT kind, document, detail FROM event WHERE kind <> 'failed' "
            "AND kind <> 'intent' AND kind <> 'advance' ORDER BY key"
        ).fetchall()
    assert rows == [
        ("reopened", "one", "failed"),
        ("changed", "one", "failed"),
        ("reopened", "one", "gone"),
    ]
