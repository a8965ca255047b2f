"""Cuts a case at every effect, lets the next runs go on, and counts what came of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.crashing.cases import IN_PARTS, Case
from benchmarks.crashing.knife import Knife
from benchmarks.crashing.world import World, content

MOST = 400
"""Effects after which a run that does not end counts as broken."""


@dataclass
class Tally:
    """What came of all cuts of one case.

    ``doubt`` counts documents by the reason why nobody can know; ``faults`` is what a
    promise forbids, with the cut that showed it.
    """

    case: Case
    thorough: bool = True
    effects: int = 0
    cuts: int = 0
    done: int = 0
    doubt: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    faults: list[str] = field(default_factory=list)


async def sweep(
    case: Case,
    folder: Path,
    *,
    twice: int = 0,
    power: bool = True,
    every: int = 1,
    thorough: bool = True,
) -> Tally:
    """Cut after each effect of a good run, or after each n-th.

    Args:
        case: What is run.
        folder: Where.
        twice: The resume is cut as well, after each n-th of its effects; 0 never.
        power: Each cut also as one of the current.
        every: 1 for each effect of the first run.
        thorough: One more run at the end has nothing to do.
    """
    tally = Tally(case, thorough)
    rooms = (folder / str(n) for n in count())
    tally.effects = await _good(case, next(rooms), tally)
    for is_dark in (False, True) if power else (False,):
        for cut in range(1, tally.effects + 1, every):
            whole = await _once(tally, next(rooms), (cut,), dark=is_dark)
            for second in range(1, whole if twice else 0, max(1, twice)):
                await _once(tally, next(rooms), (cut, second), dark=is_dark)
    return tally


async def _good(case: Case, room: Path, tally: Tally) -> int:
    """The run that nobody cuts; how many effects it has."""
    world, knife = World(case, room), Knife()
    await world.run(knife)
    _judge(tally, world, "uncut")
    if not 0 < len(knife.heard) <= MOST:
        tally.faults.append(f"a good run has {len(knife.heard)} effects")
    return len(knife.heard)


async def _once(tally: Tally, room: Path, cuts: tuple[int, ...], *, dark: bool) -> int:
    """Cut, resume (and cut that), end; the effects of the run that came to its end."""
    world = World(tally.case, room)
    said = []
    for cut in (*cuts, 0):
        knife = Knife(cut, at_cut=world.save)
        if await world.run(knife, power=dark):
            break
        said.append(f"{cut} ({knife.heard[-1]})")
    last = len(knife.heard)
    what = f"{'power lost' if dark else 'killed'} after {', then '.join(said)}"
    if tally.thorough:
        await _again(tally, world, what)
    tally.cuts += 1
    _judge(tally, world, what)
    return last


async def _again(tally: Tally, world: World, what: str) -> None:
    """One more run finds nothing to pay for."""
    before = world.service.charged.total()
    open_before = _states(world)
    await world.run(Knife())
    is_settled = set(open_before.values()) == {"done"}
    if is_settled and world.service.charged.total() != before:
        tally.faults.append(f"{what}: a further run paid again")


def _judge(tally: Tally, world: World, what: str) -> None:
    states = _states(world)
    trusted = bool(_ask(world, "SELECT 1 FROM account WHERE trusted > 0"))
    for document in world.case.make(str(world.out)):
        id_, paid = document.id, world.service.charged[document.id]
        if paid > 1:
            tally.doubled += 1
            tally.faults.append(f"{what}: {id_} was billed {paid} times")
        state = states.get(id_, "nothing")
        excuse = world.case.excuse(billed=paid > 0, trusted=trusted)
        if state == "in_doubt" and excuse is not None:
            tally.doubt[excuse] += 1
            continue
        why = _lack(Path(document.output), id_, paid, state)
        if why is None:
            tally.done += 1
        else:
            tally.lost += 1
            tally.faults.append(f"{what}: {id_} {why}")
    tally.faults += [f"{what}: {each}" for each in _remains(world, states)]


def _lack(output: Path, id_: str, paid: int, state: str) -> str | None:
    """Say what a document lacks that should be done, or ``None``."""
    if state != "done":
        return f"is {state}, billed {paid} times"
    if paid == 0:
        return "is done, and was never billed"
    if not output.is_file() or output.read_bytes() != content(id_):
        return "is done, and its output is not what was made"
    return None


def _remains(world: World, states: dict[str, str]) -> Iterator[str]:
    """What should not be there when all is over."""
    yield from _of_parts(world, states)
    yield from _unreleased(world, states)
    if (said := _ask(world, "PRAGMA integrity_check")[0][0]) != "ok":
        yield f"the ledger is damaged: {said}"
    finals = {Path(each.output).name for each in world.case.make(str(world.out))}
    done = {f"{id_}.{world.case.target}" for id_, s in states.items() if s == "done"}
    for each in world.out.iterdir():
        if each.name not in finals:
            yield f"{each.name} was left behind"
        elif each.name not in done:
            yield f"{each.name} is there, and not done"


def _unreleased(world: World, states: dict[str, str]) -> Iterator[str]:
    """Jobs that are over, and are let go of many at a time; none is forgotten."""
    if world.case.provider.release_all is None or set(states.values()) != {"done"}:
        return
    for name, job in world.service.jobs.items():
        if job["state"] != "created":  # whose job nobody knows, and nobody pays for
            yield f"the service was never told to forget the job {name}"


def _of_parts(world: World, states: dict[str, str]) -> Iterator[str]:
    """What the bill does not show of files that go in parts."""
    if world.case.size < IN_PARTS:
        return
    for part, times in world.service.arrived.items():
        if times > 1:
            yield f"part {part} was sent {times} times, and it was known to be there"
    hashed = {path for (path,) in _ask(world, "SELECT path FROM input")}
    for each in world.case.make(str(world.out)):
        if states.get(each.id) == "done" and each.inputs[0].path not in hashed:
            yield f"{each.id} is done, and nobody knows the hash of its input"


def _states(world: World) -> dict[str, str]:
    return dict(_ask(world, "SELECT id, state FROM document"))


def _ask(world: World, query: str) -> list[Any]:
    with closing(sqlite3.connect(world.ledger)) as db:
        return db.execute(query).fetchall()
