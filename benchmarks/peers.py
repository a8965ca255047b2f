"""The same documents by other means: time, memory, and what survives a kill.

Run it as ``python -m benchmarks.peers --documents 300`` (extras ``local``, ``test``).
All speak ConvertAPI's protocol to one embedded service, as many requests at a time, and
all leave alone what is there already. Its bill tells what was paid for; it has its
deduplication switched off, so whatever is sent twice is paid twice.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import nan
from pathlib import Path
from statistics import median

from benchmarks.peering.contest import Contest, Outcome, Peer
from benchmarks.peering.copies import copied
from benchmarks.table import Row, UnavailableError, machine, show
from tests.acceptance.command import service

HERE = Path(__file__).parent / "peering"
GATHER, XARGS = "asyncio.gather + semaphore", "xargs -P + curl"
CLIENT, OURS = "ConvertAPI client, threads", "orchestrator run"


def peers(url: str, width: int) -> Iterator[Peer]:
    """All that this machine has; the yardstick first."""
    said = (url, str(width))
    yield Peer(GATHER, (sys.executable, str(HERE / "gather.py"), *said))
    if not shutil.which("curl") or not shutil.which("xargs"):
        _left_out(XARGS, "no curl or no xargs here")
    else:
        each = f"xargs -P {width} -I{{}} sh '{HERE}/each.sh' {{}} {url}"
        pipe = f"ls in | sed 's/[.]txt$//' | {each}"
        yield Peer(XARGS, ("sh", "-c", pipe))
    if not find_spec("convertapi"):
        _left_out(CLIENT, "needs the extra `bench`")
    else:
        yield Peer(CLIENT, (sys.executable, str(HERE / "pool.py"), *said))

    def manifest(folder: Path) -> None:
        (folder / "batch.yaml").write_text(
            "version: 1\n"
            "providers:\n"
            f"  c: {{type: convertapi, url: '{url}', key: '${{env:TEST_KEY}}', "
            f"limits: {{width: {width}}}}}\n"
            "documents:\n"
            "  - {glob: in/*.txt, id: '{stem}', provider: c, to: pdf, "
            "output: 'out/{id}.{ext}'}\n"
        )

    command = (sys.executable, "-m", "orchestrator", "run", "batch.yaml")
    yield Peer(OURS, command, manifest)


def _left_out(name: str, why: str) -> None:
    print(f"  {name}: left out, {why}", file=sys.stderr)


def measure(
    *, documents: int, rounds: int, kills: int, width: int = 8, seed: int = 1
) -> list[Row]:
    """Let each do the work undisturbed in turns, then each with kills.

    Raises:
        UnavailableError: the service needs the extra ``local``.
    """
    if not find_spec("typst"):
        raise UnavailableError("needs the extra `local`: the service that converts")
    free: dict[str, list[Outcome]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="peers-") as base,
        service(Path(base, "data"), "--no-deduplication") as served,
    ):
        every = list(peers(served.url, width))
        Contest(served, Path(base, "warm"), 2 * width).run(every[0])
        contest = Contest(served, Path(base, "room"), documents)
        for turn in range(rounds):
            for peer in every[:: -1 if turn % 2 else 1]:
                free.setdefault(peer.name, []).append(contest.run(peer))
        killed = {
            each.name: contest.run(each, kills=kills, seed=seed) for each in every
        }
    rows = [_row(name, free, documents) for name in killed]
    rows += [_killed(name, killed[name], documents, kills) for name in killed]
    return [*rows, *copied(documents, kills, width)]


def _row(name: str, free: dict[str, list[Outcome]], documents: int) -> Row:
    own = free[name]
    for each in own:
        if each.paid != documents or each.missing or each.cut or any(each.codes):
            raise RuntimeError(f"{name}: undisturbed, it did not do the work: {each}")
    rates = [documents / each.seconds for each in own]
    pairs = zip(own, free[GATHER], strict=True)
    spent = median(each.spent for each in own) / documents
    return Row(
        name,
        rate=median(rates),
        low=min(rates),
        high=max(rates),
        ratio=None
        if name == GATHER
        else median(theirs.seconds / ours.seconds for ours, theirs in pairs),
        peak=max(each.peak for each in own),
        note=f"{spent * 1e3:.1f} ms of processor each",
    )


def _killed(name: str, found: Outcome, documents: int, kills: int) -> Row:
    twice = found.paid - documents
    is_ours = name == OURS
    is_kept = not (twice or found.missing or found.cut or found.codes[-1])
    ended = f", ended with {found.codes[-1]}" if found.codes[-1] else ""
    return Row(
        f"{name}: killed {kills} times",
        rate=twice,
        low=twice,
        high=twice,
        unit="twice",
        ratio=nan,
        goal="0" if is_ours else "",
        met=is_kept if is_ours else None,
        note=f"{twice} paid twice, {found.missing} missing, {found.cut} cut short; "
        f"{found.seconds:.0f} s in all{ended}",
    )


def main(given: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--width", type=int, default=8, help="requests at a time")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of kills")
    said = parser.parse_args(given)
    print(machine())
    show(
        measure(
            documents=said.documents,
            rounds=said.rounds,
            kills=said.kills,
            width=said.width,
            seed=said.seed,
        )
    )


if __name__ == "__main__":
    main()
