"""The folder of a batch: ledger, the private service's data, logs, and its holder.

It stands beside the manifest as ``STEM.batch/``, or where ``--state`` says. An
operating-system lock on a file of its own says who holds the batch: it goes with its
process, however that ends, and does not run out while a process is frozen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from orchestrator.clock import Clock
from orchestrator.errors import MachineError


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a batch: process, machine, since when (seconds since the epoch)."""

    pid: int
    host: str
    since: float

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
    def service(self) -> Path:
        """Data of the private service."""
        return self.path / "service"

    def make(self) -> None:
        """Create the folder.

        Raises:
            MachineError: it cannot be created or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(
                f"{self.path}: cannot keep the batch here ({error.strerror}); "
                "choose another place with --state DIR"
            ) from error

    @contextmanager
    def held(self, clock: Clock) -> Iterator[None]:
        """Hold the batch for as long as the context lasts.

        Raises:
            MachineError: another process holds it.
        """
        # Taken in a thread and given back in the loop's own: the lock is no thread's.
        lock = FileLock(self.path / "lock", thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise MachineError(self._held_by()) from None
        except OSError as error:
            raise MachineError(f"{self.path}: {error.strerror}") from error
        holder = Holder(os.getpid(), socket.gethostname(), clock.now())
        note = self.path / "holder.json"
        try:
            note.write_bytes(msgspec.json.encode(holder))
            yield
        except OSError as error:
            raise MachineError(f"{self.path}: {error.strerror}") from error
        finally:
            note.unlink(missing_ok=True)
            lock.release()

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
        who = f"process {holder.pid} on {holder.host}" if holder else "another process"
        return (
            f"{self.path}: {who} is running this batch; "
            "wait for it, or follow it with `orchestrator status`"
        )


def folder_of(manifest: Path, state: Path | None) -> BatchFolder:
    """The batch folder of a manifest, absolute."""
    place = state or manifest.with_name(f"{manifest.stem}.batch")
    return BatchFolder(place.absolute())
