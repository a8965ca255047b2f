"""Webhooks of a run over real sockets: forged, doubled, early, late, none at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.batch import RunOptions, load_manifest, run_batch
from orchestrator.errors import AccountError, ManifestError, UsageError
from orchestrator.model import State, Verdict
from tests.acceptance.command import COMMAND, environment, start, wait_for
from tests.integration.flow import (
    ENVIRONMENT,
    PATH,
    PDF,
    Flow,
    free_port,
    manifest,
)


async def run(path: Path, **options: Any) -> list[Verdict]:
    """Run a manifest to its end."""
    loaded = load_manifest(path, environment=ENVIRONMENT)
    run = run_batch(loaded, options=RunOptions(**options), environment=ENVIRONMENT)
    return [each async for each in run]


def states(verdicts: Sequence[Verdict]) -> dict[str, State]:
    """How each document ended."""
    return {each.document.id: each.state for each in verdicts}


@pytest.mark.parametrize("calls", ["after", "before", "doubled", "forged", "never"])
async def test_documents_are_done_whatever_is_called(
    tmp_path: Path, calls: str
) -> None:
    """Each is billed once, and every forgery is harmless."""
    port = free_port()
    flow = Flow(hook=f"http://127.0.0.1:{port}/{PATH}/reportflow", calls=calls)
    async with flow.open():
        path = manifest(tmp_path, flow.url, "a", "b", "c")
        began = time.monotonic()
        verdicts = await run(path, listen=f"127.0.0.1:{port}")
        spent = time.monotonic() - began
    assert states(verdicts) == dict.fromkeys("abc", State.DONE)
    assert [(tmp_path / "out" / f"{each}.pdf").read_bytes() for each in "abc"] == [
        PDF
    ] * 3
    assert len(flow.bill) == 3
    assert flow.keys == {"ak_test"}
    posts = [each for each in flow.asked if each.startswith("POST")]
    assert posts == ["POST /v1/file/async/multiple"], "one request carries all three"
    expected = {"after": [204], "before": [204], "doubled": [204] * 3, "never": []}
    if calls == "forged":
        assert flow.answers[:4] == [404, 204, 204, 204]
    elif calls in ("after", "before"):
        # Polls begin after a second: who is called is faster.
        heads = [each for each in flow.asked if each.startswith("HEAD")]
        assert len(heads) == 1, f"in {spent:.1f} s"
        assert flow.answers == [204]
    else:
        assert flow.answers == expected[calls]


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("calls", ["after", "forged"])
async def test_a_lost_reply_is_adopted_by_its_webhook(
    tmp_path: Path, calls: str, mode: str
) -> None:
    """Accepted, cut, and named by the webhook: done, and billed once."""
    port = free_port()
    hook = f"http://127.0.0.1:{port}/{PATH}/reportflow"
    flow = Flow(hook=hook, loses=True, calls=calls)
    async with flow.open():
        path = manifest(tmp_path, flow.url, "a", mode=mode)
        verdicts = await run(path, listen=f"127.0.0.1:{port}")
    assert states(verdicts) == {"a": State.DONE}
    assert len(flow.bill) == 1


async def test_without_anybody_listening_a_lost_reply_is_in_doubt(
    tmp_path: Path,
) -> None:
    """At once, and the next run does not send it again."""
    async with Flow(loses=True).open() as flow:
        path = manifest(tmp_path, flow.url, "a")
        for _ in range(2):
            assert states(await run(path)) == {"a": State.IN_DOUBT}
    assert len(flow.bill) == 1


def listening(store: Path, port: int, folder: Path) -> Any:
    """The durable inbox in a process of its own."""
    process = start(
        "listen", "--store", store, "--listen", f"127.0.0.1:{port}", folder=folder
    )
    wait_for(lambda: _is_open(port), timeout=15)
    return process


def _is_open(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_the_durable_inbox_outlives_kill_and_runs(tmp_path: Path) -> None:
    """In doubt at first; the webhook came while nothing ran, and its keeper died."""
    store, port = tmp_path / "inbox", free_port()
    store.mkdir()
    (store / "path").write_text(PATH)
    process = listening(store, port, tmp_path)
    hook = f"http://127.0.0.1:{port}/{PATH}/reportflow"
    flow = Flow(hook=hook, loses=True, calls="never")
    async with flow.open():
        path = manifest(tmp_path, flow.url, "a", mode="sync")
        try:
            assert states(await run(path)) == {"a": State.IN_DOUBT}
            event = flow.event("req-0")
            for _ in range(2):
                assert await flow.call(event) == 204
            assert await flow.call(event, hook.replace(PATH, "guess")) == 404
            assert await flow.call(event, hook.replace("reportflow", "other")) == 404
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert await flow.call(event) == 0, "nobody is there any more"
        # So long ago that no webhook is waited for any more.
        with sqlite3.connect(tmp_path / "m.batch" / "ledger.sqlite") as ledger:
            ledger.execute("UPDATE job SET intended = intended - 100000")
        ledger.close()
        assert states(await run(path, inbox=store)) == {"a": State.DONE}
    assert len(flow.bill) == 1
    assert [each for each in store.iterdir() if "path" not in each.name] != []


async def test_a_run_follows_the_durable_inbox(tmp_path: Path) -> None:
    """What comes while it runs wakes polls, and adopts, as a door of its own does."""
    store, port = tmp_path / "inbox", free_port()
    store.mkdir()
    (store / "path").write_text(PATH)
    process = listening(store, port, tmp_path)
    try:
        hook = f"http://127.0.0.1:{port}/{PATH}/reportflow"
        async with Flow(hook=hook, loses=True).open() as flow:
            path = manifest(tmp_path, flow.url, "a", "b")
            assert set(states(await run(path, inbox=store)).values()) == {State.DONE}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert len(flow.bill) == 2


async def test_types_are_checked_before_anything_is_sent(tmp_path: Path) -> None:
    """Every document's own fault, at its own place."""
    async with Flow().open() as flow:
        path = manifest(tmp_path, flow.url, "a", "b", total="")
        with pytest.raises(ManifestError) as error:
            await run(path)
        assert error.value.total == 2
        lines = {each.place.line for each in error.value.faults}
        assert len(lines) == 2
        assert "a number for total, found ''" in str(error.value)
        path = manifest(tmp_path, flow.url, "a", "b", design="other@1")
        with pytest.raises(ManifestError, match="指定したデザインが存在しません"):
            await run(path)
    assert flow.bill == []


