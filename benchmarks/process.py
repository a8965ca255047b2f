"""Processes of a benchmark: a server in one of its own, and what any of them took."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def apart(
    module: str, *arguments: str, prefix: Sequence[str] = ()
) -> Iterator[list[str]]:
    """Run a server of ours in a process of its own; gives its addresses.

    ``prefix`` goes before its command. It prints its ports in one line, and ends when
    its standard input does: see ``listening``.

    Raises:
        RuntimeError: it did not start.
    """
    command = [*prefix, sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or not (ports := process.stdout.readline()):
                raise RuntimeError("the server did not start")
            yield [f"http://127.0.0.1:{port}" for port in ports.split()]
        finally:
            process.terminate()


async def listening(*servers: asyncio.Server) -> None:
    """Tell whoever started us where we listen, and wait until he is gone."""
    print(*(each.sockets[0].getsockname()[1] for each in servers), flush=True)
    # He holds the other end: when it is gone, so are we.
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()


def spent(pid: int) -> float:
    """Processor seconds of a process so far; 0 once it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()  # a name may have spaces
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid: int) -> int:
    """Peak memory of a process in bytes so far; 0 once it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return int(text.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        return 0
