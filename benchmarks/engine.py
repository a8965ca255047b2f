"""Documents a second of the engine, next to a bare loop that sends the same.

Run it as ``python -m benchmarks.engine --documents 2000 --rounds 5``. We stay on one
core, the server (nginx, where it is installed) on another.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.bare import bare
from benchmarks.nginx import Nginx, serving
from benchmarks.ours import ACCOUNT, Ours, stage
from benchmarks.server import Server
from benchmarks.table import Row, machine, show
from orchestrator.model import Document, Input, Mode, Operation

MODES = (Mode.SYNC, Mode.ASYNC)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is timed; ``yardstick`` names what it is compared with.

    ``goal`` is the least share of the yardstick's documents a second; ``writer`` is
    where the ledger's commits are made, and ``loop`` whose event loop carries all.
    """

    name: str
    is_ours: bool
    files: bool
    ledger: bool = False
    yardstick: str = ""
    goal: float | None = None
    writer: str = "thread"
    loop: str = "asyncio"


_BARE = "bare: wire and files"
CASES = (
    Case("bare: wire", is_ours=False, files=False),
    Case("engine: wire only", is_ours=True, files=False, yardstick="bare: wire"),
    Case(_BARE, is_ours=False, files=True),
    Case("engine: + files", is_ours=True, files=True, yardstick=_BARE, goal=0.85),
    Case("bare: + notes", is_ours=False, files=True, ledger=True, yardstick=_BARE),
    Case(
        "engine: + files, ledger",
        is_ours=True,
        files=True,
        ledger=True,
        yardstick=_BARE,
        goal=0.7,
    ),
)
_LEDGERS = tuple(
    replace(CASES[-1], name=f"ledger {place}", writer=writer, goal=None)
    for writer, place in (("loop", "in the loop"), ("process", "in a process"))
)


def cases() -> tuple[Case, ...]:
    """All that is timed here: on uvloop, too, where it is installed."""
    here = (*CASES, *_LEDGERS)
    if find_spec("uvloop") is None:
        return here
    fast = tuple(
        replace(
            each,
            name=f"uvloop {each.name}",
            yardstick=each.yardstick and f"uvloop {each.yardstick}",
            loop="uvloop",
        )
        for each in CASES[2:]
    )
    return (*here, *fast)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one turn: on the clock, of our processor, of the server's."""

    seconds: float
    own: float
    server: float


Timings = dict[tuple[Mode, str], list[Timing]]


class Bench:
    """Runs the cases, each in a folder of its own."""

    def __init__(
        self, server: Server | Nginx, room: Path, *, documents: int, width: int
    ) -> None:
        self._server = server
        self._room = room
        self._documents = documents
        self._width = width
        self._turns = count()
        self._input = room / "input.txt"
        self._input.write_text("a tiny document\n")

    def time(self, case: Case, mode: Mode) -> Timing:
        """Carry all documents once."""
        with self._folder() as folder:
            documents = self._make(folder, mode)
            ledger = folder / "ledger.sqlite" if case.ledger else None
            if case.is_ours and ledger is not None:
                stage(ledger, documents)
            before = self._server.spent()
            began, worked = time.perf_counter(), time.process_time()
            with asyncio.Runner(loop_factory=_factory(case.loop)) as runner:
                runner.run(self._carry(case, documents, ledger))
            seconds = time.perf_counter() - began
            own = time.process_time() - worked
            self._check(case, documents)
            return Timing(seconds, own, self._server.spent() - before)

    async def _carry(
        self, case: Case, documents: Sequence[Document], ledger: Path | None
    ) -> None:
        url, width = self._server.url, self._width
        if case.is_ours:
            ours = Ours(url, width=width, writer=case.writer)
            await ours.carry(documents, files=case.files, ledger=ledger)
        else:
            await bare(documents, url, width=width, files=case.files, ledger=ledger)

    def _check(self, case: Case, documents: Sequence[Document]) -> None:
        if case.files and not all(Path(each.output).is_file() for each in documents):
            raise RuntimeError(f"{case.name}: not every file was written")

    def _make(self, folder: Path, mode: Mode) -> list[Document]:
        found = self._input.stat()
        path, size = str(self._input), found.st_size
        source = Input(path, size, found.st_mtime_ns, found.st_ino)
        return [
            Document(
                id=f"d{n:07}",
                operation=Operation.CONVERT,
                source="txt",
                target="pdf",
                output=str(folder / f"d{n:07}.pdf"),
                provider=ACCOUNT,
                inputs=(source,),
                mode=mode,
                n=n,
            )
            for n in range(self._documents)
        ]

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = self._room / f"turn{next(self._turns)}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    module = import_module("uvloop") if loop == "uvloop" else asyncio
    factory: Callable[[], asyncio.AbstractEventLoop] = module.new_event_loop
    return factory