async def test_a_wrong_key_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """By the first question."""
    async with Flow().open() as flow:
        path = manifest(tmp_path, flow.url, "a")
        loaded = load_manifest(path, environment=ENVIRONMENT)
        wrong = {**ENVIRONMENT, "FLOW_KEY": "other"}
        with pytest.raises(AccountError, match="key is refused"):
            [each async for each in run_batch(loaded, environment=wrong)]
    assert flow.bill == []


async def test_a_url_without_a_listener_is_a_usage_error(tmp_path: Path) -> None:
    """Nobody would ever hear."""
    async with Flow().open() as flow:
        path = manifest(tmp_path, flow.url, "a")
        with pytest.raises(UsageError, match="nobody listens"):
            await run(path, webhooks="https://hooks.example.com")
    assert flow.bill == []


def test_the_listener_says_where_and_not_what(tmp_path: Path) -> None:
    """Its path is in a file that only its owner reads; it is never printed."""
    import subprocess

    port = free_port()
    command = [*COMMAND, "listen", "--store", "s", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: _is_open(port), timeout=15)
    finally:
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    token = (tmp_path / "s" / "path").read_text().strip()
    assert len(token) > 20
    assert token not in text
    assert f":{port}" in text
    assert (tmp_path / "s" / "path").stat().st_mode & 0o077 == 0
