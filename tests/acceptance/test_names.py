"""Ids and names that a terminal, a CSV file or a file system could stumble over."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest

from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

HEAD = "version: 1\ndefaults: {to: pdf}\n"
AWKWARD = {
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "next line": "a\u0085b",
    "right to left": "\u202egpj.exe",
    "isolate": "\u2066x\u2069",
    "zero width": "a\u200bb\ufeff",
    "emoji": "👩‍👩‍👧‍👦 🧾",
    "combining": "e\u0301",
    "bell": "a\x07b",
    "escape": "\x1b[31mred\x1b[0m",
    "newline": "a\nb",
    "tab": "a\tb",
    "long": "x" * 4000,
    "blank": "  a  ",
    "formula": "=1+1",
    "private": "\ue000",
}
FORBIDDEN = ("Cc", "Cf", "Zl", "Zp", "Cs")
"""Kinds of characters that would break a line, or turn a terminal's output around."""


def manifest_of(folder: Path, entries: list[dict[str, object]]) -> Path:
    """A manifest in JSON, which is YAML, with one file for all entries."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_text("text\n")
    manifest = folder / "m.yaml"
    lines = [f"- {json.dumps(each)}\n" for each in entries]
    manifest.write_text(HEAD + "documents:\n" + "".join(lines), "utf-8")
    return manifest


def is_clean(text: str) -> bool:
    """Whether no line of an output can surprise a terminal."""
    return not [
        each
        for each in text.replace("\n", "")
        if unicodedata.category(each) in FORBIDDEN
    ]


def ids(*, without: set[str]) -> list[str]:
    """The awkward ids but some."""
    return [id_ for name, id_ in AWKWARD.items() if name not in without]


def test_awkward_ids_go_all_the_way(tmp_path: Path) -> None:
    """Run, ledger, both exports and status agree on every id, and print no surprise."""
    entries = [
        {"id": id_, "input": "a.txt", "output": f"out/{n}.pdf"}
        for n, id_ in enumerate(AWKWARD.values())
    ]
    manifest = manifest_of(tmp_path, entries)
    planned = command.run("plan", manifest, "--documents", folder=tmp_path)
    faults = planned.stderr
    print(planned.stdout[:3000], faults)
    assert False