@contextmanager
def one_core() -> Iterator[tuple[str, ...]]:
    """Stay on one core; gives the command that keeps a server on another one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or shutil.which("taskset") is None:
        yield ()
        return
    os.sched_setaffinity(0, cores[:1])
    try:
        yield ("taskset", "-c", str(cores[1]))
    finally:
        os.sched_setaffinity(0, cores)


def measure(
    *, documents: int, rounds: int, width: int = 8, folder: Path | None = None
) -> list[Row]:
    """Time every case in interleaved rounds, and compare the medians."""
    timings: Timings = {}
    todo = [(mode, case) for mode in MODES for case in cases()]
    with (
        tempfile.TemporaryDirectory(dir=folder) as room,
        one_core() as elsewhere,
        serving(elsewhere) as server,
    ):
        bench = Bench(server, Path(room), documents=documents, width=width)
        warm = Bench(server, _sub(room), documents=min(documents, 50), width=width)
        for mode, case in todo:
            warm.time(case, mode)
        for turn in range(rounds):
            # Every second round goes backwards: whoever comes first has no advantage.
            for mode, case in todo[:: -1 if turn % 2 else 1]:
                timing = bench.time(case, mode)
                timings.setdefault((mode, case.name), []).append(timing)
    return [_row(timings, mode, case, documents) for mode, case in todo]


def _sub(room: str) -> Path:
    folder = Path(room, "warm")
    folder.mkdir()
    return folder


def _row(timings: Timings, mode: Mode, case: Case, documents: int) -> Row:
    own = timings[mode, case.name]
    rates = [documents / each.seconds for each in own]
    cost = median(each.own for each in own) / documents
    busy = median(each.server / each.seconds for each in own)
    ratio = None
    note = f"{cost * 1e3:.2f} ms of processor each"
    if case.yardstick:
        # Pairs of one round, so that what slows the whole machine slows both.
        pairs = list(zip(own, timings[mode, case.yardstick], strict=True))
        ratio = median(theirs.seconds / ours.seconds for ours, theirs in pairs)
        spent = median(theirs.own / ours.own for ours, theirs in pairs)
        note += f", by that {spent:.2f}"
    return Row(
        f"{mode} {case.name}",
        rate=median(rates),
        low=min(rates),
        high=max(rates),
        ratio=ratio,
        goal="" if case.goal is None else f"≥ {case.goal}",
        met=None if case.goal is None or ratio is None else ratio >= case.goal,
        note=f"{note}; server busy {busy:.0%}",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=8, help="requests at a time")
    parser.add_argument("--folder", type=Path, help="where to write [default: temp]")
    given = parser.parse_args()
    print(machine())
    print(
        f"{given.documents:,} documents a turn, {given.rounds} interleaved rounds, "
        f"medians; width {given.width}"
    )
    rows = measure(
        documents=given.documents,
        rounds=given.rounds,
        width=given.width,
        folder=given.folder,
    )
    show(rows)


if __name__ == "__main__":
    main()
