"""The example of docs/examples/provider: a provider of another package."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from orchestrator.batch import accounts
from orchestrator.manifest import load_manifest
from orchestrator.wire.flow import Provider
from tests import exchange

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "provider"
MANIFEST = """\
version: 1
providers:
  press: {type: paperpress, key: "${env:PRESS}"}
documents:
  - {id: letter, input: letter.txt, provider: press}
"""


@pytest.fixture
def paperpress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The provider, found as it is once its package is installed."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = tmp_path / "orchestrator_paperpress-1.0.dist-info"
    info.mkdir()
    named = f"Name: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{named}")
    ((group, points),) = project["entry-points"].items()
    lines = [f"{name} = {where}" for name, where in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    accounts.providers.cache_clear()
    yield accounts.providers()["paperpress"]
    accounts.providers.cache_clear()
    sys.modules.pop("paperpress", None)


def test_an_installed_package_adds_a_provider(
    paperpress: Provider, tmp_path: Path
) -> None:
    """A manifest may name it like one of ours, which stay what they are."""
    assert paperpress.name == "paperpress"
    assert set(accounts.providers()) > {"local", "compdf", "convertapi"}
    (tmp_path / "letter.txt").write_text("hello")
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST)
    manifest = load_manifest(
        path, environment={"PRESS": "k"}, types=tuple(accounts.providers())
    )
    account = accounts.accounts_of(manifest.settings.accounts)["press"]
    assert account.provider is paperpress
    assert account.auth("k", "") == (("X-Press-Key", "k"),)


def test_its_exchanges_hold(paperpress: Provider) -> None:
    """Every step has one, and is what it says."""
    seen = set()
    for path in sorted((EXAMPLE / "exchanges").glob("*.json")):
        record = exchange.read(path)
        seen.add(exchange.place_of(record))
        step = exchange.step_at(paperpress, exchange.place_of(record))
        job, before = exchange.job_of(record), exchange.before(record)
        request = exchange.shown(step.build(job, before))
        exchange.compare(request, record.get("request", {"url": request["url"]}), "")
        after = step.parse(job, before, exchange.reply(record["reply"]))
        exchange.compare(msgspec.to_builtins(after), record["after"], path.stem)
    assert seen == set(exchange.places(paperpress))
