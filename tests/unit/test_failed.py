"""A list of failures is a manifest: what it says means the same as before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from yaml import CSafeLoader

from orchestrator.batch import load_manifest
from orchestrator.batch.failed import comment, value_text, write_manifest
from orchestrator.errors import UsageError
from orchestrator.ledger.view import Row
from orchestrator.manifest import Manifest
from orchestrator.manifest.compose import Composer
from orchestrator.model import Blame, Document, Failure, Output, Remedy, State

WHY = Failure("bad", "it is\nbad: {no} # way", Blame.DOCUMENT, Remedy.FAIL)
AWKWARD = (
    "no",
    "007",
    "12:30",
    "~",
    "",
    " x ",
    "a: b # c",
    '"\\',
    "é漢😀",
    "\u2028\x85",
)
MANIFEST = """
version: 1
name: bills
x-mine: &seller {name: "A: B"}
providers:
  far: {type: local, url: 'http://127.0.0.1:1', key: '${file:secret/key}', price: 0.10}
defaults: {provider: far, to: pdf, params: {landscape: true}, mode: async, priority: 3}
designs: designs
webhooks: {inbox: hooks}
documents:
- {rows: rows.jsonl, key: number, design: sample@1, params: {seller: *seller}}
- {id: pack, inputs: [in/a.pdf, "in/b: c.pdf"], output: "../away/{id}.{ext}"}
- {id: pages, input: in/a.pdf, to: png, output: "p/{id}-{n:03}.{ext}", mode: auto}
- {id: parts, input: in/odd, source: pdf, operation: split, output: "s/{n}.pdf"}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A manifest in a folder of its own, with all that it names."""
    home = tmp_path / "home"
    for each in ("in", "secret", "designs"):
        (home / each).mkdir(parents=True)
    for name in ("a.pdf", "b: c.pdf", "odd"):
        (home / "in" / name).write_bytes(b"%PDF")
    (home / "secret" / "key").write_text("k")
    row = {"number": "N-1", "title": "T", "total": 1, "words": list(AWKWARD)}
    text = json.dumps(row)[:-1] + ', "exact": 1.10, "none": null, "is": false}'
    (home / "rows.jsonl").write_text(text + "\n")
    (home / "m.yaml").write_text(MANIFEST)
    return load_manifest(home / "m.yaml")


def rows(documents: list[Document]) -> list[Row]:
    """Them, failed."""
    return [Row(each, State.FAILED, (), WHY, "", None, None) for each in documents]


@pytest.mark.parametrize("place", ["home", ".", "other/deep"])
def test_the_list_means_what_the_manifest_meant(
    tmp_path: Path, manifest: Manifest, place: str
) -> None:
    """From wherever it is written: documents, accounts, designs, secrets."""
    documents = list(manifest.documents())
    target = tmp_path / place / "again.yaml"
    assert write_manifest(manifest, rows(documents), target).documents == 4
    again = load_manifest(target, environment={})
    assert list(again.documents()) == documents
    assert again.settings.accounts["far"].price == Decimal("0.10")
    assert again.settings.name == "bills-again"
    before, after = manifest.settings, again.settings
    assert after.designs is not None
    assert before.designs is not None
    assert after.designs.resolve() == before.designs.resolve()
    assert after.webhooks.inbox is not None
    assert after.webhooks.inbox.resolve() == tmp_path / "home" / "hooks"
    text = target.read_text("utf-8")
    assert text.count("# failed: bad: it is bad: {no} # way\n- {") == 4
    assert 'exact": 1.10' in text


def test_none_are_no_manifest_and_no_file_is_replaced_unasked(
    tmp_path: Path, manifest: Manifest
) -> None:
    """Whole or absent, and never over what is there."""
    documents = list(manifest.documents())
    target = tmp_path / "again.yaml"
    assert write_manifest(manifest, [], target).documents == 0
    assert not target.exists()
    target.write_text("mine")
    with pytest.raises(UsageError, match="--overwrite"):
        write_manifest(manifest, rows(documents), target)
    with pytest.raises(UsageError, match="no list that"):
        write_manifest(manifest, rows(documents), target, overwrite=True)
    assert target.read_text() == "mine"
    target.unlink()
    write_manifest(manifest, rows(documents), target)
    write_manifest(manifest, rows(documents[:1]), target, overwrite=True)
    assert len(list(load_manifest(target, environment={}).documents())) == 1
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == [target.name]


def test_what_a_manifest_leaves_open_stays_open(
    manifest: Manifest, tmp_path: Path
) -> None:
    """The plan of a document is not what was asked for."""
    document = list(manifest.documents())[2]
    planned = replace(document, reason="small", n=9, overwrite=True)
    write_manifest(manifest, rows([planned]), tmp_path / "again.yaml")
    (found,) = load_manifest(tmp_path / "again.yaml", environment={}).documents()
    assert (found.asked, found.reason, found.overwrite) == (None, "", False)


def test_the_manifest_that_is_read_is_never_replaced(manifest: Manifest) -> None:
    """By whatever name; globs and comments of its author would be gone."""
    documents = list(manifest.documents())
    path = manifest.settings.path
    before, link = path.read_bytes(), path.with_name("link.yaml")
    link.symlink_to(path)
    for target in (path, link):
        with pytest.raises(UsageError, match="the manifest itself"):
            write_manifest(manifest, rows(documents), target, overwrite=True)
    assert path.read_bytes() == before


def test_what_no_manifest_takes_is_left_out_and_told(
    tmp_path: Path, manifest: Manifest
) -> None:
    """A name with a line break, an account that is gone, a file in the way."""
    pack, pages, good = list(manifest.documents())[1:]
    odd = tmp_path / "home" / "in" / "a\nb.pdf"
    odd.write_bytes(b"%PDF")
    broken = replace(pages.inputs[0], path=str(odd))
    (tmp_path / "p").mkdir()
    Path(pack.output).parent.mkdir(exist_ok=True)
    Path(pack.output).write_text("a stranger's")
    few = [
        replace(pages, inputs=(broken,)),
        good,
        replace(good, id="gone", provider="gone", output=f"{tmp_path}/g-{{n}}.pdf"),
        pack,
    ]
    target = tmp_path / "again.yaml"
    listed = write_manifest(manifest, rows(few), target)
    assert listed.documents == 1
    assert set(listed.refused) == {"pages", "gone", "pack"}
    assert "control characters" in listed.refused["pages"]
    assert "unknown provider" in listed.refused["gone"]
    assert "exists" in listed.refused["pack"]
    assert list(load_manifest(target, environment={}).documents()) == [
        replace(good, n=0)
    ]
    assert target.read_text("utf-8").count("# failed:") == 1
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == [target.name]


def test_an_output_of_our_own_may_be_replaced(
    tmp_path: Path, manifest: Manifest
) -> None:
    """It was done, changed, and failed: what it was is still there."""
    document = list(manifest.documents())[1]
    place = Path(document.output)
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"made")
    sha = hashlib.sha256(b"made").hexdigest()
    (row,) = rows([document])
    row = replace(row, outputs=(Output(str(place), 4, sha),))
    assert write_manifest(manifest, [row], tmp_path / "again.yaml").documents == 1
    (found,) = load_manifest(tmp_path / "again.yaml", environment={}).documents()
    assert found.overwrite
    place.write_bytes(b"signed")
    listed = write_manifest(manifest, [row], tmp_path / "other.yaml")
    assert (listed.documents, set(listed.refused)) == (0, {"pack"})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.decimals(-1000, 1000, places=2).filter(lambda each: str(each)[0] != "-")
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_value_comes_back(value: Any) -> None:
    """Through the reader of manifests itself."""
    parser = CSafeLoader(value_text(value))
    faults: list[str] = []
    for _ in range(2):
        parser.get_event()
    composer = Composer(parser.get_event, lambda _mark, why, _hint: faults.append(why))
    found = composer.entry(parser.get_event()).value
    assert faults == []
    assert found == value
    assert str(found) == str(value)


def test_comments_stay_in_their_lines() -> None:
    """Whatever a provider says."""
    assert comment("a\nb\u2028c\x85") == "a b c "
    assert len(comment("x" * 5000)) == 301
