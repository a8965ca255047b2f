"""A proof is worth what it finds: real files, real ledgers, and every kind of harm."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.verify import Verified, verify
from orchestrator.errors import Exit, MachineError, UsageError
from orchestrator.ledger.proof import Deviation
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
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
from orchestrator.report.proof import proof_lines
from orchestrator.testing import ManualClock
from tests.model import document, job_of
from tests.paper import pdf

COUNT = 100
BAD = Failure("bad", "it is bad", Blame.DOCUMENT, Remedy.FAIL)


def named(folder: Path, n: int) -> Document:
    """A document with a real input and a real place for its output."""
    source = folder / f"{n}.txt"
    return document(
        f"d{n:03}",
        n=n,
        output=str(folder / "out" / f"{n}.pdf"),
        inputs=(Input(str(source), 5),),
    )


def made(folder: Path, n: int) -> Output:
    """An output on disk, unlike any other."""
    content = pdf(f"{n}")
    path = folder / "out" / f"{n}.pdf"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return Output(str(path), len(content), hashlib.sha256(content).hexdigest())


async def batch(folder: Path, count: int = COUNT) -> BatchFolder:
    """A batch that is done: ledger, inputs and outputs."""
    place = BatchFolder(folder / "m.batch")
    place.make()
    documents = [named(folder, n) for n in range(count)]
    with Stage(place.ledger) as stage:
        for each in documents:
            stage.add(each)
        stage.compare()
        stage.merge()
    async with Store(place.ledger, ManualClock()) as store:
        for n, each in enumerate(documents):
            source = Path(each.inputs[0].path)
            source.write_text(f"{n:05}")
            sent = hashlib.sha256(source.read_bytes()).hexdigest()
            store.hashed(each.inputs[0], sent)
            job = job_of(each, n)
            await store.intend(job, Progress())
            done = Verdict(each, State.DONE, (made(folder, n),))
            await store.settle(job, Progress(Phase.ENDED), [done])
    return place


def proved(
    place: BatchFolder, *, with_inputs: bool = False
) -> tuple[Verified, list[Deviation]]:
    """Verify, and keep what was told."""
    told: list[Deviation] = []
    return verify(place, told.append, with_inputs=with_inputs), told


def change(place: BatchFolder, sql: str, *values: object) -> None:
    """Do harm to a ledger."""
    with closing(sqlite3.connect(place.ledger)) as connection, connection:
        connection.execute(sql, values)


async def test_a_batch_that_is_well_is_proved(tmp_path: Path) -> None:
    """Done n, billed n, in doubt 0; and nothing was touched."""
    place = await batch(tmp_path)
    before = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*.pdf")}
    verified, told = proved(place, with_inputs=True)
    assert told == []
    assert verified.exit is Exit.DONE
    assert (verified.bill.done, verified.bill.billed, verified.bill.unknown) == (
        COUNT,
        COUNT,
        0,
    )
    assert (verified.files, verified.inputs) == (COUNT, COUNT)
    assert verified.bytes == sum(each.stat().st_size for each in before)
    assert {each: each.stat().st_mtime_ns for each in before} == before


def truncated(path: Path) -> None:
    """Cut its end off."""
    path.write_bytes(path.read_bytes()[:-50])


def flipped(path: Path) -> None:
    """Change one bit of it."""
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def removed(path: Path) -> None:
    """Take it away."""
    path.unlink()


def a_folder(path: Path) -> None:
    """Put a folder in its place."""
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    """Put a pipe in its place, which would block a reader."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (truncated, "output_size"),
        (flipped, "output_hash"),
        (removed, "output_gone"),
        (a_folder, "no_file"),
        (a_pipe, "no_file"),
    ],
)
async def test_every_harm_to_an_output_is_found(
    tmp_path: Path, harm: Callable[[Path], None], code: str
) -> None:
    """With the document and its path; the others are read all the same."""
    place = await batch(tmp_path)
    harm(tmp_path / "out" / "57.pdf")
    verified, (told,) = proved(place)
    assert (told.code, told.document) == (code, "d057")
    assert told.path == str(tmp_path / "out" / "57.pdf")
    assert verified.exit is Exit.UNSETTLED
    assert verified.files == COUNT


