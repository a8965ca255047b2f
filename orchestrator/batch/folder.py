"""The folder of a batch: ledger, the private service's data, logs, and its holder.

It stands beside the manifest as ``STEM.batch/``, or where ``--state`` says. An
operating-system lock on a file of its own says who holds the batch: it goes with its
process, however that ends, and does not run out while a process is frozen.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from orchestrator.batch.mounts import file_system, is_network
from orchestrator.clock import Clock
from orchestrator.errors import MachineError
from orchestrator.ledger.opening import elsewhere, to_local_disk


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a batch: process, machine, since when (seconds since the epoch)."""

    pid: int
    host: str
    since: float

    @property
    def words(self) -> str:
        """Who it is, for people; the time in UTC."""
        since = datetime.fromtimestamp(self.since, UTC)
        return f"process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M:%S}Z,"

    def is_alive(self, here: str) -> bool:
        """Whether the process is still there, as far as this machine can tell."""
        if self.host != here:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True


@dataclass(frozen=True, slots=True)
class BatchFolder:
    """Where a batch keeps what must last."""

    path: Path

    @property
    def ledger(self) -> Path:
        """The ledger."""
        return self.path / "ledger.sqlite"

    @property
    def inputs(self) -> Path:
        """How the inputs stood when the manifest was last found valid."""
        return self.path / "inputs.seen"

    @property
    def service(self) -> Path:
        """Data of the private service."""
        return self.path / "service"

    def require_local(self, probe: Callable[[Path], str | None] = file_system) -> None:
        """Refuse a file system that other machines may have mounted, too.

        Args:
            probe: Tells the kind of file system that a path lies on, or would.

        Raises:
            MachineError: the folder is on such a one.
        """
        kind = probe(self.path)
        if kind is not None and is_network(kind):
            raise MachineError(
                f"{self.path}: cannot keep the batch here: {kind} is a network file "
                "system, where neither the ledger nor its lock is safe; "
                f"{to_local_disk(self.ledger)}"
            )

    def make(self) -> None:
        """Create the folder.

        Raises:
            MachineError: it cannot be created or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def unmake(self) -> None:
        """Remove a folder that was made for nothing, if nothing but a lock is in it."""
        with suppress(OSError):
            if {each.name for each in self.path.iterdir()} <= {"lock"}:
                (self.path / "lock").unlink(missing_ok=True)
                self.path.rmdir()

    @contextmanager
    def held(self, clock: Clock) -> Iterator[None]:
        """Hold the batch for as long as the context lasts.

        Raises:
            MachineError: another process holds it, or the folder cannot be written.
        """
        try:
            lock = self._locked()
        except (Timeout, BlockingIOError):
            raise MachineError(self._held_by()) from None
        except OSError as error:
            raise self._unusable(error) from error
        note = self.path / "holder.json"
        try:
            self._sign(note, clock)
            yield
        finally:
            with suppress(OSError):
                note.unlink()
            _let_go(lock)

    def _locked(self) -> tuple[FileLock, int]:
        """Take the lock file, and the folder itself: a lock file may be deleted."""
        # Taken in a thread and given back in the loop's own: the lock is no thread's.
        lock = FileLock(self.path / "lock", thread_local=False)
        lock.acquire(blocking=False)
        folder = -1
        try:
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            _let_go((lock, folder))
            raise
        return lock, folder

    def _sign(self, note: Path, clock: Clock) -> None:
        holder = Holder(os.getpid(), socket.gethostname(), clock.now())
        try:
            note.write_bytes(msgspec.json.encode(holder))
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> MachineError:
        return MachineError(
            f"{self.path}: cannot keep the batch here ({error.strerror}); "
            f"see to it and run again{elsewhere(self.ledger)}"
        )

    def holder(self) -> Holder | None:
        """Who holds the batch, or ``None``; the dead hold nothing."""
        try:
            text = (self.path / "holder.json").read_bytes()
            holder = msgspec.json.decode(text, type=Holder)
        except (OSError, msgspec.DecodeError):
            return None
        return holder if holder.is_alive(socket.gethostname()) else None

    def _held_by(self) -> str:
        holder = self.holder()
        return (
            f"{self.path}: {holder.words if holder else 'another process'} is running "
            "this batch; wait for it, or follow it with `orchestrator status`"
        )


def _let_go(lock: tuple[FileLock, int]) -> None:
    file, folder = lock
    if folder >= 0:
        os.close(folder)
    with suppress(OSError):
        file.release()


def folder_of(manifest: Path, state: Path | None) -> BatchFolder:
    """The batch folder of a manifest, absolute."""
    place = state or manifest.with_name(f"{manifest.stem}.batch")
    return BatchFolder(place.absolute())
