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


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_json_is_none(body: bytes) -> None:
    """Parsers never raise on what a server sends."""
    assert Response(200, {}, body).json() is None


def test_an_excerpt_is_one_short_line() -> None:
    """Messages stay readable whatever the server sent."""
    excerpt = Response(500, {}, b"<p>\n  much\ttoo long " + b"x" * 900).excerpt(20)
    assert excerpt == "<p> much too long xx"
