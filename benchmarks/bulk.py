"""Bulk invoices killed on the way, delivered, and made once more: the same bytes.

Run it as ``python -m benchmarks.bulk --documents 10000 --kills 2`` (extra ``local``).
Exit code 1 if an invoice is missing or double, a number has a gap, a control total is
not what an arithmetic of its own says, or the second delivery differs by a byte.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.invoices import MANIFEST, ROWS, rows as plain_rows
from benchmarks.process import ROOT
from benchmarks.table import machine

SERIES = {"series": "KK", "format": "KK-{year}-{n:06}", "period": "year", "start": 1}
STEM = "bulk"
PATIENCE = 7200.0
EIGHTH = "SEK"
"""The currency that the rows of the manifest do not have."""


class Failed(Exception):
    """What was promised is not so."""


def rows(documents: int) -> Iterator[dict[str, Any]]:
    """Invoices without numbers, in six languages and eight currencies."""
    for n, row in enumerate(plain_rows(documents), 1):
        del row["number"]
        row["references"] = {**row.get("references", {}), "order": f"O-{n:06}"}
        if "payment" in row:
            row["payment"].pop("reference", None)
        if n % 9 == 0 and row["currency"] == "EUR":
            row["currency"] = EIGHTH
        yield row


def make(folder: Path, documents: int) -> Path:
    """Write manifest and rows."""
    (folder / "data").mkdir(parents=True)
    with (folder / "data" / ROWS.name).open("w", encoding="utf-8") as file:
        for row in rows(documents):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    said = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    entry = said["documents"][0]
    entry |= {"key": "references.order", "number": SERIES}
    path = folder / f"{STEM}.yaml"
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return path


def expected(documents: int) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Net, tax and gross by currency, by the arithmetic that made the rows."""
    sys.path.insert(0, str(ROOT / "manifests"))
    try:
        totals = importlib.import_module("making.sums").totals
    finally:
        sys.path.pop(0)
    sums: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for row in rows(documents):
        sign = -1 if row.get("type") == "credit_note" else 1
        made = totals(row)
        net, tax, gross = (sign * Decimal(made[x]) for x in ("net", "tax", "gross"))
        before = sums.get(row["currency"], (Decimal(), Decimal(), Decimal()))
        sums[row["currency"]] = (before[0] + net, before[1] + tax, before[2] + gross)
    return sums


# The command...


def call(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        _command(arguments),
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def _command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *map(str, arguments)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}  # noqa: TID251  # passed on


@dataclass(slots=True)
class Peaks:
    """Largest resident memory in bytes: the engine, its service, a delivery."""

    engine: int = 0
    service: int = 0

    def look(self, process: psutil.Process) -> None:
        """Look at a run that is going on."""
        try:
            self.engine = max(self.engine, process.memory_info().rss)
            for child in process.children():
                self.service = max(self.service, child.memory_info().rss)
        except psutil.NoSuchProcess:
            return


