"""Replies as values."""

import pytest

from orchestrator.wire.http import Response


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3.0), (" 3 ", 3.0), ("", None), ("soon", None), ("-1", None), ("٣", None)],
)
def test_retry_after_is_a_number_of_seconds_or_nothing(
    text: str, seconds: float | None
) -> None:
    """A date or nonsense is not obeyed."""
    assert Response(429, {"retry-after": text}).retry_after() == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit": '"default";r=0;t=5'}, 5.0),
        ({"ratelimit": '"default"; r=0; t=5'}, 5.0),
        ({"ratelimit": '"default";r=3;t=5'}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7.0),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "7"}, None),
        ({"ratelimit": '"default";r=0;t=5', "retry-after": "2"}, 2.0),
    ],
)
def test_who_says_that_nothing_is_left_is_waited_for(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Where there is no Retry-After; and only if it was refused for that."""
    assert Response(429, headers).retry_after() == seconds
    if "retry-after" not in headers:
        assert Response(500, headers).retry_after() is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_json_is_none(body: bytes) -> None:
    """Parsers never raise on what a server sends."""
    assert Response(200, {}, body).json() is None


def test_an_excerpt_is_one_short_line() -> None:
    """Messages stay readable whatever the server sent."""
    excerpt = Response(500, {}, b"<p>\n  much\ttoo long " + b"x" * 900).excerpt(20)
    assert excerpt == "<p> much too long xx"
