"""The command that prints all benchmarks: nothing in it may stop the rest."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from contextlib import suppress
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from benchmarks.__main__ import ALL
from benchmarks.table import Row, UnavailableError, markdown, plain
from benchmarks.whole import Measure, main, short

ROWS = (Row("bare", 2000, 1900, 2100), Row("ours", 1, 1, 2, 0.5, goal="≥ 1", met=False))


def _lacks() -> list[Row]:
    raise UnavailableError("needs nginx")


def _breaks() -> list[Row]:
    raise RuntimeError("not every\nfile was written")


def _misspelled() -> list[Row]:
    importlib.import_module("benchmarks.nowhere")
    return []


def _other() -> list[Row]:
    importlib.import_module("nowhere")
    return []


@pytest.mark.parametrize(
    ("measure", "key", "words"),
    [
        (_lacks, "left_out", "needs nginx"),
        (_other, "left_out", "No module named 'nowhere'"),
        (_misspelled, "failed", "No module named 'benchmarks.nowhere'"),
        (_breaks, "failed", "RuntimeError: not every file was written"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(
    measure: Measure,
    key: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is missing here leaves out, what is broken fails; both end with 0."""
    into = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["run", "x", "--into", str(into)])
    assert main({"x": measure}) == 0
    told = json.loads(into.read_text())
    assert told[key].startswith(words)
    assert "\n" not in told[key]


def test_short_forms_fit_their_benchmarks() -> None:
    """Sizes are keywords: nobody else checks them before the run comes to them."""
    for name, each in ALL.items():
        if not isinstance(each, short):
            continue
        assert importlib.util.find_spec(f"benchmarks.{each.module}"), name
        with suppress(ModuleNotFoundError):  # an extra of its own
            inspect.signature(each.function()).bind(**each.given)


def test_a_missed_goal_is_marked_in_both_tables() -> None:
    """Both have every row, and each row of Markdown all its cells."""
    assert [line for line in plain(ROWS, "x") if "MISSED" in line]
    table = list(markdown(ROWS, "x"))
    assert table[-1].startswith("| ours | 1 | 1…2 | docs/s | 0.50 |")
    assert {line.count("|") for line in table} == {9}
    alone = replace(ROWS[0], ratio=nan)
    assert "| docs/s |  |  |" in list(markdown([alone]))[-1]
