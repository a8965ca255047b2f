"""Options are read strictly, and refusals say what is allowed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from orchestrator.service.render.options import Options, read
from orchestrator.service.render.work import RenderError

ALL = frozenset({"dpi", "quality", "pages", "paper"})


@pytest.mark.parametrize(
    ("params", "options"),
    [
        ({}, Options()),
        ({"dpi": 300}, Options(dpi=300)),
        ({"dpi": "72", "quality": Decimal(80)}, Options(dpi=72, quality=80)),
        ({"pages": "1-3, 5"}, Options(pages=((1, 3), (5, 5)))),
        ({"pages": "2-"}, Options(pages=((2, None),))),
        ({"pages": "-2"}, Options(pages=((1, 2),))),
        ({"pages": 4}, Options(pages=((4, 4),))),
        ({"pages": [1, "3-4"]}, Options(pages=((1, 1), (3, 4)))),
        ({"paper": "Letter"}, Options(paper="letter")),
    ],
)
def test_what_is_clear_is_taken(params: dict[str, Any], options: Options) -> None:
    """Numbers may come as text or as decimals."""
    assert read(params, ALL) == options


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"dpi": 5}, "found 5, allowed is a whole number from 10 to 600"),
        ({"dpi": 72.5}, "whole number"),
        ({"dpi": True}, "whole number"),
        ({"dpi": Decimal("NaN")}, "whole number"),
        ({"dpi": float("inf")}, "whole number"),
        ({"quality": "high"}, "from 1 to 100"),
        ({"pages": "3-1"}, "1-3,5,8-"),
        ({"pages": "0"}, "1-3,5,8-"),
        ({"pages": ""}, "1-3,5,8-"),
        ({"pages": "-"}, "1-3,5,8-"),
        ({"pages": "a-b"}, "1-3,5,8-"),
        ({"pages": None}, "1-3,5,8-"),
        ({"pages": "1," * 9000}, "1-3,5,8-"),
        ({"paper": "a5"}, "a4 or letter"),
        ({"dip": 72}, "unknown option 'dip'.*dpi, pages, paper, quality"),
    ],
)
def test_what_is_not_is_refused_with_what_is_allowed(
    params: dict[str, Any], said: str
) -> None:
    """The user can mend it from the message alone."""
    with pytest.raises(RenderError, match=said) as refused:
        read(params, ALL)
    assert refused.value.code == "bad_params"
    assert len(str(refused.value)) < 200


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(ALL)), _JSON))
def test_nothing_else_is_ever_raised(params: dict[str, Any]) -> None:
    """Whatever JSON comes, it is read or refused."""
    try:
        read(params, ALL)
    except RenderError as error:
        assert error.code == "bad_params"  # noqa: PT017 -- it need not be raised
