"""Bytes to text, and text to lines that fit."""

import pytest
from hypothesis import given, strategies as st

from orchestrator.service.render import text


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ("né €".encode(), "né €"),
        ("né €".encode("utf-8-sig"), "né €"),
        ("né €".encode("utf-16"), "né €"),
        ("né €".encode("utf-32"), "né €"),
        (b"", ""),
    ],
)
def test_marked_and_plain_unicode_is_read(data: bytes, read: str) -> None:
    """Without a warning."""
    assert text.decode(data) == (read, ())


def test_an_old_encoding_is_guessed_with_a_warning() -> None:
    """What is no UTF-8 is most likely from Windows."""
    read, notes = text.decode("né €".encode("cp1252"))
    assert read == "né €"
    assert "UTF-8" in notes[0]


def test_a_named_encoding_is_used_if_it_can_be() -> None:
    """A page that names a wrong or unknown one is read all the same."""
    assert text.decode("日本".encode("shift_jis"), "shift_jis") == ("日本", ())
    assert text.decode("日本".encode(), "no-such") == ("日本", ())


def test_only_what_has_a_shape_is_kept() -> None:
    """One kind of line break; tabs and form feeds stay."""
    assert text.clean("a\r\nb\rc\x00\x1b[0m\td\x0ce") == "a\nb\nc[0m\td\x0ce"


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("", [""]),
        ("one two three", ["one two", "three"]),
        ("exactly8", ["exactly8"]),
        ("muchtoolong", ["muchtool", "ong"]),
        ("日本語日本語", ["日本語日", "本語"]),
        ("a muchtoolong", ["a mucht", "oolong"]),
        ("\tx", ["", "x"]),
    ],
)
def test_lines_are_broken_at_blanks_where_they_can_be(
    line: str, lines: list[str]
) -> None:
    """Wide letters take two of the eight columns."""
    found = text.wrap(line, 8)
    assert "".join(found).replace(" ", "") == line.replace(" ", "").strip()
    assert all(text.width(each) <= 8 for each in found)
    if "\t" not in line and "much" not in line:
        assert found == lines


@given(st.text(alphabet=st.sampled_from("ab 日本\t-\u0301"), max_size=60))
def test_no_line_is_too_long_and_nothing_is_lost(line: str) -> None:
    """For any mixture of letters."""
    found = text.wrap(line, 10)
    assert all(text.width(each) <= 10 for each in found)
    assert "".join("".join(found).split()) == "".join(line.split())


def test_form_feeds_part_pages() -> None:
    """Blank lines at the end make no page."""
    assert text.pages("a\fb\n\n\n", 80) == [["a"], ["b"]]
