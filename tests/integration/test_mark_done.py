"""Outputs that the user has: looked at, put in place, and only then believed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.resolve import Selection, resolving
from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger.decide import Decision
from orchestrator.ledger.proof import Proof
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Operation,
    Output,
    Phase,
    Progress,
    Remedy,
    State,
    Verdict,
)
from orchestrator.testing import ManualClock
from tests.model import document, job_of
from tests.paper import pdf

DOUBT = Failure("reset", "the connection broke", Blame.NETWORK, Remedy.DOUBT)


def begun(folder: Path, *documents: Document) -> BatchFolder:
    """A batch of which nothing was sent yet."""
    place = BatchFolder(folder / "m.batch")
    place.make()
    with Stage(place.ledger) as stage:
        for each in documents:
            stage.add(each)
        stage.compare()
        stage.merge()
    return place


async def doubted(folder: Path, *documents: Document) -> BatchFolder:
    """A batch whose documents are in doubt."""
    place = begun(folder, *documents)
    async with Store(place.ledger, ManualClock()) as store:
        for number, each in enumerate(documents):
            job = job_of(each, number)
            await store.intend(job, Progress())
            verdict = Verdict(each, State.IN_DOUBT, (), DOUBT)
            await store.settle(job, Progress(), [verdict])
    return place


def mark(place: BatchFolder, *names: str, output: Path | None = None) -> None:
    """Mark documents done."""
    selection = Selection(names)
    with resolving(place, Decision.MARKED_DONE, selection, output=output) as (_, write):
        write()


def outputs(place: BatchFolder) -> dict[str, tuple[Output, ...]]:
    """What is on record for documents that are done."""
    with View(place.ledger) as view:
        return {row.document.id: row.outputs for row in view.rows(state=State.DONE)}


async def test_a_cut_between_file_and_ledger_is_mended_by_the_same_command(
    tmp_path: Path,
) -> None:
    """The file is in place, nobody believes it yet; again, and it is done."""
    one = document("one", output=str(tmp_path / "out" / "one.pdf"))
    place = await doubted(tmp_path, one)
    mine = tmp_path / "mine.pdf"
    mine.write_bytes(pdf("mine"))
    with resolving(place, Decision.MARKED_DONE, Selection(("one",)), output=mine) as (
        resolved,
        _,
    ):
        assert resolved.documents == 1
    assert Path(one.output).read_bytes() == mine.read_bytes()
    assert outputs(place) == {}
    mark(place, "one", output=mine)
    sha = hashlib.sha256(mine.read_bytes()).hexdigest()
    known = Output(one.output, mine.stat().st_size, sha)
    assert outputs(place) == {"one": (known,)}
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["one.pdf"]


async def test_several_files_of_one_document_are_all_put_on_record(
    tmp_path: Path,
) -> None:
    """Numbered from one, without a hole."""
    place = tmp_path / "p"
    place.mkdir()
    split = document(
        "s", operation=Operation.SPLIT, output=str(place / "{n:02}.pdf"), source="pdf"
    )
    batch = await doubted(tmp_path, split)
    with pytest.raises(UsageError, match=r"01\.pdf: No such file"):
        mark(batch, "s")
    for n in (1, 2, 4):
        (place / f"{n:02}.pdf").write_bytes(pdf(str(n)))
    mark(batch, "s")
    found = outputs(batch)["s"]
    assert [Path(each.path).name for each in found] == ["01.pdf", "02.pdf"]


async def test_what_is_wrong_is_told_of_all_and_nothing_is_decided(
    tmp_path: Path,
) -> None:
    """Absent, no document, a stranger's: each with its id."""
    few = [
        document(name, n=n, output=str(tmp_path / "out" / f"{name}.pdf"))
        for n, name in enumerate(("good", "page", "none"))
    ]
    place = await doubted(tmp_path, *few)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "good.pdf").write_bytes(pdf("good"))
    (tmp_path / "out" / "page.pdf").write_text("<!doctype html><html></html>")
    with pytest.raises(UsageError) as caught:
        mark(place)
    assert "'page'" in str(caught.value)
    assert "'none'" in str(caught.value)
    assert outputs(place) == {}
    mine = tmp_path / "mine.pdf"
    mine.write_bytes(pdf("mine"))
    with pytest.raises(UsageError, match="did not make"):
        mark(place, "good", output=mine)
    with pytest.raises(UsageError, match="one document; 3"):
        mark(place, output=mine)
    mark(place, "good")
    assert set(outputs(place)) == {"good"}


async def test_a_batch_that_is_held_is_left_alone(tmp_path: Path) -> None:
    """A run may just be asking for what would be decided."""
    place = await doubted(tmp_path, document("one"))
    with place.held(ManualClock()), pytest.raises(MachineError, match="is running"):
        mark(place, "one")


async def test_what_failed_here_and_was_made_elsewhere(tmp_path: Path) -> None:
    """By its id, or by its state; what a job may bring is none of it."""
    names = ("failed", "other", "open", "sent")
    few = [
        document(name, n=n, output=str(tmp_path / f"{name}.pdf"))
        for n, name in enumerate(names)
    ]
    place = begun(tmp_path, *few)
    async with Store(place.ledger, ManualClock()) as store:
        for number, each in enumerate(few[:2]):
            verdict = Verdict(each, State.FAILED, (), DOUBT)
            done = Progress(Phase.ENDED)
            await store.settle(job_of(each, number), done, [verdict])
        await store.intend(job_of(few[3], 9), Progress())
    for each in few:
        Path(each.output).write_bytes(pdf(each.id))
    with pytest.raises(UsageError, match="'sent' is open"):
        mark(place, "failed", "open", "sent")
    assert outputs(place) == {}
    mark(place)
    assert outputs(place) == {}, "all that need a decision do not include them"
    mark(place, "failed", "open")
    assert set(outputs(place)) == {"failed", "open"}
    selection = Selection((), frozenset({State.FAILED}), "reset")
    with resolving(place, Decision.MARKED_DONE, selection) as (_, write):
        write()
    assert set(outputs(place)) == {"failed", "open", "other"}
    with Proof(place.ledger) as proof:
        assert proof.bill().by_hand == 3
        assert list(proof.deviations()) == []
    with pytest.raises(UsageError, match="'sent' is open"):
        mark(place, "sent")
