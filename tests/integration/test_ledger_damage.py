"""A ledger that is damaged ends the command, before anything is sent by it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import MachineError, UsageError
from orchestrator.ledger import opening
from orchestrator.ledger.opening import connect
from orchestrator.ledger.proof import Proof
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.testing import ManualClock
from tests.integration.test_paid import Paid, run, serving

PAGE = 4096


def emptied(ledger: Path) -> None:
    """As if it had just been made."""
    ledger.write_bytes(b"")


def halved(ledger: Path) -> None:
    """Cut in its middle."""
    ledger.write_bytes(ledger.read_bytes()[: ledger.stat().st_size // 2])


def shortened(ledger: Path) -> None:
    """Its last page is gone."""
    ledger.write_bytes(ledger.read_bytes()[:-PAGE])


def beheaded(ledger: Path) -> None:
    """Its first bytes are something else."""
    ledger.write_bytes(random.Random(1).randbytes(100) + ledger.read_bytes()[100:])


def overwritten(ledger: Path) -> None:
    """A page of the middle is something else."""
    content = bytearray(ledger.read_bytes())
    with closing(sqlite3.connect(ledger)) as db:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'document'"
        start = PAGE * (db.execute(query).fetchone()[0] - 1)
    content[start : start + PAGE] = random.Random(2).randbytes(PAGE)
    ledger.write_bytes(content)


def without_log(ledger: Path) -> None:
    """It is gone, and only its log was left."""
    ledger.rename(f"{ledger}-wal")


def gone(ledger: Path) -> None:
    """Only the note on how it was left tells that it was there."""
    ledger.unlink()


@pytest.mark.parametrize(
    "damage", [emptied, halved, shortened, beheaded, overwritten, without_log, gone]
)
async def test_a_damaged_ledger_sends_nothing(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    """The error names the ledger, and the bill stays what it was."""
    async with serving(Paid()) as paid:
        await run(tmp_path, "compdf", paid.url, "good")
        bill = dict(paid.bill)
        for output in (tmp_path / "out").iterdir():
            output.unlink()
        damage(tmp_path / "m.batch" / "ledger.sqlite")
        with pytest.raises(MachineError, match="ledger"):
            await run(tmp_path, "compdf", paid.url, "good")
        assert paid.bill == bill


@pytest.mark.parametrize("reader", [Stage, View, Proof])
def test_a_ledger_that_was_removed_is_missed(
    reader: Callable[[Path], object], tmp_path: Path
) -> None:
    """A plan does not take it for a new one, nor does who only looks."""
    ledger = tmp_path / "ledger.sqlite"
    with opening.leaving(ledger):
        connect(ledger).close()
    ledger.unlink()
    with pytest.raises(MachineError, match=r"gone, and ledger\.sqlite\.left tells"):
        reader(ledger)


def looks(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a ledger is looked through."""
    said: list[str] = []

    def traced(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
        found = connect(path, readonly=readonly)
        found.set_trace_callback(said.append)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(opening, "connect", traced)
        opening.check_sound(ledger)
    return any("quick_check" in each for each in said)


def copied(ledger: Path) -> None:
    """A copy was put back, with all its times."""
    shutil.copy2(ledger, f"{ledger}.copy")
    Path(f"{ledger}.copy").replace(ledger)


def written(ledger: Path) -> None:
    """Somebody wrote to it, and hid it."""
    times = (ledger.stat().st_atime_ns, ledger.stat().st_mtime_ns)
    with ledger.open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(first)
    os.utime(ledger, ns=times)


def killed(ledger: Path) -> None:
    """A log was left."""
    Path(f"{ledger}-wal").write_bytes(b"something")


async def writing(ledger: Path, store: Store, *, times: int) -> None:
    """Commit, and let every commit go from the log into the file."""
    store._connection.execute("PRAGMA wal_autocheckpoint=1")
    for n in range(times):
        before = ledger.stat().st_ctime_ns
        while ledger.stat().st_ctime_ns == before:
            await store.remember("n", str(n))


async def test_a_run_that_was_killed_leaves_a_ledger_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on disk while a run writes is what a kill would leave."""
    ledger = tmp_path / "ledger.sqlite"
    async with Store(ledger, ManualClock()) as store:
        await store.remember("n", "")
        assert looks(ledger, monkeypatch)  # nobody has said that it is sound
        store.vouch()
        for times in (0, 1, 3):
            await store.remember("n", "")
            await writing(ledger, store, times=times)
            assert Path(f"{ledger}-wal").stat().st_size
            assert not looks(ledger, monkeypatch)
        Path(f"{ledger}-wal").rename(f"{ledger}-away")
        assert looks(ledger, monkeypatch)
        Path(f"{ledger}-away").rename(f"{ledger}-wal")
        assert not looks(ledger, monkeypatch)


@pytest.mark.parametrize("later", [0, 2])
async def test_nobody_vouches_for_what_others_wrote(
    later: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when a run goes on to write to the file itself."""
    ledger = tmp_path / "ledger.sqlite"
    async with Store(ledger, ManualClock()) as store:
        store.vouch()
        await writing(ledger, store, times=2)
        written(ledger)
        await store.remember("n", "later")
        await writing(ledger, store, times=later)
        assert looks(ledger, monkeypatch)


@pytest.mark.parametrize("change", [copied, written, killed])
async def test_only_what_is_as_it_was_left_is_not_looked_through(
    change: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ended in good order spares the next one the time."""
    ledger = tmp_path / "m.batch" / "ledger.sqlite"
    async with serving(Paid()) as paid:
        for _ in range(2):
            await run(tmp_path, "compdf", paid.url, "good")
            assert not looks(ledger, monkeypatch)
    change(ledger)
    assert looks(ledger, monkeypatch)


@pytest.mark.parametrize("left", [b"", b"SQLite format 3\0", b"rubbish" * 999])
async def test_a_ledger_that_was_being_made_is_made_anew(
    left: bytes, tmp_path: Path
) -> None:
    """Killed before the first ledger was complete, the same command goes on."""
    folder = tmp_path / "m.batch"
    folder.mkdir()
    for end in ("", "-wal", "-shm"):
        (folder / f"ledger.sqlite.new{end}").write_bytes(left)
    async with serving(Paid()) as paid:
        verdicts = await run(tmp_path, "compdf", paid.url, "good")
    assert len(verdicts) == 3
    assert not list(folder.glob("*.new*"))


def test_a_ledger_has_its_name_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut at any moment of its making, there is all of it, or nothing."""
    path = tmp_path / "ledger.sqlite"

    def killed(_: Path, target: Path) -> None:
        assert not target.exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            connect(path)
    assert not path.exists()
    connect(path).close()
    assert path.exists()


def test_nobody_takes_a_ledger_that_is_gone_for_none(tmp_path: Path) -> None:
    """Neither who plans nor who asks how it stands; a new batch has no note."""
    path = tmp_path / "ledger.sqlite"
    with pytest.raises(UsageError, match="never run"):
        View(path)
    with Stage(path):
        pass
    path.with_name("ledger.sqlite.left").write_text("1 2 3 0")
    for each in (View, Proof, Stage):
        with pytest.raises(MachineError, match="it is gone, and"):
            each(path)
