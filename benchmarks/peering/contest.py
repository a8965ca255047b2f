"""Runs one peer in a folder of its own: to its end, or killed and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from tests.acceptance.command import Service, environment

EVERY = 0.02
"""Seconds between two looks at memory and at what is there."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to do the work; ``command`` is run in a folder with ``in`` and ``out``."""

    name: str
    command: tuple[str, ...]
    prepare: Callable[[Path], object] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the documents, with all that was started for them.

    ``spent`` is processor time, ``peak`` the most memory of all processes together;
    ``paid`` is what the service's bill grew by; ``codes`` how each start ended.
    """

    seconds: float
    spent: float
    peak: int
    paid: int
    missing: int
    cut: int
    codes: tuple[int, ...]


class Contest:
    """Documents, and the service that converts them."""

    def __init__(self, service: Service, room: Path, documents: int) -> None:
        self._service = service
        self._room = room
        self._names = [f"d{n:05}" for n in range(documents)]
        self._turn = 0

    def run(self, peer: Peer, *, kills: int = 0, seed: int = 1) -> Outcome:
        """Let a peer do all the work, killed so many times on its way."""
        folder = self._folder(peer)
        before = self._accepted()
        luck = random.Random(seed)
        began, spent = time.perf_counter(), _children()
        peak, codes = 0, []
        # Each is killed at some moment of the work, spread over all of it.
        marks = [len(self._names) * (n + 1) // (kills + 1) for n in range(kills)]
        for mark in (*marks, None):
            due = None if mark is None else partial(_has_made, folder, mark)
            code, most = started(peer, folder, due, luck.uniform(0, 0.1))
            peak = max(peak, most)
            codes.append(code)
        seconds = time.perf_counter() - began
        print(f"  {peer.name}: {seconds:.1f} s", file=sys.stderr, flush=True)
        made = [folder / "out" / f"{name}.pdf" for name in self._names]
        return Outcome(
            seconds=seconds,
            spent=_children() - spent,
            peak=peak,
            paid=self._accepted() - before,
            missing=sum(not each.exists() for each in made),
            cut=sum(each.exists() and not _is_whole(each) for each in made),
            codes=tuple(codes),
        )

    def _folder(self, peer: Peer) -> Path:
        self._turn += 1
        folder = self._room / f"turn{self._turn}"
        for each in ("in", "out"):
            (folder / each).mkdir(parents=True)
        for name in self._names:
            text = f"Delivery note {name}\n\n" + f"A line of {name}.\n" * 20
            (folder / "in" / f"{name}.txt").write_text(text)
        peer.prepare(folder)
        return folder

    def _accepted(self) -> int:
        """The bill, once nothing is at work any more."""
        while any(
            self._service.get(f"/v1/jobs?state={state}&limit=1")["jobs"]
            for state in ("receiving", "queued", "running")
        ):
            time.sleep(EVERY)
        return int(self._service.get("/v1/bill")["accepted"])


def _is_whole(path: Path) -> bool:
    content = path.read_bytes()
    return content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")


def started(
    peer: Peer, folder: Path, due: Callable[[], bool] | None, later: float = 0
) -> tuple[int, int]:
    """Start it once; its exit code, and its peak of memory in bytes.

    With ``due``, it is killed so many seconds after that came true.
    """
    process = subprocess.Popen(
        peer.command,
        cwd=folder,
        env=surroundings(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    peak = 0
    try:
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            if due is not None and due():
                time.sleep(later)
                break
            time.sleep(EVERY)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait(), peak


def surroundings() -> dict[str, str]:
    """The environment of a peer, without what it says of a user's AWS account."""
    known = environment().items()
    return {name: value for name, value in known if not name.startswith("AWS_")}


def _has_made(folder: Path, mark: int) -> bool:
    names = (each.name for each in os.scandir(folder / "out"))
    return sum(name.endswith(".pdf") for name in names) >= mark


def _memory(pid: int) -> int:
    """Resident memory of a process and all that it started."""
    total = 0
    try:
        parent = psutil.Process(pid)
        family: Sequence[psutil.Process] = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for each in family:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _children() -> float:
    """Processor seconds of all children that have ended."""
    used = os.times()
    return used.children_user + used.children_system