async def test_an_output_that_is_no_document_is_found(tmp_path: Path) -> None:
    """Also where size and hash are what was written down."""
    place = await batch(tmp_path, 3)
    page = b"<!doctype html><html>502</html>"
    (tmp_path / "out" / "1.pdf").write_bytes(page)
    output = f'[{{"path":"{tmp_path}/out/1.pdf","size":{len(page)},'
    output += f'"sha256":"{hashlib.sha256(page).hexdigest()}"}}]'
    change(place, "UPDATE document SET outputs = ? WHERE id = 'd001'", output)
    _, (told,) = proved(place)
    assert (told.code, told.document) == ("not_a_pdf", "d001")


async def test_a_shared_output_is_found(tmp_path: Path) -> None:
    """Two documents that have one file cannot both have theirs."""
    place = await batch(tmp_path, 5)
    same = "SELECT outputs FROM document WHERE id = 'd001'"
    change(place, f"UPDATE document SET outputs = ({same}) WHERE id = 'd003'")
    _, told = proved(place)
    assert [each.code for each in told] == ["shared_output"]
    assert "d003" in told[0].message
    assert told[0].document == "d001"


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        ("UPDATE document SET outputs = NULL WHERE id = 'd001'", "no_output"),
        ("UPDATE document SET job = 'x' WHERE id = 'd001'", "no_bill"),
        ("DELETE FROM event WHERE kind = 'done' AND document = 'd001'", "no_bill"),
        ("UPDATE job SET intended = 1 WHERE id LIKE '%1'", "done_in_doubt"),
        ("UPDATE document SET state = 'open' WHERE id = 'd001'", "stranded"),
        ("UPDATE document SET state = 'in_doubt' WHERE id = 'd001'", "no_intent"),
        ("UPDATE document SET state = 'failed' WHERE id = 'd001'", "no_reason"),
    ],
)
async def test_a_ledger_that_contradicts_itself_is_found(
    tmp_path: Path, harm: str, code: str
) -> None:
    """States, jobs and events have to tell the same story."""
    place = await batch(tmp_path, 3)
    change(place, harm)
    verified, told = proved(place)
    assert (told[0].code, told[0].document) == (code, "d001")
    assert verified.exit is Exit.UNSETTLED


async def test_a_document_that_two_jobs_did_is_found(tmp_path: Path) -> None:
    """Unless it was asked for twice: retried, changed, resubmitted."""
    place = await batch(tmp_path, 3)
    one = named(tmp_path, 1)
    change(place, "UPDATE document SET state = 'open', job = NULL WHERE id = 'd001'")
    async with Store(place.ledger, ManualClock()) as store:
        job = job_of(one, 77)
        await store.intend(job, Progress())
        done = Verdict(one, State.DONE, (made(tmp_path, 1),))
        await store.settle(job, Progress(Phase.ENDED), [done])
    verified, (told,) = proved(place)
    assert (told.code, told.document) == ("billed_twice", "d001")
    assert (verified.bill.billed, verified.bill.again) == (4, 1)
    change(place, "INSERT INTO event(at, kind, document) VALUES(1, 'changed', 'd001')")
    verified, told_now = proved(place)
    assert told_now == []
    assert verified.exit is Exit.DONE


async def test_what_was_refused_is_not_billed(tmp_path: Path) -> None:
    """An intent that was taken back is none; one without an outcome is counted."""
    place = await batch(tmp_path, 3)
    one, two, three = (named(tmp_path, n) for n in range(3))
    change(place, "DELETE FROM event")
    change(place, "UPDATE document SET state = 'open', job = NULL, outputs = NULL")
    async with Store(place.ledger, ManualClock()) as store:
        refused, doubted, accepted = (
            job_of(each, n) for n, each in enumerate((one, two, three), 90)
        )
        await store.intend(refused, Progress())
        await store.not_sent(refused, Progress(), "bad")
        failed = Verdict(one, State.FAILED, (), BAD)
        await store.settle(refused, Progress(Phase.ENDED), [failed])
        await store.intend(doubted, Progress())
        unclear = Verdict(two, State.IN_DOUBT, (), BAD)
        await store.settle(doubted, Progress(), [unclear])
        await store.intend(accepted, Progress())
        await store.advance(accepted, Progress(Phase.POLL))
        broken = Verdict(three, State.FAILED, (), replace(BAD, code="broken"))
        await store.settle(accepted, Progress(Phase.ENDED), [broken])
    verified, told = proved(place)
    assert told == []
    bill = verified.bill
    assert (bill.done, bill.billed, bill.wasted, bill.unknown) == (0, 0, 1, 1)
    assert verified.exit is Exit.UNSETTLED


