"""The short way of a plain entry says what the long way says."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from orchestrator.errors import Fault, ManifestError, Place
from orchestrator.manifest import load_manifest
from orchestrator.manifest.entries import Builder
from orchestrator.manifest.expand import Expander
from orchestrator.model import Document

Told = tuple[list[tuple[Document, Place, Place]], list[Fault]]
BOUNDED = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ids = st.sampled_from(
    [
        *("a", "b", "A", "a.b", "a..b", "..", ".", "-a", "a/b", "a b", " a", "", " "),
        *("ä", "a\tb", "a\x7f", "x" * 100, "x" * 120, "x" * 201, "q7Zx3Jw9Kd5v"),
        *("null", "1"),
    ]
)
odd = st.sampled_from([None, True, 1, 1.5, "", " ", [], ["one.txt"], {}, {"a": 1}])
inputs = st.sampled_from(
    ["one.txt", "two.docx", "none.txt", "noend", "./one.txt", "in"]
)
outputs = st.sampled_from(
    [
        *("{id}", "o/{id}.{ext}", "{id}/{id}.{ext}", "../{id}", "{id}/../{id}", "x"),
        *("/abs/{id}", "{stem}-{id}", "o/", "./{id}", "{id}{n}", "q7Zx3Jw9Kd5v{id}"),
        *("{id}/", "y" * 99 + "{id}", "y" * 200 + "{id}", "{id", "{nothing}", ".{id}"),
        "a//{id}",
    ]
)
entries = st.fixed_dictionaries(
    {"id": ids | odd, "input": inputs | odd},
    optional={
        "to": st.sampled_from(["pdf", "PDF", "png", "nothing"]) | odd,
        "output": outputs | odd,
        "mode": st.sampled_from(["sync", "auto", "never"]) | odd,
        "priority": st.sampled_from([0, 1, True, 2000, "1"]) | odd,
        "source": st.sampled_from(["txt", "jpeg"]) | odd,
        "operation": st.sampled_from(["convert", "merge", "split"]) | odd,
        "params": odd,
        "provider": st.sampled_from(["local", "nobody"]) | odd,
        "design": odd,
        "number": odd,
        "more": odd,
    },
)
files = st.sampled_from(["one.txt", "two.docx", "./one.txt", "one.txt", "none.txt"])
rests = st.fixed_dictionaries(
    {}, optional={"to": st.sampled_from(["pdf", "png"]), "output": outputs}
)
alike = st.builds(
    lambda rest, found: [{"id": id_, "input": path, **rest} for id_, path in found],
    rests,
    st.lists(st.tuples(ids, files), min_size=1, max_size=8),
)


def told(path: Path) -> Told:
    """Documents with two of their places, and all faults."""
    manifest = load_manifest(path)
    found = [(e.document, e.place, e.at("input")) for e in manifest.entries()]
    try:
        manifest.finish()
    except ManifestError as error:
        return found, error.faults
    return found, []


def told_the_long_way(path: Path) -> Told:
    """The same, with neither of the two short ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Expander, "_plain", lambda *_: None)
        patch.setattr(Builder, "_around_id", lambda *_: None)
        return told(path)


@BOUNDED
@given(alike | st.lists(entries, min_size=1, max_size=4), outputs | st.none())
def test_plain_entries_are_as_all_others(
    tmp_path: Path, found: list[dict[str, Any]], output: str | None
) -> None:
    """Documents, places and faults, whatever stands in an entry."""
    for name in ("one.txt", "two.docx", "noend"):
        (tmp_path / name).write_text(name)
    (tmp_path / "in").mkdir(exist_ok=True)
    path = tmp_path / "m.yaml"
    head = {"version": 1, "defaults": {"output": output} if output else {}}
    # Twice, so that what one entry taught the next one may use.
    every = [*found, *deepcopy(found)]
    path.write_text(yaml.safe_dump({**head, "documents": every}))
    assert told(path) == told_the_long_way(path)
