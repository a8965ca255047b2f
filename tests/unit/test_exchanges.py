"""The flows of each API against its exchanges (tests/exchange.py tells their form)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from orchestrator.batch.accounts import providers
from orchestrator.model import Phase, Progress
from tests import exchange

NAMES = ("compdf", "convertapi")
FILES = [(name, path) for name in NAMES for path in exchange.files_of(name)]
TURNS = [each for each in FILES if not exchange.is_roll(each[1])]
ROLLS = [each for each in FILES if exchange.is_roll(each[1])]


@pytest.mark.parametrize(
    ("name", "path"), TURNS, ids=[f"{name}-{path.stem}" for name, path in TURNS]
)
def test_exchange(name: str, path: Path) -> None:
    """Build what the file asks, and read what it answers."""
    record = exchange.read(path)
    step = exchange.step_at(providers()[name], exchange.place_of(record))
    job, before = exchange.job_of(record), exchange.before(record)
    if "request" in record:
        request = exchange.shown(step.build(job, before))
        exchange.compare(request, record["request"], "request")
    after = step.parse(job, before, exchange.reply(record["reply"]))
    exchange.compare(msgspec.to_builtins(after), record["after"], "after")
    if "failure" not in record["after"]:
        assert after.failure is None


@pytest.mark.parametrize(
    ("name", "path"), ROLLS, ids=[f"{name}-{path.stem}" for name, path in ROLLS]
)
def test_roll_call(name: str, path: Path) -> None:
    """Build what the file asks, and hear who is pending."""
    record, roll = exchange.read(path), providers()[name].roll
    assert roll is not None
    if "request" in record:
        request = exchange.shown(roll.build(record["handles"]))
        exchange.compare(request, record["request"], "request")
    named = roll.pending(exchange.reply(record["reply"]))
    assert sorted(named) == record["pending"]


def test_every_roll_call_has_an_exchange() -> None:
    """And who has none has none."""
    seen = {name for name, path in ROLLS if "request" in exchange.read(path)}
    assert seen == {name for name in NAMES if providers()[name].roll}


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_every_mode_has_an_exchange(name: str) -> None:
    """A step without one is a step that nobody tried."""
    records = [exchange.read(path) for given, path in TURNS if given == name]
    seen = {exchange.place_of(each) for each in records if "request" in each}
    assert set(exchange.places(providers()[name])) <= seen


@pytest.mark.parametrize("name", NAMES)
def test_what_may_cost_can_be_looked_up_where_it_says_so(name: str) -> None:
    """No mode is called exactly once where a charged request has no name."""
    provider = providers()[name]
    job = exchange.job_of({"mode": "sync"})
    for mode, flow in provider.flows.items():
        for phase in set(flow) & {Phase.SUBMIT, Phase.EXECUTE, Phase.POLL}:
            repeat = flow[phase].build(job, Progress()).repeat
            assert repeat.may_cost == (flow[phase].find is not None)
            assert mode not in provider.exactly_once or repeat != "charged"
