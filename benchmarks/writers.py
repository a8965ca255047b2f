"""The ledger's commits elsewhere than in a thread: in the loop, or in a process.

Run as a module it is that process: ``python -m benchmarks.writers LEDGER``.
"""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.process import ROOT
from orchestrator.ledger.opening import connect
from orchestrator.ledger.rows import Rows, prepare
from orchestrator.ledger.writer import Commit, Writer

_LENGTH = struct.Struct("<I")


class LoopWriter(Writer):
    """Commits in the loop itself, which stands still meanwhile."""

    async def close(self) -> None:
        """Write what is left."""
        while self._rows:
            self._hand_over()

    def _begin(self, group: Sequence[Rows]) -> None:
        self._ended(self._commit(group))


class ProcessWriter(Writer):
    """Commits in a process: rows go there as JSON, a byte comes back."""

    def __init__(self, commit: Commit, path: Path) -> None:
        super().__init__(commit)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.writers", str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        self._pipe = self._process.stdin.fileno()
        self._back = self._process.stdout.fileno()
        os.read(self._back, 1)
        self._loop.add_reader(self._back, self._read)

    async def close(self) -> None:
        """Wait until all is written, and for the process."""
        while self._is_busy or self._rows:
            self._hand_over()
            await asyncio.sleep(0.001)
        self._loop.remove_reader(self._back)
        self._process.communicate()

    def _begin(self, group: Sequence[Rows]) -> None:
        rows = Rows()
        for each in group:
            rows.take(each)
        text = msgspec.json.encode(rows)
        message = memoryview(_LENGTH.pack(len(text)) + text)
        while message:
            message = message[os.write(self._pipe, message) :]

    def _read(self) -> None:
        said = os.read(self._back, 1)
        self._ended(None if said == b"." else RuntimeError("the process failed"))


def _serve(path: Path) -> None:
    connection = connect(path)
    prepare(connection)
    decoder = msgspec.json.Decoder(Rows)
    pipe = sys.stdin.buffer
    os.write(1, b".")
    while head := pipe.read(_LENGTH.size):
        decoder.decode(pipe.read(_LENGTH.unpack(head)[0])).write(connection)
        os.write(1, b".")


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
