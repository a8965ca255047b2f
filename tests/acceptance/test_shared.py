"""Two runs on one account keep its limits together."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.limited import limited
from tests.acceptance.command import objects, run, start

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

MANIFEST = """
version: 1
providers:
  a: {{type: local, url: "{url}", key: "${{env:TEST_KEY}}", limits: {limits}}}
defaults: {{provider: a, mode: sync, to: pdf}}
documents:
- {{glob: "in/*.txt"}}
"""


def batch(folder: Path, url: str, limits: str) -> Path:
    """A manifest with some documents."""
    (folder / "in").mkdir(parents=True)
    for n in range(50):
        (folder / "in" / f"{n}.txt").write_text(f"document {n}")
    (folder / "m.yaml").write_text(MANIFEST.format(url=url, limits=limits))
    return folder


def test_the_limits_hold_for_the_sum(tmp_path: Path) -> None:
    """Four at once and thirty a second, counted by the server, not twice as much."""
    with limited() as (server,):
        server.allow(0, 0, 0.15)
        limits = "{width: 4, rate: 30}"
        folders = [batch(tmp_path / n, server.url, limits) for n in ("x", "y")]
        runs = [start("run", "m.yaml", folder=each) for each in folders]
        assert [each.wait() for each in runs] == [0, 0]
        counts = server.counts()
    assert counts.taken >= 200, "a request and a deletion each"
    assert counts.most <= 4
    assert counts.densest <= 33, "the wire adds some jitter"
    done = [len(list((each / "out").iterdir())) for each in folders]
    assert done == [50, 50]


def test_a_limit_that_was_found_is_told(tmp_path: Path) -> None:
    """Nobody said that the account takes two at a time."""
    with limited() as (server,):
        server.allow(0, 2, 0.05)
        folder = batch(tmp_path, server.url, "{width: 16}")
        ended = run("run", "m.yaml", "--json", folder=folder)
        assert ended.returncode == 0, ended.stderr
        (summary,) = (e for e in objects(ended.stdout) if e["type"] == "summary")
        assert 1 <= summary["limits"]["a"]["width"] <= 4, "far below 16"
