"""One long batch with faults and SIGKILLs, on fixed memory, and what stood at its end.

Run it as ``python -m benchmarks.soak --documents 100000 --faults 5% --kills 20``. The
service runs apart with its deduplication switched off, so that its bill is the proof;
the command runs under RLIMIT_DATA, so that memory that grows ends it. Exit code 1 if a
document is lost, billed twice or in doubt, came out wrong, or memory grew.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.killing import parts
from benchmarks.killing.proof import Proof, prove
from benchmarks.soaking.course import ENDED, Course
from benchmarks.soaking.gauge import Mark, growth
from benchmarks.soaking.scene import Scene, scene
from benchmarks.table import machine

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for; ``share`` is a part of 1, ``ceiling`` bytes."""

    documents: int = 100_000
    share: float = 0.05
    kills: int = 20
    seed: int = 1
    ceiling: int = 256 << 20
    minutes: float = float("inf")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stood at the end.

    Attributes:
        course: Runs, kills, samples of memory.
        proof: Bill, ledger and files, compared.
        injected: Faults by kind, as the service counted them.
        verified: Exit code and words of ``orchestrator verify``.
        seconds: From the first run to the end of the last.
    """

    options: Options
    course: Course
    proof: Proof
    injected: Mapping[str, int]
    verified: tuple[int, str]
    seconds: float
    marks: Sequence[Mark] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Documents that nobody knows of, or whose results are nowhere."""
        states = self.proof.states
        return self.proof.lost + states["lost"] + states["missing"]

    @property
    def unfinished(self) -> int:
        """Documents that wait for another run: only where it was cut short."""
        return self.proof.states["open"]

    def faults(self) -> list[str]:
        """What a promise forbids."""
        proof = self.proof
        counts = {
            "lost": self.lost,
            "billed twice": len(proof.twice),
            "in doubt": proof.states["in_doubt"],
            "overdue": proof.states["overdue"],
            "with a wrong output": len(proof.wrong),
            "unnamed lines of the bill": proof.unnamed,
            "parts left among the outputs": len(proof.strangers),
        }
        said = [f"{count} {what}" for what, count in counts.items() if count]
        spoiled = self.injected.get("spoil", 0)
        if (failed := proof.states["failed"]) != spoiled:
            said.append(f"{failed} failed, and the service spoiled {spoiled}")
        if proof.integrity != "ok":
            said.append(f"the ledger: {proof.integrity}")
        said += growth(self.marks)
        return said + self._ends()

    def _ends(self) -> list[str]:
        code = self.course.exit
        if self.course.is_cut_short:
            right = code in (*ENDED, INTERRUPTED)
            return [] if right else [f"the last run ended with exit code {code}"]
        said = [] if code in ENDED else [f"the last run ended with exit code {code}"]
        if self.proof.billed != self.proof.documents:
            said.append(f"billed {self.proof.billed}, asked {self.proof.documents}")
        if self.unfinished:
            said.append(f"{self.unfinished} documents are still open")
        return said


def measure(options: Options, folder: Path) -> Outcome:
    """Set the batch up, carry it through, compare."""
    luck = random.Random(options.seed)
    with scene(
        folder, documents=options.documents, share=options.share, seed=options.seed
    ) as set_up:
        course = Course(
            set_up,
            luck,
            ceiling=options.ceiling,
            until=time.monotonic() + 60 * options.minutes,
            say=lambda text: print(text, flush=True),
        )
        course.run(options.kills)
        seconds = time.monotonic() - course.began
        injected = _injected(set_up)
        proof = prove(set_up.batch, set_up.data)
        verified = parts.said(folder, "verify", str(set_up.batch.manifest))
        marks = course.gauge.marks()
        return Outcome(options, course, proof, injected, verified, seconds, marks)


def _injected(scene: Scene) -> dict[str, int]:
    """What the service did on purpose."""
    url = f"{scene.service.url}/v1/faults"
    headers = {"Authorization": f"Bearer {parts.KEY}"}
    asked = urllib.request.Request(url, headers=headers)  # our own
    with urllib.request.urlopen(asked, timeout=30) as reply:
        injected: dict[str, int] = json.load(reply)["injected"]
    return injected


