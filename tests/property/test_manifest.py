"""Whatever stands in a manifest, its user gets faults, never a traceback."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from orchestrator.errors import ManifestError, UsageError
from orchestrator.manifest import load_manifest

BOUNDED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VALID = b"""\
version: 1
x-all: &all {params: {a: [1.50, {b: no}]}, priority: 2}
providers:
  archive: {type: local, url: "http://h", key: "${env:K}", limits: {width: 2}}
defaults: {provider: local, output: "out/{id}.{ext}"}
documents:
  - {id: one, input: a.docx, <<: *all}
  - {id: two, inputs: [a.docx, b.pdf], mode: sync}
  - {glob: "*.pdf", id: "g-{stem}", provider: archive}
  - {rows: r.jsonl, key: number, design: d@1}
  - {rows: r.csv, id: "{number}-x", input: "{file}", numbers: [net]}
"""
DATA = {
    "r.jsonl": b'{"number": 1, "net": 1.50}\n{"number": "\\u00e9", "lines": [{}]}\n',
    "r.csv": b'number,file,net\n1,a.docx,1.50\n2,"b.pdf",\n',
}
words = st.sampled_from(
    [
        "version",
        "documents",
        "id",
        "input",
        "inputs",
        "glob",
        "rows",
        "key",
        "to",
        "defaults",
        "providers",
        "local",
        "type",
        "{id}",
        "{n}",
        "*",
        "**/*",
        "<<",
        "a",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | words
    | st.dates()
    | st.binary(max_size=4)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(words | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)
Loads = Callable[..., None]


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    """Load a manifest, and let pass only what its user may see."""
    (tmp_path / "a.docx").write_bytes(b"a")
    (tmp_path / "b.pdf").write_bytes(b"b")

    def load(raw: bytes, data: dict[str, bytes] | None = None) -> None:
        for name, content in {**DATA, **(data or {}), "m.yaml": raw}.items():
            (tmp_path / name).write_bytes(content)
        with suppress(ManifestError, UsageError):
            manifest = load_manifest(tmp_path / "m.yaml", environment={"K": "k"})
            for entry in manifest.entries():
                str(entry.place)
                str(entry.at("params", "a", 0))
                entry.document.id.encode()
                entry.document.output.encode()
            manifest.finish()

    return load


def mutated(raw: bytes) -> st.SearchStrategy[bytes]:
    """The same bytes with pieces cut out, put in or repeated."""
    piece = st.binary(max_size=6) | words.map(str.encode)
    piece |= st.sampled_from([b"\t", b": ", b"- ", b"\n", b"{", b"}", b"*all", b"&b "])
    edit = st.tuples(st.integers(0, len(raw)), st.integers(0, 12), piece)

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        made = raw
        for at, length, new in edits:
            made = made[:at] + new + made[at + length :]
        return made

    return st.lists(edit, min_size=1, max_size=4).map(apply)


def test_the_valid_manifest_is_valid(tmp_path: Path, loads: Loads) -> None:
    """What is mutated below starts from something that works."""
    loads(VALID)
    manifest = load_manifest(tmp_path / "m.yaml", environment={"K": "k"})
    assert manifest.validate() == 7


@BOUNDED
@given(raw=st.binary(max_size=200))
def test_arbitrary_bytes(loads: Loads, raw: bytes) -> None:
    """Also as rows."""
    loads(raw)
    loads(VALID, {"r.jsonl": raw, "r.csv": raw})


@BOUNDED
@given(tree=trees)
def test_arbitrary_values(loads: Loads, tree: Any) -> None:
    """As a manifest, as its documents, as an entry."""
    whole = {"version": 1, "documents": tree}
    entry = {"version": 1, "documents": [tree]}
    for value in (tree, whole, entry, {**whole, "providers": tree, "defaults": tree}):
        loads(yaml.dump(value, allow_unicode=True).encode("utf-8", "replace"))


@BOUNDED
@given(fields=st.dictionaries(words, trees, max_size=4))
def test_arbitrary_fields_of_an_entry(loads: Loads, fields: dict[str, Any]) -> None:
    """Known keys with unknown values."""
    for kind in ({"id": "x", "input": "a.docx"}, {"glob": "*.pdf"}, {"rows": "r.csv"}):
        entry = {**kind, **fields}
        text = yaml.dump({"version": 1, "documents": [entry]}, allow_unicode=True)
        loads(text.encode("utf-8", "replace"))


@BOUNDED
@given(raw=mutated(VALID))
def test_mutated_manifests(loads: Loads, raw: bytes) -> None:
    """Nearly right is the usual way of being wrong."""
    loads(raw)


@BOUNDED
@given(lines=mutated(DATA["r.jsonl"]), table=mutated(DATA["r.csv"]))
def test_mutated_rows(loads: Loads, lines: bytes, table: bytes) -> None:
    """Data come from elsewhere."""
    loads(VALID, {"r.jsonl": lines, "r.csv": table})
