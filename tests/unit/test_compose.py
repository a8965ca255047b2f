"""YAML into plain values, with places."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest

from orchestrator.manifest.compose import BORROWED, find
from orchestrator.manifest.faults import Faults
from orchestrator.manifest.walk import Spotted, Walk


def composed(text: str | bytes) -> tuple[list[Spotted], list[str]]:
    """The items of a list, and the faults of its text."""
    faults = Faults()
    raw = text.encode() if isinstance(text, str) else text
    items = list(Walk(BytesIO(raw), "m", faults).rows())
    return items, [str(fault) for fault in faults.kept]


def values(text: str) -> list[Any]:
    """The items of a list without faults."""
    items, faults = composed(text)
    assert faults == []
    return [item.value for item in items]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0o7", "0o7"),
        ("1_000", "1_000"),
        ("12e5", "12e5"),
        ("1.", "1."),
        (".5", ".5"),
        ("+1", "+1"),
        ("-0", "-0"),
        (".inf", ".inf"),
        ("9" * 5000, "9" * 5000),
        ("٣", "٣"),
        ("12", 12),
        ("-3", -3),
        ("1.10", Decimal("1.10")),
        ("0.1", Decimal("0.1")),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int 12", 12),
    ],
)
def test_plain_words_mean_what_they_look_like(text: str, value: object) -> None:
    """Only numbers that can be written again are numbers, and they are exact."""
    (found,) = values(f"- {text}")
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)


def test_every_key_and_value_has_its_place() -> None:
    """Lines and columns count from 0 in marks; the deepest known part is found."""
    items, _ = composed("- a: 1\n  b:\n    - x\n    - {c: 2}\n")
    spot = items[0].spot

    def at(*path: str | int, key: bool = False) -> tuple[int, int]:
        mark = find(spot, path, key=key)
        return mark.line, mark.column

    assert at() == (0, 2)
    assert at("a") == (0, 5)
    assert at("b", key=True) == (1, 2)
    assert at("b", 1, "c") == (3, 10)
    assert at("b", 1, "gone") == (3, 6)
    assert at("b", 7) == (2, 4)
    assert at("gone", 0) == (0, 2)


def test_anchors_aliases_and_merges() -> None:
    """What is said in a mapping wins over what is merged, the first merged wins."""
    text = "- &a {x: 1, y: 2}\n- &b {y: 3, z: 4}\n- {<<: [*a, *b], x: 9}\n- [*a]\n"
    assert values(text)[2:] == [{"x": 9, "y": 2, "z": 4}, [{"x": 1, "y": 2}]]


def test_a_quoted_merge_key_is_a_key() -> None:
    """Quotes make it an ordinary text."""
    assert values("- {'<<': 1}") == [{"<<": 1}]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {a: 1,\n   a: 2}", "m:2:4: the key “a” is here twice in one mapping; the"),
        ("- {<<: {a: 1}, <<: {b: 2}}", "m:1:16: the key “<<” is here twice"),
        ("- *gone", "m:1:3: the alias *gone has no anchor above it; there are: none"),
        ("- &a [*a]", "m:1:7: the alias *a has no anchor"),
        ("- &abc 1\n- *abd", "(did you mean abc?)"),
        ("- {<<: 5}", "m:1:8: << takes a mapping or a list of them, found 5"),
        ("- {[1]: 2}", "m:1:4: a key must be a text"),
        ("- !!python/name:os.system x", "m:1:3: the tag"),
        ("- !x {a: 1}", "m:1:3: the tag “!x” means nothing here"),
        ("- a\n\t- b", "m:2:1: not valid YAML"),
        ("- a: b: c", "m:1:7: not valid YAML: mapping values are not allowed"),
        ("- 'a", "m:1:5: not valid YAML"),
        ("- a\n---\n- b", "m:2:1: a second YAML document starts here"),
        ("", "m:1:1: the file is empty"),
        ("# nothing\n", "m:1:1: the file is empty"),
        ("a: 1", "m:1:1: a file of rows must be a list, found a mapping"),
        ("- " + "[" * 70 + "]" * 70, "m:1:67: nested deeper than the 64 levels"),
        (b"- a\n- \xff\n- c", "m:2:3: the text is not UTF-8 here"),
        (b"- a\n- x\x00\n", "m:2:4: the character U+0000 cannot stand in a text"),
        ("- a".encode("utf-16"), "m:1:1: the file is UTF-16; allowed is UTF-8"),
        ('- "\\ud800"', "not valid YAML"),
    ],
)
def test_broken_text_is_one_located_fault(text: str | bytes, fault: str) -> None:
    """Nothing but the first of its causes is told."""
    _, faults = composed(text)
    assert len(faults) == 1
    assert fault in faults[0]


def test_what_stands_before_a_fault_of_the_text_is_kept() -> None:
    """The stream ends where it breaks, not before."""
    items, faults = composed("".join(f"- {n}\n" for n in range(5000)) + "- 'a")
    assert [item.value for item in items] == list(range(5000))
    assert len(faults) == 1


def test_a_byte_order_mark_is_no_text() -> None:
    """Editors on Windows write one."""
    assert composed(b"\xef\xbb\xbf- a")[0][0].value == "a"


def test_an_alias_bomb_is_refused_by_its_size() -> None:
    """A few lines that expand to a thousand million values end the reading."""
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    items, faults = composed("\n".join(lines))
    assert len(items) == 4
    assert faults[0].startswith("m:5:")
    assert f"more than {BORROWED:,} values" in faults[0]


def test_aliases_in_many_entries_are_no_bomb() -> None:
    """The bound is on an entry, not on the file."""
    head = "- &a [" + "x, " * 100 + "x]\n"
    assert len(values(head + "- *a\n" * 2000)) == 2001
