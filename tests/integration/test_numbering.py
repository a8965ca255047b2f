"""Numbers across processes: killed between two stores, and two at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.batch.api import load_manifest, opened, plan_batch, run_batch
from orchestrator.errors import ManifestError
from orchestrator.ledger.numbers import Numbered, Standing, numbers, settle
from orchestrator.model import Document, State
from tests.bills import bill

ROOT = Path(__file__).parents[2]

# Validates, reserves and merges as a run does, and dies where it is told to.
RUN = """
import os, signal, sys
from pathlib import Path
from orchestrator.batch.api import load_manifest, opened
from orchestrator.batch.prepare import Prepared
from orchestrator.ledger.register import Register

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "before the ledger":
    Prepared.merge = die
if sys.argv[2] == "before the commit":
    Register._refuse_overtaken = die
if sys.argv[2] == "wait":
    print("ready", flush=True)
    sys.stdin.readline()
with opened(load_manifest(Path(sys.argv[1]))) as (batch, folder):
    print(batch.diff.documents)
"""


def write(folder: Path, name: str, count: int, **changes: object) -> Path:
    """A manifest of invoices without numbers."""
    folder.mkdir(exist_ok=True)
    rows = []
    for n in range(count):
        params = bill(references={"order": f"{name}-{n}"}, **changes)
        del params["number"]
        rows.append(json.dumps(params) + "\n")
    (folder / f"{name}.jsonl").write_text("".join(rows))
    path = folder / f"{name}.yaml"
    path.write_text(f"""version: 1
defaults: {{output: "out/{{number}}.pdf"}}
documents:
- rows: {name}.jsonl
  key: references.order
  design: invoice@1
  number: {{series: KK, format: "KK-{{year}}-{{n:05}}"}}
""")
    return path


def process(manifest: Path, how: str = "") -> subprocess.Popen[str]:
    """A process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(manifest), how],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def merged(manifest: Path) -> list[Document]:
    """The documents of a batch after a run that nobody kills."""
    with opened(load_manifest(manifest)) as (batch, _):
        return [document for document, _, _ in batch.stage.documents()]


def every(folder: Path) -> list[Numbered]:
    """All numbers; there are no gaps."""
    with numbers(folder / "numbers.sqlite") as store:
        assert list(store.gaps()) == []
        return list(store.every())


@pytest.mark.parametrize("where", ["before the commit", "before the ledger"])
def test_a_kill_between_the_stores_leaves_no_gap(tmp_path: Path, where: str) -> None:
    """SIGKILL around the commit of the numbers; the next run goes on as if nothing was.

    Before the commit nothing is reserved; after it, the same documents have the same
    numbers, also where another batch came between.
    """
    manifest = write(tmp_path, "march", 20)
    killed = process(manifest, where)
    assert killed.wait(timeout=30) == -signal.SIGKILL
    killed.communicate()
    assert not (manifest.parent / "march.batch" / "ledger.sqlite").exists()
    first = every(tmp_path)
    assert len(first) == (20 if where == "before the ledger" else 0)
    merged(write(tmp_path, "april", 5))
    documents = merged(manifest)
    after = every(tmp_path)
    assert [each for each in after if each.batch == "march"][: len(first)] == first
    assert len({each.number for each in after}) == len(after) == 25
    of = {each.document: each.number for each in after if each.batch == "march"}
    assert {x.id: x.params["number"] for x in documents} == of
    assert all(Path(x.output).stem == x.params["number"] for x in documents)


def test_processes_at_once_share_a_series(tmp_path: Path) -> None:
    """Four of them, started together: contiguous blocks in the order of the rows."""
    names = ["a", "b", "c", "d"]
    started = [process(write(tmp_path, name, 60), "wait") for name in names]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    for each in started:
        out, _ = each.communicate(timeout=50)
        assert (each.returncode, out) == (0, "60\n")
    found = every(tmp_path)
    assert [each.n for each in found] == list(range(1, 241))
    for name in names:
        mine = [each for each in found if each.batch == name]
        assert mine[-1].n - mine[0].n == 59
        assert [each.document for each in mine] == [f"{name}-{n}" for n in range(60)]


def test_a_faulty_manifest_reserves_nothing(tmp_path: Path) -> None:
    """One wrong row among many; and a plan reserves nothing either."""
    manifest = write(tmp_path, "march", 3)
    plan = plan_batch(load_manifest(manifest))
    assert [(each.first, each.last, each.count) for each in plan.numbers] == [
        ("KK-2026-00001", "KK-2026-00003", 3)
    ]
    write(tmp_path, "march", 3, currency="EUX")
    with pytest.raises(ManifestError), opened(load_manifest(manifest)):
        pass
    assert not (tmp_path / "numbers.sqlite").exists()


