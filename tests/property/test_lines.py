"""Entries on lines of their own are what the parser makes of them, faults included."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.errors import Fault
from orchestrator.manifest import lines
from orchestrator.manifest.compose import Marks, Spot
from orchestrator.manifest.faults import Faults
from orchestrator.manifest.walk import Walk

words = st.sampled_from(
    [
        *("a", "b.txt", "a/b", "a b", "in/a-b.txt", "1", "1.50", "007", "true", "null"),
        *(
            "~",
            "-a",
            "a:b",
            "a: b",
            "a#b",
            "a #b",
            "'a'",
            '"a, b"',
            "a,b",
            "",
            " ",
            "ä",
        ),
        *("*x", "&x y", "!!str 1", "{a: b}", "[a]", "a  b", "a\tb", "@a", "x" * 300),
    ]
)
plain = st.sampled_from(["a", "b.txt", "a/b", "a b", "1", "007", "true", "ä²", "1.5"])
keys = st.sampled_from(["id", "input", "to", "output", "<<", "1", "o_o", "a b", "id"])
pairs = st.lists(st.tuples(keys, words), min_size=1, max_size=4)
sure = st.lists(
    st.tuples(st.sampled_from(["id", "input", "to"]), plain), min_size=1, max_size=3
)
ends = st.sampled_from(["\n"] * 12 + ["\r\n", "\r", "\x85", " \n", " # so\n", "\n\n"])
BETWEEN = [
    *(
        "# so\n",
        "\n",
        "  # so\n",
        "    x\n",
        "  : x\n",
        "- {id: a}\n",
        "   - {id: a}\n",
    ),
    *("  -\n", "  - a\n", "  - - {id: a}\n", "  - id: a\n    input: b\n", "more: 1\n"),
    *("  - &x {id: a}\n", "  - *x\n", "  - *y\n", "  - {<<: *x, id: b}\n", "...\n"),
    *("  - {id: a,\n     input: b}\n", '  - "a\n  - {id: a}\n  b"\n', "---\n", "\t\n"),
    *(
        "  - |\n    a\n  - {id: b}\n",
        "  - {id: |\n",
        "  - {id: a} b\n",
        "  @\n",
        "\x00",
    ),
    "  - 'a\n",
]


def _entry(said: list[tuple[str, str]]) -> str:
    return "  - {" + ", ".join(f"{key}: {word}" for key, word in said) + "}"


entries = st.builds(lambda said, end: _entry(said) + end, pairs, ends)
runs = st.builds(
    lambda said, count, end: (_entry(said) + end) * count,
    sure,
    st.integers(2, 9),
    st.sampled_from(["\n", "\n", "\n", "\r\n"]),
)
quoted = st.builds(lambda run: f'  - "a\n{run}  b"\n', runs)
texts = st.lists(
    runs | runs | runs | entries | quoted | st.sampled_from(BETWEEN), max_size=12
).map("".join)


def _places(spot: Spot) -> Any:
    """Where everything stands, as plain values."""
    if not isinstance(spot, Marks):
        return (spot.line, spot.column)
    keys = [(key, _places(each)) for key, each in spot.keys.items()]
    inner = spot.values
    found = inner.items() if isinstance(inner, dict) else enumerate(inner)
    return _places(spot.start), keys, [(key, _places(each)) for key, each in found]


def _walked(text: str, little: int) -> tuple[list[Any], list[Fault], int]:
    """Entries with their places, faults, and how many lines were taken out."""
    faults, taken = Faults(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "LITTLE", little)
        walk = Walk(BytesIO(text.encode()), "m", faults)
        met = []
        for value, spot, is_flawed in walk.entries():
            taken += isinstance(spot, lines.Line)
            items = list(value.items()) if isinstance(value, dict) else value
            met.append((items, _places(spot), is_flawed))
    return met, faults.kept, taken


@settings(max_examples=200, deadline=None)
@given(
    texts, st.sampled_from([1, 30, 100]), st.sampled_from(["", "\ufeff", "x-a: 1\n"])
)
def test_lines_are_what_the_parser_makes_of_them(
    text: str, little: int, before: str
) -> None:
    """Values, types, places, faults, and the order of all of it."""
    text = f"{before}documents:\n{text}"
    assert _walked(text, little)[:2] == _walked(text, 1 << 30)[:2]


def test_they_are_spared_the_parser() -> None:
    """All but a few, and with each piece of the file one more."""
    text = "documents:\n" + "".join(
        f"- {{id: d{n}, input: a}}\n" for n in range(20_000)
    )
    met, faults, taken = _walked(text, lines.LITTLE)
    assert not faults
    assert [items[0] for items, _, _ in met] == [("id", f"d{n}") for n in range(20_000)]
    assert taken > 19_800


def test_after_an_odd_line_it_goes_on() -> None:
    """One in five hundred is not as the others; most are spared all the same."""
    some = "".join(f"- {{id: d{n}, input: a}}\n" for n in range(499))
    met, faults, taken = _walked("documents:\n" + (some + "- id: odd\n") * 20, 1 << 11)
    assert not faults
    assert len(met) == 10_000
    assert taken > 8_000
