"""SIGKILLs at random moments of one batch, and the bill that proves what they did.

Run it as ``python -m benchmarks.kills --documents 2000 --kills 200 --dialect compdf``.
The service runs apart with its deduplication switched off: whatever is asked for twice
is billed twice. Exit code 1 if a document was billed twice, lost, or came out wrong.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.killing import batch as batches, parts, witness
from benchmarks.killing.batch import Batch
from benchmarks.killing.proof import Proof, prove
from benchmarks.table import machine

DIALECTS = ("local", "compdf", "convertapi", "reportflow")
SOONEST = 0.05
LATEST = 60.0
ENDED = (0, 3, 5)
"""Exit codes of a run that has nothing left to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for; ``hurry`` shortens waits as a rehearsal does."""

    dialect: str
    documents: int = 2000
    kills: int = 200
    seed: int = 1
    service_too: bool = False
    hurry: bool = True
    webhooks: bool = True


@dataclass
class Scene:
    """Everybody who takes part in one batch."""

    options: Options
    folder: Path
    batch: Batch
    service: parts.Server
    inbox: parts.Server | None
    luck: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    reach: float = 2.0

    @property
    def data(self) -> Path:
        """The folder of the service."""
        return self.folder / "service"

    @property
    def kills(self) -> int:
        """Moments at which something was killed."""
        return sum(self.killed.values())

    def client(self) -> parts.Part:
        """A new run of the command."""
        self.runs += 1
        return parts.client(
            self.folder, self.batch.manifest, self.inbox, hurry=self.options.hurry
        )

    def done(self) -> int:
        """Documents that are done by now."""
        return self.batch.settled()


@contextmanager
def scene(options: Options, folder: Path) -> Iterator[Scene]:
    """Set it up, and end whatever of it still runs."""
    luck = random.Random(options.seed)
    is_of_designs = batches.is_of_designs(options.dialect)
    designs = batches.write_design(folder) if is_of_designs else None
    with ExitStack() as stack:
        inbox = None
        if options.webhooks and options.dialect != "local":
            inbox = parts.inbox(folder)
            stack.callback(inbox.kill)
            inbox.start()
        service = parts.service(folder, options.dialect, designs, inbox)
        stack.callback(service.kill)
        service.start()
        witness.place(folder / "service")
        batch = batches.write(
            folder / "work",
            options.dialect,
            service.url,
            documents=options.documents,
            luck=luck,
        )
        yield Scene(options, folder, batch, service, inbox, luck)


def kill_often(scene: Scene) -> None:
    """Kill until it is enough, or nothing is left to be killed."""
    while scene.kills < scene.options.kills:
        run = scene.client()
        run.start()
        code = _kill_at_random(scene, run)
        if code in ENDED and scene.done() == scene.options.documents:
            return
        _pace(scene)


def _kill_at_random(scene: Scene, run: parts.Part) -> int | None:
    """Let it run for a while, then kill somebody; the exit code if it was faster."""
    while scene.kills < scene.options.kills:
        seconds = scene.luck.uniform(SOONEST, scene.reach)
        victim = scene.luck.choice(_victims(scene))
        if (code := run.wait(seconds)) is not None:
            return code
        if victim != "service":
            run.kill()
        if victim != "client":
            scene.service.kill()
            scene.service.start()
        scene.killed[victim] += 1
        if victim != "service":
            return None
        _pace(scene)
    return run.wait(3600.0)


def _victims(scene: Scene) -> tuple[str, ...]:
    return ("client", "service", "both") if scene.options.service_too else ("client",)


def _pace(scene: Scene) -> None:
    """Spread the kills over the batch: later ones if it lags behind, else sooner."""
    # Something is left when the last one is killed.
    wanted = 0.9 * scene.options.documents * scene.kills / scene.options.kills
    ahead = scene.done() - wanted
    is_far = ahead > 3 * scene.options.documents / scene.options.kills
    factor = 1.25 if ahead < 0 else 0.5 if is_far else 0.8
    scene.reach = min(LATEST, max(SOONEST * 2, scene.reach * factor))


def finish(scene: Scene, tries: int = 5) -> int | None:
    """Run to the end; the exit code."""
    code = None
    for _ in range(tries):
        run = scene.client()
        run.start()
        code = run.wait(7200.0)
        if code in ENDED:
            break
    return code


def decide(scene: Scene, proof: Proof) -> None:
    """Do what a user does who looks into the provider's console, and run again.

    What was never billed is sent anew; what was is fetched by hand, and marked as done.
    """
    manifest = str(scene.batch.manifest)
    doubtful = [each for each in proof.open if each[1] == "in_doubt"]
    never = [id_ for id_, _, _, billed in doubtful if not billed]
    if never:
        _command(scene, "resolve", manifest, "--resubmit", "--yes", *never)
    for id_, _, _, billed in doubtful:
        if billed:
            file = scene.folder / f"by-hand.{scene.batch.target}"
            file.write_bytes(scene.batch.by_hand(id_))
            _command(scene, "resolve", manifest, "--mark-done", id_, f"--output={file}")
    finish(scene)


def _command(scene: Scene, *arguments: str) -> None:
    code, text = parts.said(scene.folder, *arguments)
    if code != 0:
        raise RuntimeError(f"{arguments[0]} ended with exit code {code}: {text}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One batch, killed and finished.

    ``proof`` is what stood with no hand on it, ``after`` what stood once the user had
    decided about what was in doubt; ``verified`` is what ``verify`` says then.
    """

    options: Options
    proof: Proof
    after: Proof
    verified: str
    killed: Counter[str]
    runs: int
    seconds: float
    exit: int | None

    def faults(self) -> list[str]:
        """What a promise forbids."""
        said = self.proof.faults()
        said += [each for each in self.after.faults() if each not in said]
        if self.exit not in ENDED:
            said.append(f"the last run ended with exit code {self.exit}")
        if self.after.done != self.after.documents:
            left = self.after.documents - self.after.done
            said.append(f"{left} documents are not done after all was decided")
        if self.after.billed != self.after.documents:
            said.append(f"billed {self.after.billed}, asked {self.after.documents}")
        return said


