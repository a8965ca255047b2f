"""Whether a reply goes on where a download was cut: by headers alone."""

from __future__ import annotations

import pytest

from orchestrator.wire import ranges
from orchestrator.wire.http import Repeat, Request, Response
from orchestrator.wire.ranges import Begun

PLAIN = Request("GET", "/r", Repeat.SAFE, headers=(("X", "y"),), takes_file=True)
TAGGED = ranges.going_on(PLAIN, Begun(100, '"a"'))
BLIND = ranges.going_on(PLAIN, Begun(100))


def part(given: str, tag: str = '"a"', status: int = 206) -> Response:
    """A reply with a part of the file."""
    return Response(
        status, {"content-range": given, "etag": tag, "content-length": "7"}
    )


def test_what_is_missing_is_asked_for() -> None:
    """On condition of the tag, where there is one."""
    assert TAGGED.headers == (
        *PLAIN.headers,
        ("Range", "bytes=100-"),
        ("If-Range", '"a"'),
    )
    assert BLIND.headers == (*PLAIN.headers, ("Range", "bytes=100-"))
    assert ranges.asked_from(TAGGED) == 100
    assert ranges.asked_from(PLAIN) == 0
    assert ranges.range_headers(TAGGED) == TAGGED.headers[1:]


@pytest.mark.parametrize(
    ("request_", "response", "off"),
    [
        (TAGGED, part("bytes 100-199/200"), False),
        (TAGGED, part("bytes 100-199/200", tag=""), False),
        (TAGGED, part("bytes 100-199/200", tag='"b"'), True),
        (BLIND, part("bytes 100-199/200", tag='"b"'), False),
        (TAGGED, part("bytes 90-199/200"), True),
        (TAGGED, part("bytes 100-150/200"), True),
        (TAGGED, part("bytes 100-199/*"), True),
        (TAGGED, part(""), True),
        (TAGGED, Response(416), True),
        (TAGGED, Response(200), False),
        (TAGGED, Response(404), False),
        (PLAIN, Response(416), False),
        (PLAIN, part("bytes 100-199/200"), False),
    ],
)
def test_a_reply_that_does_not_go_on_is_seen(
    request_: Request, response: Response, *, off: bool
) -> None:
    """Another place, another file, an end that is none: nothing is joined to those."""
    assert ranges.is_off(request_, response) is off


def test_a_reply_that_goes_on_is_shown_as_the_whole_one() -> None:
    """With the length of the whole file, as a parser expects it."""
    whole = ranges.whole(TAGGED, part("bytes 100-199/200"))
    assert whole == Response(200, {"etag": '"a"', "content-length": "200"})
    assert ranges.starts_at(TAGGED, part("bytes 100-199/200")) == 100
    for request_, response in ((TAGGED, Response(200)), (PLAIN, part("bytes 0-9/10"))):
        assert ranges.whole(request_, response) is response
        assert ranges.starts_at(request_, response) == 0


@pytest.mark.parametrize(
    ("headers", "tag"),
    [
        ({"etag": '"a"'}, '"a"'),
        ({"etag": 'W/"a"'}, None),
        ({"etag": '""'}, None),
        ({"etag": "a"}, None),
        ({"etag": '"a"', "content-encoding": "gzip"}, None),
        ({"etag": '"a"', "content-encoding": "identity"}, '"a"'),
        ({}, None),
    ],
)
def test_only_a_strong_tag_of_plain_bytes_counts(
    headers: dict[str, str], tag: str | None
) -> None:
    """A weak one says that two files mean the same, and not that they are."""
    assert ranges.tag_of(Response(200, headers)) == tag
