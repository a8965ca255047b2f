"""Reads a batch again, from its ledger to its files, and tells what is not so."""

from __future__ import annotations

import asyncio
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from orchestrator.batch.asking import Asked, ask
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.rehearsal import Tab
from orchestrator.clock import Clock, SystemClock
from orchestrator.errors import Exit
from orchestrator.ledger.proof import Bill, Deviation, Proof
from orchestrator.model import Output, State
from orchestrator.report.outcome import exit_of
from orchestrator.settings import BatchSettings
from orchestrator.transfer.examine import examine

T = TypeVar("T")
R = TypeVar("R")

GROUP = 32
"""Files that a thread takes at once."""
THREADS = min(8, 2 * (os.cpu_count() or 1))


@dataclass(slots=True)
class Verified:
    """What was read, and what came of it; grows with kinds of deviations only.

    Attributes:
        states: Documents by state.
        bill: What was billed.
        files: Outputs that were read, and ``bytes`` of them.
        inputs: Inputs that were read.
        asked: What providers said, if they were asked.
        damages: What is wrong with the ledger's file.
        deviations: How many of each code.
    """

    states: dict[State, int] = field(default_factory=dict)
    bill: Bill = field(default_factory=Bill)
    files: int = 0
    bytes: int = 0
    inputs: int = 0
    asked: Asked | None = None
    damages: list[str] = field(default_factory=list)
    deviations: Counter[str] = field(default_factory=Counter)

    @property
    def exit(self) -> Exit:
        """6: the ledger is damaged; 5: something is not so, or in doubt.

        Then 3: something failed, or is not done yet; a proof of 0 is of a whole batch.
        """
        if self.damages:
            return Exit.MACHINE
        if self.deviations.total() or self.bill.unknown:
            return Exit.UNSETTLED
        ended = exit_of(self.states, stopped=(), is_interrupted=False)
        return ended or (Exit.SOME_FAILED if self.states.get(State.OPEN) else ended)


Tell = Callable[[Deviation], None]


def verify(folder: BatchFolder, tell: Tell, *, with_inputs: bool = False) -> Verified:
    """Read ledger and outputs again; ``tell`` hears of each deviation.

    Raises:
        UsageError: the manifest was never run.
        MachineError: the ledger cannot be read.
    """
    verified = Verified()

    def found(deviation: Deviation) -> None:
        verified.deviations[deviation.code] += 1
        tell(deviation)

    with Proof(folder.ledger) as proof:
        verified.damages = proof.damages()
        if verified.damages:
            return verified
        verified.states = proof.states()
        verified.bill = proof.bill()
        for each in proof.deviations():
            found(each)
        _read_outputs(proof, verified, found)
        if with_inputs:
            _read_inputs(proof, verified, found)
    return verified


def verify_with_providers(
    settings: BatchSettings,
    folder: BatchFolder,
    tell: Tell,
    *,
    environment: Mapping[str, str],
    with_inputs: bool = False,
    clock: Clock | None = None,
) -> Verified:
    """The same, and then ask providers; the batch is held meanwhile.

    Raises:
        UsageError: the manifest was never run.
        AccountError: a key is missing.
        MachineError: the ledger cannot be read, or another process holds the batch.
    """
    clock = clock or SystemClock()
    with Proof(folder.ledger), folder.held(clock):
        verified = verify(folder, tell, with_inputs=with_inputs)
        if verified.damages:
            return verified
        verified.asked = asyncio.run(
            ask(settings, folder, environment=environment, clock=clock)
        )
        if (tab := verified.asked.tab) is not None:
            for each in _against(tab, folder):
                verified.deviations[each.code] += 1
                tell(each)
    return verified


def _against(tab: Tab, folder: BatchFolder) -> Iterator[Deviation]:
    """Where the private service's bill contradicts the ledger.

    Other accounts of the batch have jobs, too, which that service never saw.
    """
    with Proof(folder.ledger) as proof:
        known = proof.jobs()
    if tab.accepted > tab.jobs:
        words = f"the service billed {tab.accepted:,} times for {tab.jobs:,} jobs"
        yield Deviation("service_bill", words)
    if tab.jobs > known:
        words = f"the service billed {tab.jobs:,} jobs; the ledger sent {known:,}"
        yield Deviation("unknown_jobs", words)


def _read_outputs(proof: Proof, verified: Verified, found: Tell) -> None:
    for size, deviation in _many(_output, proof.outputs()):
        verified.files += 1
        verified.bytes += size
        if deviation:
            found(deviation)


def _read_inputs(proof: Proof, verified: Verified, found: Tell) -> None:
    for deviation in _many(_input, proof.inputs()):
        verified.inputs += 1
        if deviation:
            found(deviation)


def _output(row: tuple[str, str, Output]) -> tuple[int, Deviation | None]:
    """Read an output as it is now."""
    id_, target, known = row

    def wrong(code: str, message: str) -> tuple[int, Deviation]:
        words = f"{known.path}: {message}"
        return size, Deviation(code, words, id_, path=known.path)

    size = 0
    try:
        seen = examine(known.path, target)
    except OSError as error:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        code = "output_gone" if gone else "output_unreadable"
        return wrong(code, error.strerror or str(error))
    size = seen.size
    if seen.size != known.size and seen.sha256:
        message = f"{seen.size:,} bytes, and {known.size:,} on record"
        return wrong("output_size", message)
    if seen.sha256 != known.sha256 and seen.sha256:
        return wrong("output_hash", "other bytes than those on record")
    if seen.failure is not None:
        return wrong(seen.failure.code, seen.failure.message)
    return size, None


def _input(row: tuple[str, str, str]) -> Deviation | None:
    """Read an input as it is now."""
    id_, path, sha256 = row
    try:
        seen = examine(path, None)
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        return Deviation("input_gone", message, id_, path=path)
    if seen.sha256 == sha256:
        return None
    message = f"{path}: it was changed since it was sent"
    return Deviation("input_changed", message, id_, path=path)


def _many(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Work on items in threads, in order, with few of them in memory."""

    def on_group(group: list[T]) -> list[R]:
        return [work(each) for each in group]

    left = iter(items)
    pending: deque[Future[list[R]]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as pool:
        while True:
            while len(pending) < 2 * THREADS and (group := list(islice(left, GROUP))):
                pending.append(pool.submit(on_group, group))
            if not pending:
                return
            yield from pending.popleft().result()
