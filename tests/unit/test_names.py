"""Names of results."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.service.render import names
from orchestrator.service.render.work import Work


def work(given: Sequence[str], operation: str = "convert", target: str = "pdf") -> Work:
    """A work on files with these names."""
    return Work(operation, [], given, "x", target, Path("out"))


@pytest.mark.parametrize(
    ("given", "stem"),
    [
        (["letter.docx"], "letter"),
        (["請求書 1.v2.docx"], "請求書 1.v2"),
        (["noending"], "noending"),
        ([".hidden"], "hidden"),
        (["../../etc/passwd.txt"], "passwd"),
        (["C:\\docs\\a.doc"], "a"),
        (["bad\x00\nname.txt"], "badname"),
        (["..."], "document"),
        ([""], "document"),
        ([], "document"),
        (["x" * 500 + ".txt"], "x" * 200),
    ],
)
def test_a_result_is_named_for_its_input(given: list[str], stem: str) -> None:
    """By a name that is safe anywhere."""
    assert names.results(work(given), 1) == [f"{stem}.pdf"]


def test_several_results_are_numbered() -> None:
    """Also a single one, where there could have been several parts."""
    assert names.results(work(["a.pdf"], target="png"), 2) == ["a-001.png", "a-002.png"]
    assert names.results(work(["a.pdf"], "split"), 1) == ["a-001.pdf"]


def test_the_format_of_an_input_is_its_ending() -> None:
    """Or the work's own, where the name has none."""
    mixed = work(["a.DOCX", "b"], "merge")
    assert [names.source(mixed, n) for n in range(2)] == ["docx", "x"]