def proof_of(verified: Verified) -> list[str]:
    """What is printed of the bill."""
    wrong = verified.deviations.total()
    return list(proof_lines(verified.states, wrong, **asdict(verified.bill)))


async def test_a_batch_that_is_not_finished_is_not_proved(tmp_path: Path) -> None:
    """Its line says what is open; exit 0 is for a batch whose inputs may go."""
    place = await batch(tmp_path, 3)
    change(place, "DELETE FROM event WHERE document = 'd001'")
    change(place, "UPDATE document SET state = 'open', job = NULL WHERE id = 'd001'")
    verified, told = proved(place)
    assert told == []
    assert proof_of(verified)[1] == "proof: done 2, billed 2, in doubt 0, open 1"
    assert verified.exit is Exit.SOME_FAILED


async def test_deviations_leave_no_proof(tmp_path: Path) -> None:
    """What is gone is not called done."""
    place = await batch(tmp_path, 3)
    removed(tmp_path / "out" / "1.pdf")
    verified, _ = proved(place)
    assert proof_of(verified)[1:] == ["no proof: 1 deviation"]


@pytest.mark.parametrize(
    ("state", "cost", "wasted", "paid"),
    [
        ("failed", "0", 0, 0),
        ("failed", "2", 1, 1),
        ("failed", "null", 1, 0),
        ("missing", "null", 1, 1),
    ],
)
async def test_what_was_charged_is_told_from_what_may_have_been(
    tmp_path: Path, state: str, cost: str, wasted: int, paid: int
) -> None:
    """A refusal that the provider says was free cost nothing; what was done did."""
    place = await batch(tmp_path, 3)
    gone = "DELETE FROM event WHERE kind = 'done' AND document = 'd001'"
    if state == "failed":
        change(place, gone)
    change(
        place,
        f"UPDATE job SET progress = json_set(progress, '$.cost', json('{cost}')) "
        "WHERE id = (SELECT job FROM document WHERE id = 'd001')",
    )
    change(
        place,
        "UPDATE document SET state = ?, failure = '{}' WHERE id = 'd001'",
        state,
    )
    verified, _ = proved(place)
    assert (verified.bill.wasted, verified.bill.paid) == (wasted, paid)
    assert verified.bill.billed == 2


async def test_changed_inputs_are_told_when_asked(tmp_path: Path) -> None:
    """What was sent is not what is there now."""
    place = await batch(tmp_path, 5)
    (tmp_path / "1.txt").write_text("other")
    (tmp_path / "2.txt").unlink()
    assert proved(place)[1] == []
    verified, told = proved(place, with_inputs=True)
    found = {(each.code, each.document) for each in told}
    assert found == {("input_changed", "d001"), ("input_gone", "d002")}
    assert verified.exit is Exit.UNSETTLED


async def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    """Exit 6; what such a ledger says is not repeated."""
    place = await batch(tmp_path)
    with closing(sqlite3.connect(place.ledger)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    assert pages > 20
    with place.ledger.open("r+b") as file:
        file.seek((pages // 2) * size)
        file.write(os.urandom(size))
    verified, told = proved(place)
    assert verified.damages
    assert verified.exit is Exit.MACHINE
    assert told == []


async def test_no_ledger_and_no_ledger_at_all(tmp_path: Path) -> None:
    """A batch that was never run is a usage error; a strange file is this machine's."""
    place = BatchFolder(tmp_path / "m.batch")
    with pytest.raises(UsageError):
        proved(place)
    place.make()
    place.ledger.write_bytes(b"not a database" * 500)
    with pytest.raises(MachineError):
        proved(place)
