"""Words with brackets are kept whole, and nothing else is touched."""

import pytest

from orchestrator.service.render.mend import unbroken

B, E = '<span style="display:inline-block">', "</span>"


@pytest.mark.parametrize(
    ("page", "mended"),
    [
        ("<p>plain words</p>", "<p>plain words</p>"),
        ("<p>(one</p>", f"<p>{B}(one{E}</p>"),
        ("a and/or b", f"a {B}and/or{E} b"),
        ("<a href='x(1)/2'>y</a>", "<a href='x(1)/2'>y</a>"),
        ("<style>p{color:rgb(1,2,3)}</style>", "<style>p{color:rgb(1,2,3)}</style>"),
        ("<!-- (a)/b -->", "<!-- (a)/b -->"),
        ("http://example.org/" + "x" * 40, "http://example.org/" + "x" * 40),
        ("日本(語)", "日本(語)"),
        ("( )", "( )"),
        ("<pre>f(x)</pre>", "<pre>f(x)</pre>"),
        ("5 &lt; (6)", f"5 &lt; {B}(6){E}"),
    ],
)
def test_only_words_with_brackets_get_a_box(page: str, mended: str) -> None:
    """Markup, styles, long addresses and CJK stay as they are."""
    assert unbroken(page) == mended


def test_what_is_read_is_the_same() -> None:
    """Boxes add no letters."""
    page = "f(x)[1] {a}/b+c <b>(d)</b>"
    assert unbroken(page).replace(B, "").replace(E, "") == page
