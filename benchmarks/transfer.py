"""Uploads and downloads of a large file, beside curl and the same server.

``python -m benchmarks.transfer [--mib N] [--rounds N]`` starts nginx (WebDAV PUT) over
files in memory, and takes turns: curl, and one transfer as a run makes it, each in a
process of its own. Ours hashes on the way; curl does not. So curl is also shown with
OpenSSL's SHA-256 at the same time (``curl -T`` beside ``openssl dgst``, and ``curl |
tee | openssl dgst``), and our upload without its hash. Last, 32 pre-signed uploads go
at once, and the server tells how many bytes were on their way.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import ROOT
from benchmarks.table import Row, UnavailableError, machine, show
from benchmarks.transferring.gate import many
from benchmarks.transferring.nginx import nginx

MIB = 1 << 20
_HASHED_PUT = 'openssl dgst -sha256 "$1" & curl -sSf -T "$1" "$2"; wait $!'
_HASHED_GET = 'curl -sSf "$1" | tee "$2" | openssl dgst -sha256'
MEMORY = 100_000_000
"""The most that a client may take, whatever the size."""


@dataclass(frozen=True, slots=True)
class Took:
    """One transfer: seconds, seconds of processor, bytes of memory at its peak."""

    seconds: float
    cpu: float
    peak: int


def _ran(*command: str | Path) -> tuple[Took, str]:
    """Run a process to its end; what it took and what it printed."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    cpu = used.ru_utime + used.ru_stime
    return Took(seconds, cpu, used.ru_maxrss * 1024), said


def _curl(*options: str | Path) -> Took:
    return _ran("curl", "-sSf", *options)[0]


def _piped(script: str, *given: str | Path) -> Took:
    return _ran("bash", "-euc", f"set -o pipefail; {script}", "bash", *given)[0]


def _ours(what: str, url: str, path: Path) -> Took:
    """Without the start of Python: a run makes many transfers."""
    client = "benchmarks.transferring.client"
    took, said = _ran(sys.executable, "-m", client, what, url, path)
    told = json.loads(said)
    return Took(told["seconds"], told["cpu"], took.peak)


def _rounds(
    given: Sequence[tuple[str, Callable[[], Took]]], rounds: int
) -> dict[str, list[Took]]:
    took: dict[str, list[Took]] = {name: [] for name, _ in given}
    for _ in range(rounds):
        for name, work in given:
            took[name].append(work())
    return took


def _speed(name: str, size: int, ours: list[Took], bare: list[Took] | None) -> Row:
    rates = [size / each.seconds / 1e6 for each in ours]
    peak = max(each.peak for each in ours)
    cpu = statistics.median(each.cpu for each in ours)
    ratio = None
    if bare is not None:
        pairs = zip(ours, bare, strict=True)
        ratio = statistics.median(b.seconds / a.seconds for a, b in pairs)
    return Row(
        name,
        statistics.median(rates),
        min(rates),
        max(rates),
        ratio,
        peak,
        f"{cpu:.2f} s of processor",
        "MB/s",
        "" if ratio is None else "≥ 1.0",
        None if ratio is None else ratio >= 1,
    )


def _cpu(size: int, ours: list[Took], bare: list[Took], goal: str) -> Row:
    """Processor's seconds for a gibibyte, over those of the yardstick."""
    share = (1 << 30) / size
    spent = [each.cpu * share for each in ours]
    ratio = statistics.median(a.cpu / b.cpu for a, b in zip(ours, bare, strict=True))
    met = ratio <= float(goal[2:]) if goal else None
    figures = (statistics.median(spent), min(spent), max(spent))
    return Row("  its processor", *figures, ratio, unit="s/GiB", goal=goal, met=met)


def _memory(peak: int) -> Row:
    figure = peak / 1e6
    name, met = "peak of memory", peak < MEMORY
    return Row(name, figure, figure, figure, unit="MB", goal="< 100", met=met)


def _gate(folder: Path, size: int) -> Row:
    uploads, in_flight = 32, 8 * size
    counts, peak = many(folder, uploads=uploads, size=size, in_flight=in_flight)
    most, name = counts.most_size / 1e6, f"{uploads} uploads: most in flight"
    note = f"{counts.most_uploads} at once, of {in_flight / 1e6:.0f} MB allowed"
    met = counts.most_size <= in_flight
    ratio = counts.most_size / in_flight
    return Row(name, most, most, most, ratio, peak, note, "MB", "≤ 1.0", met)


def measure(mib: int = 256, rounds: int = 3) -> list[Row]:
    """Both directions in turns, then the gate.

    Raises:
        UnavailableError: curl, nginx or openssl is not installed.
    """
    for command in ("curl", "openssl"):
        if shutil.which(command) is None:
            raise UnavailableError(f"needs {command} (apt-get install {command})")
    # Files in memory, so that no disk is measured; both sides write as much.
    shared = Path("/dev/shm")
    base = shared if shared.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="transfer-", dir=base) as name:
        return _measure(Path(name), mib * MIB, rounds)


def _measure(folder: Path, size: int, rounds: int) -> list[Row]:
    path, got = folder / "in.bin", folder / "got.bin"
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    (folder / "many").mkdir()
    with nginx(folder) as url:
        (folder / "files" / "in.bin").hardlink_to(path)
        up, down = f"{url}/out.bin", f"{url}/in.bin"
        took = _rounds(
            (
                ("curl -T", lambda: _curl("-T", path, up)),
                ("upload", lambda: _ours("put", up, path)),
                ("plain", lambda: _ours("plain", up, path)),
                ("curl -T &", lambda: _piped(_HASHED_PUT, path, up)),
                ("curl -o", lambda: _curl("-o", got, down)),
                ("download", lambda: _ours("get", down, got)),
                ("curl |", lambda: _piped(_HASHED_GET, down, got)),
            ),
            rounds,
        )
    ours = (*took["upload"], *took["plain"], *took["download"])
    return [
        _speed("curl -T", size, took["curl -T"], None),
        _speed("upload", size, took["upload"], took["curl -T"]),
        _cpu(size, took["upload"], took["curl -T"], "≤ 2.0"),
        _speed("upload without a hash", size, took["plain"], took["curl -T"]),
        _cpu(size, took["plain"], took["curl -T"], "≤ 2.0"),
        _speed("curl -T beside SHA-256", size, took["curl -T &"], None),
        _speed("upload by that", size, took["upload"], took["curl -T &"]),
        _cpu(size, took["upload"], took["curl -T &"], ""),
        _speed("curl -o", size, took["curl -o"], None),
        _speed("download", size, took["download"], took["curl -o"]),
        _cpu(size, took["download"], took["curl -o"], ""),
        _speed("curl | tee | SHA-256", size, took["curl |"], None),
        _speed("download by that", size, took["download"], took["curl |"]),
        _cpu(size, took["download"], took["curl |"], ""),
        _memory(max(each.peak for each in ours)),
        _gate(folder / "many", 12 * MIB),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(machine(), flush=True)
    show(measure(given.mib, given.rounds), f"{given.mib:,} MiB")


if __name__ == "__main__":
    main()
