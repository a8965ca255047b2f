"""A sync call that outlasts our patience goes on as an async job, where that is sure.

Over real sockets, against the embedded service in the dialect of each provider, with
the fault that delays: the work is done and billed, and its reply comes too late.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.batch.rehearsal import hurried, root_of
from orchestrator.clock import SystemClock
from orchestrator.engine.drive import Driver
from orchestrator.engine.limits import Gates
from orchestrator.engine.work import Wait, Work
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.model import Input, Job, Mode, Phase, Progress, State, Verdict
from orchestrator.providers import compdf, convertapi, local
from orchestrator.service.faults.load import load_script
from orchestrator.transfer.client import HttpTransport
from orchestrator.transfer.sink import FileOutputs
from orchestrator.wire.flow import Limits, Provider
from orchestrator.wire.http import Request
from tests.integration.serving import KEY, Client, running
from tests.model import PDF, document

PATIENCE = 0.5
"""Seconds of ours; the reply takes thrice as long."""
SLOW = """
seed: 1
rules:
- {match: {phase: submit}, at: [1], fault: {kind: slow, seconds: 1.5}}
"""


def impatient(provider: Provider) -> Provider:
    """The same, with little patience for the first reply."""
    flow = dict(provider.flows[Mode.SYNC])
    step = flow[Phase.SUBMIT]

    def build(job: Job, progress: Progress) -> Request:
        return replace(step.build(job, progress), timeout=PATIENCE)

    flow[Phase.SUBMIT] = replace(step, build=build)
    return replace(hurried(provider), flows={**provider.flows, Mode.SYNC: flow})


async def carried(folder: Path, one: Client, provider: Provider) -> Sequence[Verdict]:
    """Carry one document through a driver with everything real."""
    source = folder / "a.txt"
    source.write_bytes(PDF)  # the service of these tests copies its input
    found = source.stat()
    given = Input(str(source), found.st_size, found.st_mtime_ns, found.st_ino)
    wanted = document("d", inputs=(given,), output=str(folder / "out" / "d.pdf"))
    with Stage(folder / "l.sqlite") as stage:
        stage.add(wanted)
        stage.compare()
        stage.merge()
    clock = SystemClock()
    auth = [(name, text.format(key=KEY)) for name, text in provider.auth]
    url = one.url + root_of(provider)
    async with (
        Store(folder / "l.sqlite", clock) as store,
        HttpTransport(url, clock=clock, account="a", auth=tuple(auth)) as transport,
    ):
        driver = Driver(
            impatient(provider),
            transport=transport,
            ledger=store,
            outputs=FileOutputs(),
            gates=Gates(Limits(), clock, lambda *_: None),
            clock=clock,
            luck=random.Random(1),
        )
        job = Job("9f" * 16, "a", Mode.SYNC, (wanted,), clock.now())
        work = Work(job, Progress())
        while isinstance(outcome := await driver.drive(work), Wait):
            await asyncio.sleep(outcome.seconds)
        return outcome.verdicts


@pytest.mark.parametrize(
    "provider",
    [local.provider, convertapi.provider, compdf.provider],
    ids=lambda provider: provider.name,
)
async def test_a_late_reply_is_taken_over(provider: Provider, tmp_path: Path) -> None:
    """By our own id, or by our names for the files of the newest tasks (ComPDF).

    The work is asked for once. ReportFlow has no handle but its webhook: test_hooks.py.
    """
    script = tmp_path / "slow.yaml"
    script.write_text(SLOW)
    faults = load_script(script)
    async with running(tmp_path / "data", faults=faults, deduplicate=False) as one:
        (verdict,) = await carried(tmp_path, one, provider)
        accepted, *_ = await one.bill()
        told = (await one.ask("GET", "/v1/faults"))[1]
    assert told["injected"] == {"slow": 1}
    assert verdict.state is State.DONE
    assert accepted == 1
    assert (tmp_path / "out" / "d.pdf").read_bytes() == PDF