def measure(options: Options, folder: Path) -> Outcome:
    """Kill one batch as often as asked, finish it, compare, decide, compare."""
    began = time.monotonic()
    with scene(options, folder) as set_up:
        kill_often(set_up)
        code = finish(set_up)
        proof = after = prove(set_up.batch, set_up.data)
        seconds = time.monotonic() - began
        if proof.states["in_doubt"]:
            decide(set_up, proof)
            after = prove(set_up.batch, set_up.data)
        _, verified = parts.said(folder, "verify", str(set_up.batch.manifest))
        return Outcome(
            options, proof, after, verified, set_up.killed, set_up.runs, seconds, code
        )


def show(outcome: Outcome) -> None:
    """Print what happened."""
    proof, options = outcome.proof, outcome.options
    victims = ", ".join(f"{n} {who}" for who, n in sorted(outcome.killed.items()))
    print(f"\n{options.dialect}: seed {options.seed}, {outcome.seconds:.0f} s")
    for name, value in (
        ("documents", f"{proof.documents:,}"),
        ("SIGKILLs", f"{sum(outcome.killed.values())} ({victims})"),
        ("runs", f"{outcome.runs}"),
        ("billed", f"{proof.billed:,}"),
        ("billed twice", f"{len(proof.twice)}"),
        ("done", f"{proof.done:,}"),
        ("in doubt", _doubt(proof)),
        ("lost", f"{proof.lost}"),
        ("outputs wrong", f"{len(proof.wrong)}"),
        ("ledger", proof.integrity),
    ):
        print(f"  {name:14} {value}")
    for id_, state, code, billed in proof.open:
        print(f"    {id_} {state}: {code}, billed {billed} times")
    if outcome.after is not proof:
        print("  after resolve and run:")
        print(f"  {'billed':14} {outcome.after.billed:,}")
        print(f"  {'done':14} {outcome.after.done:,}")
    print("  orchestrator verify:")
    for line in outcome.verified.splitlines():
        print(f"    {line}".rstrip())
    for each in outcome.faults():
        print(f"  BROKEN: {each}")


def _doubt(proof: Proof) -> str:
    billed = sum(1 for _, state, _, n in proof.open if state == "in_doubt" and n)
    count = proof.states["in_doubt"]
    return f"{count} ({billed} of them billed)" if count else "0"


def _options() -> tuple[list[Options], Path | None]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument(
        "--dialect", choices=DIALECTS, action="append", help="[default: each]"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--service-too", action="store_true")
    parser.add_argument(
        "--real-waits", action="store_true", help="do not shorten waits and rates"
    )
    parser.add_argument("--no-webhooks", action="store_true")
    parser.add_argument(
        "--folder", type=Path, help="where to work, and leave all of it"
    )
    given = parser.parse_args()
    wanted = [
        Options(
            dialect=each,
            documents=given.documents,
            kills=given.kills,
            seed=given.seed,
            service_too=given.service_too,
            hurry=not given.real_waits,
            webhooks=not given.no_webhooks,
        )
        for each in given.dialect or DIALECTS
    ]
    return wanted, given.folder


def main() -> None:
    """Kill, finish, compare, print."""
    # Whoever ends us ends those whom we started, too.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    wanted, folder = _options()
    print(machine())
    broken = False
    for each in wanted:
        with ExitStack() as stack:
            if folder is None:
                room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            else:
                room = folder / each.dialect
                room.mkdir(parents=True)
            outcome = measure(each, room)
        show(outcome)
        broken = broken or bool(outcome.faults())
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
