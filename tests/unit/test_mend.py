"""Words with brackets are kept whole, and nothing else is touched."""

import pytest

from orchestrator.service.render.mend import unbroken

J = "\u2060"


@pytest.mark.parametrize(
    ("page", "mended"),
    [
        ("<p>plain words</p>", "<p>plain words</p>"),
        ("<p>(one</p>", f"<p>({J}one</p>"),
        ("a and/or b", f"a and{J}/{J}or b"),
        ("<a href='x(1)/2'>y</a>", "<a href='x(1)/2'>y</a>"),
        ("<style>p{color:rgb(1,2,3)}</style>", "<style>p{color:rgb(1,2,3)}</style>"),
        ("<!-- (a)/b -->", "<!-- (a)/b -->"),
        ("http://example.org/" + "x" * 40, "http://example.org/" + "x" * 40),
        ("日本(語)", "日本(語)"),
        ("( )", "( )"),
    ],
)
def test_joiners_stand_only_beside_brackets_in_words(page: str, mended: str) -> None:
    """Markup, styles, long addresses and CJK stay as they are."""
    assert unbroken(page) == mended


def test_what_is_read_is_the_same() -> None:
    """Joiners have no width."""
    page = "f(x)[1] {a}/b+c <b>(d)</b>"
    assert unbroken(page).replace(J, "") == page
