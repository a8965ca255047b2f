"""A batch of documents that cost little to make, each with its own text."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.killing.parts import KEY_NAME
from orchestrator.batch.accounts import providers
from orchestrator.model import Mode, Operation

_DESIGN = """\
title: One line
standards: ["1.7"]
parameters:
  type: object
  additionalProperties: false
  required: [text]
  properties: {text: {type: string}}
"""
_TYPST = '#set page(width: 60mm, height: 20mm)\n#json("data.json").text\n'


@dataclass(frozen=True, slots=True)
class Batch:
    """A manifest in a folder of its own."""

    manifest: Path
    ids: tuple[str, ...]
    target: str

    @property
    def folder(self) -> Path:
        """Where inputs and outputs are."""
        return self.manifest.parent

    @property
    def ledger(self) -> Path:
        """Its ledger."""
        return self.folder / f"{self.manifest.stem}.batch" / "ledger.sqlite"

    def output(self, id_: str) -> Path:
        """The output of a document."""
        return self.folder / "out" / f"{id_}.{self.target}"

    def settled(self) -> int:
        """Documents that have left the state open by now."""
        if not self.ledger.exists():
            return 0
        query = "SELECT count(*) FROM document WHERE state = 'open'"
        try:
            with closing(sqlite3.connect(self.ledger, timeout=5)) as db:
                known: int = db.execute("SELECT max(key) FROM document").fetchone()[0]
                still_open: int = db.execute(query).fetchone()[0]
                return (known or 0) - still_open
        except sqlite3.Error:
            return 0

    def by_hand(self, id_: str) -> bytes:
        """What a user fetches from the provider's console."""
        text = text_of(id_)
        return pdf(text) if self.target == "pdf" else f"{text}\n".encode()


def modes_of(dialect: str) -> list[Mode]:
    """The modes that a provider has of its own."""
    provider = providers()[dialect]
    return [each for each in Mode if each in provider.flows]


def is_of_designs(dialect: str) -> bool:
    """Whether a provider takes data and no files."""
    return providers()[dialect].operations == {Operation.GENERATE}


def text_of(id_: str) -> str:
    """What a document says."""
    return f"document {id_}"


def write_design(folder: Path) -> Path:
    """A folder with the one design that is used."""
    place = folder / "designs" / "tiny" / "1"
    place.mkdir(parents=True)
    (place / "design.yaml").write_text(_DESIGN)
    (place / "main.typ").write_text(_TYPST)
    (place / "example.json").write_text('{"text": "an example"}')
    return folder / "designs"


def write(
    folder: Path, dialect: str, url: str, *, documents: int, luck: random.Random
) -> Batch:
    """Write the manifest, and the inputs that it names."""
    ids = tuple(f"d{number:06}" for number in range(documents))
    modes = modes_of(dialect)
    has_design = is_of_designs(dialect)
    (folder / "in").mkdir(parents=True)
    lines = [_head(dialect, url, has_design=has_design)]
    for each in ids:
        mode = luck.choice(modes)
        if has_design:
            what = f"design: tiny@1, params: {{text: {text_of(each)}}}"
        else:
            what = f"input: in/{each}.pdf"
            (folder / "in" / f"{each}.pdf").write_bytes(pdf(text_of(each)))
        lines.append(f"- {{id: {each}, {what}, mode: {mode}}}\n")
    manifest = folder / "kills.yaml"
    manifest.write_text("".join(lines))
    return Batch(manifest, ids, "pdf" if has_design else "txt")


def _head(dialect: str, url: str, *, has_design: bool) -> str:
    target = "pdf" if has_design else "txt"
    return (
        "version: 1\n"
        "providers:\n"
        f"  apart: {{type: {dialect}, url: '{url}', key: '${{env:{KEY_NAME}}}'}}\n"
        f"defaults: {{provider: apart, to: {target}}}\n"
        "documents:\n"
    )


def pdf(text: str) -> bytes:
    """A page with one line: the PDF that is read back soonest."""
    content = b"BT /F1 12 Tf 20 100 Td (%s) Tj ET" % text.encode("ascii")
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R"
            b"/Resources<</Font<</F1 5 0 R>>>>>>"
        ),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    made, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return made + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, table, count, len(made))
    )