def show(outcome: Outcome) -> None:
    """Print what happened, and the verdict."""
    for name, value in _figures(outcome):
        print(f"  {name:14} {value}")
    print("  orchestrator verify:")
    for line in outcome.verified[1].splitlines():
        print(f"    {line}".rstrip())
    broken = outcome.faults()
    for each in broken:
        print(f"  BROKEN: {each}")
    print(f"verdict: {'broken' if broken else 'all promises held'}")


def _figures(outcome: Outcome) -> list[tuple[str, str]]:
    proof, course = outcome.proof, outcome.course
    ended = proof.documents - outcome.unfinished
    kinds = sum(1 for count in outcome.injected.values() if count)
    injected = sum(outcome.injected.values())
    rate = f"{ended / outcome.seconds:,.1f}/s, {outcome.seconds:,.0f} s"
    return [
        ("documents", f"{proof.documents:,}" + _cut(outcome)),
        ("faults", f"{injected:,} of {kinds} kinds ({outcome.options.share:.0%})"),
        ("SIGKILLs", f"{course.kills} in {course.runs} runs"),
        ("billed", f"{proof.billed:,}"),
        ("done", f"{proof.done:,}"),
        ("failed", _failed(outcome)),
        ("in doubt", f"{proof.states['in_doubt']}"),
        ("lost", f"{outcome.lost}"),
        ("doubled", f"{len(proof.twice)}"),
        ("outputs wrong", f"{len(proof.wrong)}"),
        ("rate", rate),
        *((f"memory, {each.percent} %", _memory(each)) for each in outcome.marks),
        ("ceiling", _ceiling(outcome)),
    ]


def _cut(outcome: Outcome) -> str:
    if not outcome.course.is_cut_short:
        return ""
    minutes = outcome.options.minutes
    return f", stopped after {minutes:g} min: {outcome.unfinished:,} are open"


def _failed(outcome: Outcome) -> str:
    spoiled = outcome.injected.get("spoil", 0)
    return f"{outcome.proof.states['failed']:,}, spoiled by the service {spoiled:,}"


def _memory(mark: Mark) -> str:
    return (
        f"engine {mark.engine / 1e6:.0f} MB, service {mark.service / 1e6:.0f} MB, "
        f"converters {mark.converters / 1e6:.0f} MB"
    )


def _ceiling(outcome: Outcome) -> str:
    ceiling = outcome.options.ceiling / 1e6
    peak = outcome.course.gauge.peak / 1e6
    return f"{ceiling:.0f} MB for the engine (RLIMIT_DATA); its peak {peak:.0f} MB"


def _share(text: str) -> float:
    number = float(text.removesuffix("%"))
    share = number / 100 if text.endswith("%") else number
    if not 0 <= share <= 0.5:
        raise argparse.ArgumentTypeError("a share is between 0 and 50%, as in 5%")
    return share


def _options() -> tuple[Options, Path | None]:
    known = Options()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=known.documents)
    parser.add_argument("--faults", type=_share, default=known.share, metavar="5%%")
    parser.add_argument("--kills", type=int, default=known.kills)
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument(
        "--memory",
        type=int,
        default=known.ceiling >> 20,
        help="MiB of private memory that the engine may have [default: %(default)s]",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=known.minutes,
        help="stop starting documents after so long, and prove what stands then",
    )
    parser.add_argument("--folder", type=Path, help="where to work, and leave it all")
    given = parser.parse_args()
    options = Options(
        documents=given.documents,
        share=given.faults,
        kills=given.kills,
        seed=given.seed,
        ceiling=given.memory << 20,
        minutes=given.minutes,
    )
    return options, given.folder


def main() -> None:
    """Carry, kill, compare, print."""
    # Whoever ends us ends those whom we started, too.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    options, folder = _options()
    print(machine())
    print(f"{options.documents:,} documents, seed {options.seed}", flush=True)
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            folder.mkdir(parents=True)
        outcome = measure(options, folder)
    show(outcome)
    sys.exit(1 if outcome.faults() else 0)


if __name__ == "__main__":
    main()
