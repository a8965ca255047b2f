"""Runs benchmarks one after the other, and prints what they found as one table.

Each has a process of its own, so that none finds another's memory, modules or event
loop, and a time limit. One that fails, hangs or lacks something says so in one line,
and the rest goes on.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from benchmarks.table import Row, UnavailableError, machine, markdown, plain

Measure = Callable[[], Sequence[Row]]
ROOT = Path(__file__).parent.parent
MINUTES = 20
"""All of it should take no longer, on a machine that does nothing else."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one benchmark; ``seconds`` is how long it took."""

    name: str
    seconds: float
    rows: tuple[Row, ...] = ()
    left_out: str = ""
    """Why it could not be measured on this machine."""
    failed: str = ""
    """What went wrong."""


@dataclass(frozen=True, slots=True)
class short:  # noqa: N801  # reads as a verb where benchmarks are listed
    """One benchmark with the sizes of its short form; imported when called."""

    module: str
    given: dict[str, object] = field(default_factory=dict)

    def __init__(self, module: str, /, **given: object) -> None:
        object.__setattr__(self, "module", module)
        object.__setattr__(self, "given", given)

    def __call__(self) -> Sequence[Row]:
        """Import and measure."""
        return cast("Sequence[Row]", self.function()(**self.given))

    def function(self) -> Callable[..., object]:
        """``measure`` of the module."""
        module = importlib.import_module(f"benchmarks.{self.module}")
        return cast("Callable[..., object]", module.measure)


def main(everything: Mapping[str, Measure]) -> int:
    """Measure what the command line names; the exit code."""
    parser = _parser()
    given = parser.parse_args()
    if unknown := [each for each in given.names if each not in everything]:
        parser.error(f"no benchmark {', '.join(unknown)}: {', '.join(everything)}")
    if given.into:
        return _child(everything[given.names[0]], Path(given.into))
    if given.list:
        print("\n".join(everything))
        return 0
    # Ended from outside, it takes with it what it measures.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    lines = markdown if given.markdown else plain
    print(machine(), flush=True)
    began = time.monotonic()
    found = []
    names = given.names or list(everything)
    for at, name in enumerate(names, 1):
        _tell(f"[{at}/{len(names)}] measuring {name} ...")
        found.append(_measured(name, given.limit))
        print("\n" + "\n".join(_lines(found[-1], lines)), flush=True)
    print("\n" + "\n".join(_summary(found, time.monotonic() - began)))
    return _code(found, strict=given.strict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description="Measure everything in a short form and print one table.",
        epilog="Exit code: 1 if a benchmark failed, else 0; see --strict.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="only these [default: all]"
    )
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument(
        "--markdown", action="store_true", help="as docs/performance.md has it"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="1 also if a goal was missed or something was left out",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=300,
        metavar="SECONDS",
        help="longest time of one benchmark [default: 300]",
    )
    parser.add_argument("--into", help=argparse.SUPPRESS)
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measured(name: str, limit: float) -> Found:
    """Let a process of its own measure it; end it and all of its own at the limit."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as room:
        into = Path(room, "found.json")
        command = [sys.executable, "-m", "benchmarks", name, "--into", str(into)]
        # A group of its own: what it started ends with it. What it prints is progress.
        child = subprocess.Popen(
            command, cwd=ROOT, stdout=sys.stderr, start_new_session=True
        )
        why = _waited(child, limit)
        seconds = time.monotonic() - began
        if why or not into.exists():
            return Found(name, seconds, failed=why or f"ended with {child.returncode}")
        told = json.loads(into.read_text(encoding="utf-8"))
    rows = tuple(Row(**each) for each in told.pop("rows"))
    return Found(name, seconds, rows, **told)


def _waited(child: subprocess.Popen[bytes], limit: float) -> str:
    """Wait until it ends; why it was ended, if it was."""
    try:
        child.wait(limit)
    except subprocess.TimeoutExpired:
        return f"not done after {limit:g} s (--limit)"
    finally:
        _end(child)
    return ""


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # the usual case: nothing of it is left
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _child(measure: Measure, into: Path) -> int:
    """Measure here, and write what was found for the process that waits."""
    told: dict[str, object] = {"rows": []}
    try:
        told["rows"] = [asdict(each) for each in measure()]
    except UnavailableError as error:
        told["left_out"] = _one_line(error)
    except ModuleNotFoundError as error:
        kind = "failed" if _is_ours(error) else "left_out"
        told[kind] = f"{_one_line(error)} (see benchmarks/README.md for extras)"
    except Exception as error:  # noqa: BLE001  # whatever it was, the others go on
        traceback.print_exc()
        told["failed"] = f"{type(error).__name__}: {_one_line(error)}"
    partial = into.with_suffix(".part")
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.rename(into)
    return 0


def _is_ours(error: ModuleNotFoundError) -> bool:
    return (error.name or "").partition(".")[0] in {"benchmarks", "orchestrator"}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _lines(
    found: Found, table: Callable[[Sequence[Row], str], Iterable[str]]
) -> list[str]:
    if found.failed:
        return [f"{found.name}: FAILED after {found.seconds:.0f} s: {found.failed}"]
    if found.left_out:
        return [f"{found.name}: left out: {found.left_out}"]
    return [*table(found.rows, f"{found.name} ({found.seconds:.0f} s)")]


def _summary(found: Sequence[Found], seconds: float) -> list[str]:
    """Goals, what is missing, and how long it all took."""
    goals = [(each.name, row) for each in found for row in each.rows if row.goal]
    met = sum(row.met is True for _, row in goals)
    lines = [f"goals: {met} of {len(goals)} met"]
    lines += [
        f"  missed: {name}: {row.name}: {row.goal}"
        for name, row in goals
        if row.met is False
    ]
    lines += [f"left out: {each.name}" for each in found if each.left_out]
    lines += [f"FAILED: {each.name}" for each in found if each.failed]
    return [*lines, f"{seconds:.0f} s in all (meant to be under {MINUTES * 60} s)"]


def _code(found: Sequence[Found], *, strict: bool) -> int:
    if any(each.failed for each in found):
        return 1
    whole = all(
        not each.left_out and all(row.met is not False for row in each.rows)
        for each in found
    )
    return 1 if strict and not whole else 0
