"""The ledger's files as a power loss leaves them.

SQLite promises with ``synchronous=FULL`` that all whose commit has returned is there,
and that what comes after it in the write-ahead log does no harm. So the log of a run is
cut at every place between two commits: the ledger has to be what it was at the first.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.crashing.cases import Case
from benchmarks.crashing.knife import Knife
from benchmarks.crashing.world import World
from orchestrator.clock import SystemClock
from orchestrator.ledger.opening import check_sound
from orchestrator.ledger.store import Store

HEADER = 32
FRAME = 24 + 4096
_TABLES = ("document", "job", "job_document", "event", "account")


@dataclass(frozen=True, slots=True)
class Shot:
    """The ledger's files after a commit, and all that it says then."""

    main: bytes
    log: bytes
    rows: str


class Camera(Knife):
    """Takes a picture of the ledger at each effect, and never cuts."""

    def __init__(self, room: Path) -> None:
        super().__init__()
        self.ledger = Path()
        self.shots: list[Shot] = []
        self._room = room

    def __call__(self, effect: str) -> None:
        """Hear an effect, and keep what the files are now."""
        super().__call__(effect)
        main = self.ledger.read_bytes()
        log = Path(f"{self.ledger}-wal").read_bytes()
        if not self.shots or self.shots[-1].log != log:
            rows = rows_of(put(self._room / "look", main, log))
            self.shots.append(Shot(main, log, rows))


@dataclass
class Cuts:
    """How many states of the files were tried, and which were not as they should."""

    tried: int = 0
    faults: list[str] = field(default_factory=list)


async def sweep_log(case: Case, folder: Path) -> Cuts:
    """Run a case, and cut the log of its ledger at each place between two commits."""
    world, camera = World(case, folder / "run"), Camera(folder)
    camera.ledger = world.ledger
    await world.run(camera)
    cuts = Cuts()
    for before, after in zip(camera.shots, camera.shots[1:], strict=False):
        if before.main != after.main or not after.log.startswith(before.log):
            cuts.faults.append("a checkpoint came between two commits")
            continue
        for end in _ends(len(before.log), len(after.log)):
            path = put(folder / "cut", after.main, after.log[:end])
            _compare(cuts, path, before, f"log of {len(after.log)} cut at {end}")
        torn = before.log + bytes(range(256)) * 40
        path = put(folder / "cut", before.main, torn)
        _compare(cuts, path, before, "rubbish after the last commit")
        (folder / "cut" / "ledger.sqlite-shm").write_bytes(b"rubbish" * 5000)
        _compare(cuts, path, before, "rubbish for an index of the log")
        _compare(cuts, _checkpointed(folder, before), before, "a log that is gone")
    return cuts


def _ends(first: int, last: int) -> Iterator[int]:
    """Each frame: its start, in its header, in its page, and short of its end."""
    yield first
    for start in range(max(first, HEADER), last, FRAME):
        yield from (start + 1, start + 12, start + 24, start + 2000, start + FRAME - 1)
        if start + FRAME < last:
            yield start + FRAME


def _compare(cuts: Cuts, path: Path, shot: Shot, what: str) -> None:
    cuts.tried += 1
    check_sound(path)
    if rows_of(path) != shot.rows:
        cuts.faults.append(f"{what}: the ledger says something else")


def _checkpointed(folder: Path, shot: Shot) -> Path:
    """All of the log written into the file, and the log lost."""
    path = put(folder / "cut", shot.main, shot.log)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        main = path.read_bytes()
    return put(folder / "cut", main, b"")


def put(folder: Path, main: bytes, log: bytes) -> Path:
    """Lay the files of a ledger down, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "ledger.sqlite"
    path.write_bytes(main)
    if log:
        Path(f"{path}-wal").write_bytes(log)
    return path


def rows_of(path: Path) -> str:
    """All that a ledger says, as the program opens it."""
    store = Store(path, SystemClock())
    store._connection.close()  # noqa: SLF001  # it is opened, and nothing is written
    store._reader.close()  # noqa: SLF001
    with closing(sqlite3.connect(path)) as db:
        return repr([db.execute(f"SELECT * FROM {t}").fetchall() for t in _TABLES])
