"""A large pre-signed upload to a real store, beside ``curl -T`` to the same store.

``python -m benchmarks.s3 [--mib N] [--rounds N]`` starts SeaweedFS (extra ``test-s3``),
``orchestrator serve --storage`` and ``orchestrator run``, each in a process of its own,
and prints rates and peaks of memory. What counts of memory is how much more a large
file takes than a small one takes: both are run by the same commands.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.table import machine
from orchestrator.service.s3.bucket import bucket_of, credentials_of
from orchestrator.service.s3.signer import Signer
from tests.acceptance.command import account, environment, service
from tests.integration.bucket import ENVIRONMENT, Weed, weed

MIB = 1 << 20
EVERY = 0.05


@dataclass
class Peaks:
    """The most memory that processes had, by name (bytes)."""

    watched: dict[str, int]
    most: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Look once."""
        for name, pid in self.watched.items():
            try:
                now = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self.most[name] = max(now, self.most.get(name, 0))


@contextmanager
def watching(**pids: int) -> Iterator[Peaks]:
    """Look at processes twenty times a second."""
    peaks, over = Peaks(pids), threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            peaks.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds of the upload alone, and peaks of memory."""

    seconds: float
    peaks: dict[str, int]


def album(path: Path, mib: int) -> int:
    """A PDF of one page and, so that it is large, noise that no page shows."""
    places = []
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        for number, content in enumerate(
            (
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 100] >>",
            ),
            1,
        ):
            places.append(file.tell())
            file.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
        places.append(file.tell())
        file.write(b"4 0 obj\n<< /Length %d >>\nstream\n" % (mib * MIB))
        for _ in range(mib):
            file.write(os.urandom(MIB))
        file.write(b"\nendstream\nendobj\n")
        start = file.tell()
        file.write(b"xref\n0 5\n0000000000 65535 f \n")
        file.writelines(b"%010d 00000 n \n" % place for place in places)
        root = b"trailer\n<< /Size 5 /Root 1 0 R >>\n"
        file.write(root + b"startxref\n%d\n%%%%EOF\n" % start)
        return file.tell()


def carry(folder: Path, url: str, path: Path, *, pids: dict[str, int]) -> Measured:
    """Run a manifest of this one file, to a picture of its page."""
    manifest = folder / "batch.yaml"
    document = f"{{id: album, input: '{path}', to: png, mode: presigned}}"
    manifest.write_text(f"{account(url)}documents: [{document}]\n")
    log = folder / "exchanges.jsonl"
    run = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "run", manifest, "--log-file", log],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    with watching(client=run.pid, **pids) as peaks:
        ended = run.wait()
    if ended:
        raise SystemExit(f"the run ended with {ended}; see {folder}")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    # In parts, side by side: from the first byte of the first to the end of the last.
    puts = [each for each in lines if "/in-0" in each["url"]]
    began = min(each["time"] - each["seconds"] for each in puts)
    return Measured(max(each["time"] for each in puts) - began, peaks.most)


def curl(store: Weed, path: Path) -> float:
    """The same bytes to the same store by ``curl -T``; seconds."""
    bucket = bucket_of(store.storage("curl"), credentials_of(ENVIRONMENT))
    signer, key = Signer(bucket), f"{bucket.prefix}file"
    url = signer.sign("PUT", key, life=3600)
    began = time.perf_counter()
    subprocess.run(["curl", "-sSf", "-T", path, url], check=True)
    seconds = time.perf_counter() - began
    url = signer.sign("DELETE", key, life=60)
    subprocess.run(["curl", "-sSf", "-X", "DELETE", url], check=True)
    return seconds


def measure(base: Path, mib: int, rounds: int) -> None:
    """Small first, then large files and curl in turns."""
    (base / "weed").mkdir()
    options = ["--storage-credentials", str(base / "credentials")]
    lines = [f"{name.lower()} = {value}" for name, value in ENVIRONMENT.items()]
    (base / "credentials").write_text("\n".join(["[default]", *lines]))
    small, large = base / "small.pdf", base / "large.pdf"
    album(small, 1)
    size = album(large, mib)
    with weed(base / "weed") as store:
        options += ["--storage", store.storage("bench")]
        with service(base / "data", *options) as served:
            assert served.process is not None
            pids = {"service": served.process.pid, "store": store.pid}
            took: dict[str, list[float]] = {"orchestrator run": [], "curl -T": []}
            peaks: list[dict[str, int]] = []
            for n, path in enumerate([small, *[large] * rounds]):
                folder = base / f"round-{n}"
                folder.mkdir()
                measured = carry(folder, served.url, path, pids=pids)
                peaks.append(measured.peaks)
                if path is large:
                    took["orchestrator run"].append(measured.seconds)
                    took["curl -T"].append(curl(store, large))
    show(size, took, peaks)


def show(size: int, took: dict[str, list[float]], peaks: list[dict[str, int]]) -> None:
    """Print rates, then peaks."""
    print(f"\none pre-signed upload of {size / MIB:,.0f} MiB, ours in parts")
    for name, seconds in took.items():
        rates = sorted(size / MIB / each for each in seconds)
        span = f"{rates[0]:,.0f}…{rates[-1]:,.0f}"
        print(f"  {name:18} {statistics.median(rates):7,.0f} MiB/s  ({span})")
    print("\npeak of memory, MB    1 MiB file   large file     more")
    for name in peaks[0]:
        few = peaks[0][name] / 1e6
        many = max(each[name] for each in peaks[1:]) / 1e6
        print(f"  {name:18} {few:11,.0f} {many:12,.0f} {many - few:8,.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="s3-") as base:
        measure(Path(base), given.mib, given.rounds)


if __name__ == "__main__":
    main()