@dataclass(slots=True)
class Batch:
    """A batch in a folder of its own, run to its end."""

    folder: Path
    documents: int
    peaks: Peaks = field(default_factory=Peaks)
    seconds: float = 0.0

    @property
    def made(self) -> Path:
        """Where the invoices come to be."""
        return self.folder / "out" / "invoices"

    def count(self) -> int:
        """Invoices that are there."""
        if not self.made.is_dir():
            return 0
        return sum(each.name.endswith(".pdf") for each in os.scandir(self.made))

    def run(self, kill_at: int | None = None) -> int:
        """Run, to the end or until so many invoices are there; gives the exit code."""
        began = time.perf_counter()
        running = subprocess.Popen(
            _command(["run", f"{STEM}.yaml"]),
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        process = psutil.Process(running.pid)
        while running.poll() is None:
            self.peaks.look(process)
            if kill_at is not None and self.count() >= kill_at:
                running.send_signal(signal.SIGKILL)
                break
            time.sleep(0.05 if kill_at is not None else 0.2)
        ended = running.wait(timeout=60)
        self.seconds += time.perf_counter() - began
        return ended

    def deliver(self) -> dict[str, Any]:
        """Deliver archive and reports; gives what the command says of it."""
        files = ("--zip", "all.zip", "--report", "all.csv", "--report", "all.json")
        ended = call("deliver", f"{STEM}.yaml", *files, "--json", folder=self.folder)
        if ended.returncode:
            raise Failed(f"deliver: {ended.returncode} {ended.stdout}{ended.stderr}")
        said: dict[str, Any] = json.loads(ended.stdout)
        return said

    def check_numbers(self) -> None:
        """See that numbers are unique and without gaps, and every file is there."""
        ended = call("numbers", "check", "numbers.sqlite", "--json", folder=self.folder)
        said = json.loads(ended.stdout.splitlines()[-1])
        _same("exit code of numbers check", ended.returncode, 0)
        _same("numbers delivered", said["delivered"], self.documents)
        _same("numbers left open", said["reserved"] + said["void"], 0)
        _same("gaps", said["unexplained"], 0)
        names = {each.name for each in os.scandir(self.made)}
        wanted = {f"KK-2026-{n:06}.pdf" for n in range(1, self.documents + 1)}
        _same("files", len(names), self.documents)
        _same("names of files", names ^ wanted, set())

    def check_bill(self) -> None:
        """See that the ledger proves each invoice billed once."""
        ended = call("verify", f"{STEM}.yaml", "--json", folder=self.folder)
        said = json.loads(ended.stdout.splitlines()[-1])
        _same("exit code of verify", ended.returncode, 0)
        _same("done", said["done"], self.documents)
        _same("billed", said["billed"], self.documents)


def check_totals(said: dict[str, Any], documents: int) -> None:
    """See that control totals are those of another arithmetic."""
    found = {
        each["currency"]: tuple(Decimal(each[x]) for x in ("net", "tax", "gross"))
        for each in said["totals"]
    }
    _same("control totals", found, expected(documents))
    _same("delivered", said["delivered"], documents)
    _same("invoices", sum(x["invoices"] for x in said["totals"]), documents)


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Failed(f"{what}: {str(found)[:500]}, and not {str(wanted)[:500]}")


# All of it...


def prove(folder: Path, *, documents: int, kills: int, seed: int) -> None:
    """Run with kills, check, deliver; run anew elsewhere, and compare.

    Raises:
        Failed: something is not as it was promised.
    """
    first = Batch(folder / "first", documents)
    make(first.folder, documents)
    luck = random.Random(seed)  # a seeded choice of moments
    for n in range(1, kills + 1):
        share = (n - 1 + luck.uniform(0.2, 0.8)) / kills
        at = max(1, int(documents * share))
        _same("the end of a killed run", first.run(kill_at=at), -signal.SIGKILL)
        print(f"killed with {first.count():,} of {documents:,} there", flush=True)
    _same("exit code of the run", first.run(), 0)
    first.check_numbers()
    first.check_bill()
    told = _delivered(first)
    check_totals(told, documents)
    print(f"control totals equal in {len(told['totals'])} currencies", flush=True)
    second = Batch(folder / "second", documents)
    make(second.folder, documents)
    _same("exit code of the second run", second.run(), 0)
    again = _delivered(second)
    hashes = [[Path(x["path"]).name, x["sha256"]] for x in told["written"]]
    others = [[Path(x["path"]).name, x["sha256"]] for x in again["written"]]
    _same("the second delivery", others, hashes)
    for name, digest in hashes:
        print(f"the same bytes, twice: {name} {digest}")


def _delivered(batch: Batch) -> dict[str, Any]:
    """Deliver, and tell the figures of run and delivery."""
    began = time.perf_counter()
    told = batch.deliver()
    seconds = time.perf_counter() - began
    rate, peaks = batch.documents / batch.seconds, batch.peaks
    print(
        f"{batch.folder.name}: {batch.documents:,} invoices in {batch.seconds:.0f} s, "
        f"{rate:.1f}/s; memory: engine {peaks.engine / 1e6:.0f} MB, service "
        f"{peaks.service / 1e6:.0f} MB; delivered in {seconds:.0f} s",
        flush=True,
    )
    return told


def main() -> int:
    """Prove it, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to write [default: temp]")
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(dir=given.folder) as room:
        try:
            prove(
                Path(room),
                documents=given.documents,
                kills=given.kills,
                seed=given.seed,
            )
        except Failed as error:
            print(f"FAILED: {error}")
            return 1
    print("every invoice once, every number once, every byte the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
