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

HEAD = "version: 1\ndefaults: {to: pdf}\ndocuments:\n"
REFUSED = [
    *("a\u2028b", "a\u2029b", "a\u0085b", "\u202egpj.exe", "\u2066x\u2069"),
    *("a\u200bb", "a\x07b", "\x1b[31mred\x1b[0m", "a\nb", "a\tb", "a\x00b"),
    *("x" * 4000, "  a  ", "\ue000", ""),
]
TAKEN = ["e\u0301", "見積書 🧾", "=1+1", "x" * 200, 'say "hi", a;b', "ﬁ", "عربي"]
UPPER, BROKEN = "E\u0301.PDF", "a\u2028b.pdf"
FORBIDDEN = ("Cc", "Cf", "Zl", "Zp", "Cs")
"""Kinds of characters that would break a line, or turn a terminal's output around."""


def quoted(text: str) -> str:
    """A text as YAML has it, every character outside ASCII by its number."""
    plain = {each for each in map(chr, range(32, 127)) if each not in '"\\'}
    return f'"{"".join(c if c in plain else f"{chr(92)}U{ord(c):08X}" for c in text)}"'


def write(folder: Path, *entries: str) -> Path:
    """A manifest with these entries, and one file for all of them."""
    (folder / "a.txt").write_text("text\n")
    manifest = folder / "m.yaml"
    manifest.write_text(HEAD + "".join(f"- {{{each}}}\n" for each in entries))
    return manifest


def surprises(text: str) -> set[str]:
    """Characters of an output that could surprise a terminal."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in FORBIDDEN}


def test_ids_that_would_break_a_line_are_located_faults(tmp_path: Path) -> None:
    """Each at its own place, and nothing of them reaches the terminal."""
    manifest = write(
        tmp_path,
        *(
            f"id: {quoted(id_)}, input: a.txt, output: {n}.pdf"
            for n, id_ in enumerate(REFUSED)
        ),
    )
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 1
    for n in range(len(REFUSED)):
        assert f"m.yaml:{n + 4}:8: " in ended.stderr, repr(REFUSED[n])
    assert not surprises(ended.stderr)
    assert max(map(len, ended.stderr.split("\n"))) < 600
    assert not (tmp_path / "m.batch").exists()


def test_all_other_ids_go_all_the_way(tmp_path: Path) -> None:
    """Ledger, both exports, status and plan agree on every one, letter by letter."""
    manifest = write(
        tmp_path,
        *(
            f"id: {quoted(id_)}, input: a.txt, output: {n}.pdf"
            for n, id_ in enumerate(TAKEN)
        ),
    )
    ended = command.run("run", manifest, "--json", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    done = [each["id"] for each in command.objects(ended.stdout)[1:-1]]
    assert sorted(done) == sorted(TAKEN)
    table = command.run("ledger", "export", manifest, folder=tmp_path).stdout
    assert [row["id"] for row in csv.DictReader(io.StringIO(table))] == TAKEN
    lines = command.run(
        "ledger", "export", manifest, "--format", "jsonl", folder=tmp_path
    ).stdout
    assert [json.loads(line)["id"] for line in lines.split("\n") if line] == TAKEN
    status = command.run("status", manifest, "--list", "done", folder=tmp_path).stdout
    assert all(f"done  {id_}\n" in status for id_ in TAKEN)
    assert not surprises(status)


def test_outputs_that_no_disk_can_hold_are_located_faults(tmp_path: Path) -> None:
    """Too long, one name for two (by case or by form), a file as a folder."""
    (tmp_path / "file").write_text("x")
    manifest = write(
        tmp_path,
        f"id: a, input: a.txt, output: {'n' * 252}.pdf",
        f"id: b, input: a.txt, output: {'n' * 256}/x.pdf",
        "id: c, input: a.txt, output: file/x.pdf",
        f"id: d, input: a.txt, output: {quoted('é.pdf')}",
        f"id: e, input: a.txt, output: {quoted(UPPER)}",
        f"id: f, input: a.txt, output: {quoted('straße.pdf')}",
        f"id: g, input: a.txt, output: {quoted('STRASSE.pdf')}",
        f"id: h, input: a.txt, output: {quoted(BROKEN)}",
        "id: i, input: a.txt, output: file/y.pdf",
    )
    ended = command.run("validate", manifest, "--json", folder=tmp_path)
    assert ended.returncode == 1
    faults = {each["line"]: each["message"] for each in command.objects(ended.stdout)}
    assert sorted(faults) == [4, 5, 6, 8, 10, 11]
    assert "255 bytes" in faults[4]
    assert "255 bytes" in faults[5]
    assert faults[6].endswith("is a file; 2 documents go there")


def test_messages_steer_no_terminal(tmp_path: Path) -> None:
    """A folder may have any name; a message shows it as far as it is letters."""
    folder = tmp_path / "a\x1b[31m\u202e\nb"
    folder.mkdir()
    manifest = write(folder, "id: a, input: gone.txt, output: a.pdf")
    for ended in (
        command.run("run", manifest, folder=tmp_path),
        command.run("status", manifest, folder=tmp_path),
    ):
        assert ended.returncode == 1
        assert not surprises(ended.stderr)
