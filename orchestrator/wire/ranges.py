"""Going on with a download that was cut (RFC 9110, 13 and 14); performs no I/O.

What is asked for is in the request's own headers, so what came can be judged by the
two alone. A reply that goes on is shown to a provider's parser as the whole one: where
a file was cut is no matter of the API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orchestrator.wire.http import Repeat, Request, Response

_ASKED = re.compile(r"bytes=(\d{1,15})-")
_GIVEN = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


@dataclass(frozen=True, slots=True)
class Begun:
    """The first ``size`` bytes of a file are here; ``tag`` is what they came under.

    Without a tag the file's declared hash has to say whether the rest fits.
    """

    size: int
    tag: str | None = None


def is_download(request: Request) -> bool:
    """Whether a result is read, which may be gone on with."""
    return request.repeat is Repeat.SAFE and request.takes_file


def going_on(request: Request, begun: Begun) -> Request:
    """The same download, of the bytes that are missing."""
    headers = [*request.headers, ("Range", f"bytes={begun.size}-")]
    if begun.tag:
        headers.append(("If-Range", begun.tag))
    return replace(request, headers=tuple(headers))


def range_headers(request: Request) -> tuple[tuple[str, str], ...]:
    """What a download says of ranges, which holds at any place that has the file."""
    return tuple(each for each in request.headers if each[0] in ("Range", "If-Range"))


def asked_from(request: Request) -> int:
    """The first byte that is asked for."""
    asked = _ASKED.fullmatch(dict(request.headers).get("Range", ""))
    return int(asked[1]) if asked else 0


def starts_at(request: Request, response: Response) -> int:
    """The place of the first byte of a good reply in the file."""
    return asked_from(request) if response.status == 206 else 0


def is_off(request: Request, response: Response) -> bool:
    """Whether a reply is no answer to what was asked: all has to be asked for anew."""
    start = asked_from(request)
    if not start:
        return False
    if response.status == 206:
        given = _given(response)
        wanted = dict(request.headers).get("If-Range")
        is_other = wanted is not None and tag_of(response) not in (None, wanted)
        return given is None or given[0] != start or given[1] != given[2] or is_other
    return response.status == 416


def whole(request: Request, response: Response) -> Response:
    """A reply that goes on, as that of the whole file."""
    given = _given(response)
    if response.status != 206 or not asked_from(request) or given is None:
        return response
    headers = {**response.headers, "content-length": str(given[2])}
    headers.pop("content-range", None)
    return replace(response, status=200, headers=headers)


def tag_of(response: Response) -> str | None:
    """The strong tag of what a reply carries as it is, if it has one."""
    tag = response.headers.get("etag", "")
    is_coded = response.headers.get("content-encoding", "identity") != "identity"
    is_strong = len(tag) > 2 and tag.startswith('"') and tag.endswith('"')
    return tag if is_strong and not is_coded else None


def _given(response: Response) -> tuple[int, int, int] | None:
    """First byte, the place behind the last one, and all there are."""
    found = _GIVEN.fullmatch(response.headers.get("content-range", ""))
    return (int(found[1]), int(found[2]) + 1, int(found[3])) if found else None