def test_a_split_batch_has_the_same_documents(tmp_path: Path) -> None:
    """Two manifests one after the other, or one with all: the same data and hashes."""
    whole = merged(write(tmp_path / "whole", "all", 10))
    text = (tmp_path / "whole" / "all.jsonl").read_text()
    halves = []
    for name, rows in (("first", slice(0, 4)), ("second", slice(4, None))):
        manifest = write(tmp_path / "parts", name, 0)
        part = "".join(text.splitlines(keepends=True)[rows])
        (tmp_path / "parts" / f"{name}.jsonl").write_text(part)
        halves += merged(manifest)
    assert len(whole) == len(halves) == 10
    for one, other in zip(whole, halves, strict=True):
        assert one.params == other.params
        assert Path(one.output).name == Path(other.output).name


BY_NUMBER = """version: 1
documents:
- {rows: r.jsonl, id: "{number}-{buyer.name}", design: invoice@1}
"""


def given(folder: Path, *numbered: tuple[str, str, str]) -> Path:
    """Invoices with numbers in the data: number, seller, buyer."""
    rows = []
    for number, seller, buyer in numbered:
        params = bill(number=number)
        params["seller"]["name"] = seller
        params["buyer"]["name"] = buyer
        rows.append(json.dumps(params) + "\n")
    (folder / "r.jsonl").write_text("".join(rows))
    (folder / "m.yaml").write_text(BY_NUMBER)
    return folder / "m.yaml"


def test_an_issuer_never_uses_a_number_twice(tmp_path: Path) -> None:
    """Whatever the ids are; two issuers may have the same number."""
    manifest = given(
        tmp_path, ("1", "S", "a"), ("1", "T", "a2"), ("1", "S", "b"), ("2", "S", "c")
    )
    with pytest.raises(ManifestError) as wrong:
        plan_batch(load_manifest(manifest))
    (fault,) = wrong.value.faults
    assert fault.place.line == 3
    assert "the number 1 is taken; the other is at" in fault.message
    assert fault.message.endswith("r.jsonl:1:1 [E_DUPLICATE_NUMBER]")


async def test_a_number_of_an_earlier_run_is_not_used_again(tmp_path: Path) -> None:
    """Its document is gone from the manifest, its page is not gone from the world."""
    async for verdict in run_batch(load_manifest(given(tmp_path, ("1", "S", "a")))):
        assert verdict.state is State.DONE
    manifest = given(tmp_path, ("1", "S", "b"))
    with pytest.raises(ManifestError, match="1 was used for 1-a in an earlier run"):
        plan_batch(load_manifest(manifest))
    assert plan_batch(load_manifest(given(tmp_path, ("2", "S", "b")))).new == 1


async def test_a_number_is_delivered_when_its_page_is(tmp_path: Path) -> None:
    """And not by a page that the same document had before it was numbered."""
    manifest = write(tmp_path, "march", 2)
    text = manifest.read_text()
    plain = text.replace("{number}", "{id}").replace("  number: {", "  x: {")
    plain = "".join(x for x in plain.splitlines(keepends=True) if "  x: {" not in x)
    rows = tmp_path / "march.jsonl"
    bare = rows.read_text()
    rows.write_text(bare.replace('{"issue_date"', '{"number": "X-1", "issue_date"', 1))
    lines = rows.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace('{"issue_date"', '{"number": "X-2", "issue_date"', 1)
    rows.write_text("".join(lines))
    manifest.write_text(plain)
    async for verdict in run_batch(load_manifest(manifest)):
        assert verdict.state is State.DONE
    rows.write_text(bare)
    manifest.write_text(text)
    killed = process(manifest, "before the ledger")
    assert killed.wait(timeout=30) == -signal.SIGKILL
    killed.communicate()
    ledger = tmp_path / "march.batch" / "ledger.sqlite"
    settle(tmp_path / "numbers.sqlite", "march", ledger, 1.0)
    assert {each.state for each in every(tmp_path)} == {Standing.RESERVED}
    async for verdict in run_batch(load_manifest(manifest)):
        assert verdict.state is State.DONE
    assert {each.state for each in every(tmp_path)} == {Standing.DELIVERED}


def test_an_id_that_comes_twice_is_told_beside_other_faults(tmp_path: Path) -> None:
    """Also though documents are staged before the whole manifest was read."""
    manifest = given(tmp_path, ("1", "S", "a"), ("2", "S", "a"), ("2", "S", "b"))
    manifest.write_text(BY_NUMBER.replace("{number}-", ""))
    with pytest.raises(ManifestError) as wrong:
        plan_batch(load_manifest(manifest))
    told = [fault.message for fault in wrong.value.faults]
    assert len(told) == 2
    assert any("the id “a” is taken" in each for each in told)
    assert any("E_DUPLICATE_NUMBER" in each for each in told)
