"""What stands around an id in the path of an output."""

from __future__ import annotations

from os.path import normpath

import pytest

from orchestrator.manifest.names import around_id, is_plain
from orchestrator.manifest.pattern import parse


def placed(filled: str) -> str | None:
    """The path, unless it leaves the folder."""
    return None if filled.startswith("..") else normpath(f"/here/{filled}")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{id}", ["/here/", ""]),
        ("out/{id}.{ext}", ["/here/out/", ".pdf"]),
        ("./a//{id}/{id}{n}", ["/here/a/", "/", "{n}"]),
        ("x", ["/here/x"]),
        ("{id}/../{id}", None),  # the first of them is not there any more
        ("../{id}", None),  # refused
        ("{stem}", None),  # another field
        ("{id}{id}", None),  # too long with two of the longest ids
        ("y" * 100 + "{id}", None),
        ("q7Zx3Jw9Kd5v{id}", None),  # which of them is the id?
    ],
)
def test_only_what_is_sure_is_told(pattern: str, expected: list[str] | None) -> None:
    """In any doubt every document is looked at by itself."""
    assert around_id(parse(pattern), "pdf", placed) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", True), ("A-1_b.c", True), ("x" * 100, True), ("x" * 101, False)]
    + [
        (name, False) for name in ("", ".", "..", "-a", "a/b", "a b", "ä", "a\n", "{n}")
    ],
)
def test_a_plain_id_is_a_name_as_it_is(name: str, *, expected: bool) -> None:
    """It can be no other path, and holds nothing that has a meaning."""
    assert is_plain(name) is expected
