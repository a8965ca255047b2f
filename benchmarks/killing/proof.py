"""Compares the bill, the ledger and the files, and says what they prove."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.killing import witness
from benchmarks.killing.batch import Batch, text_of


@dataclass(frozen=True, slots=True)
class Proof:
    """What stands after a run.

    Attributes:
        documents: How many were asked for.
        billed: Lines of the bill.
        twice: Documents that were billed more than once, with how often.
        unnamed: Lines of the bill that name no document.
        states: Documents by state, as the ledger has it.
        wrong: Outputs that are not what they should be, and why.
        strangers: Files beside the outputs: parts that were left.
        open: Documents that are not done: id, state, code, whether they were billed.
        integrity: What SQLite says of the ledger.
    """

    documents: int
    billed: int
    twice: dict[str, int]
    unnamed: int
    states: Counter[str]
    wrong: dict[str, str]
    strangers: tuple[str, ...]
    open: list[tuple[str, str, str, int]] = field(default_factory=list)
    integrity: str = "ok"

    @property
    def done(self) -> int:
        """Documents that are done."""
        return self.states["done"]

    @property
    def lost(self) -> int:
        """Documents of which nobody says what became of them."""
        return self.documents - sum(self.states.values())

    def faults(self) -> list[str]:
        """What a promise forbids."""
        said = [f"{id_} was billed {n} times" for id_, n in sorted(self.twice.items())]
        said += [f"{id_}: {why}" for id_, why in sorted(self.wrong.items())]
        said += [f"{name} was left behind" for name in self.strangers]
        said += [
            f"{id_} is {state}: {code}"
            for id_, state, code, _ in self.open
            if state != "in_doubt"
        ]
        if self.unnamed:
            said.append(f"{self.unnamed} lines of the bill name no document")
        if self.lost:
            said.append(f"{self.lost} documents are not in the ledger")
        if self.integrity != "ok":
            said.append(f"the ledger: {self.integrity}")
        return said


def prove(batch: Batch, data: Path) -> Proof:
    """Read everything again."""
    bill, unnamed = witness.bill_of(data)
    with closing(sqlite3.connect(f"file:{batch.ledger}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT id, state, code, outputs FROM document").fetchall()
        integrity = db.execute("PRAGMA integrity_check").fetchone()[0]
    wrong: dict[str, str] = {}
    for id_, state, _, outputs in rows:
        why = _judge(batch, id_, outputs) if state == "done" else None
        if state == "done" and not bill[id_]:
            why = "it is done, and was never billed"
        if state != "done" and batch.output(id_).exists():
            why = f"it is {state}, and has an output"
        if why:
            wrong[id_] = why
    names = {batch.output(each).name for each in batch.ids}
    made = batch.output(batch.ids[0]).parent
    return Proof(
        documents=len(batch.ids),
        billed=bill.total() + unnamed,
        twice={id_: count for id_, count in bill.items() if count > 1},
        unnamed=unnamed,
        states=Counter(state for _, state, _, _ in rows),
        wrong=wrong,
        strangers=tuple(
            sorted(each.name for each in made.glob("*") if each.name not in names)
        ),
        open=sorted(
            (id_, state, code or "", bill[id_])
            for id_, state, code, _ in rows
            if state != "done"
        ),
        integrity=integrity,
    )


def _judge(batch: Batch, id_: str, outputs: str) -> str | None:
    """Say what is wrong with the output of a document that is done."""
    path = batch.output(id_)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return "its output is missing"
    (kept,) = json.loads(outputs)
    if kept["sha256"] != hashlib.sha256(content).hexdigest():
        return "its output is not the one of the ledger"
    if _said(path, content) != text_of(id_):
        return "its output says something else"
    return None


def _said(path: Path, content: bytes) -> str:
    if path.suffix == ".txt":
        return content.decode().strip()
    import pypdfium2  # noqa: PLC0415  # only where results are PDFs

    with closing(pypdfium2.PdfDocument(content)) as document:
        text: str = document[0].get_textpage().get_text_range()
    return text.strip()
