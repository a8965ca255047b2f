"""HTTP as values: what to send, described and not held; performs no I/O.

A body names the files that it carries; the transport opens them for each attempt,
so that a request can be built again, compared and logged without a byte being read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from orchestrator.model import Input

_LEFT = re.compile(r";\s*r=0\s*;\s*t=(\d+)")


class Repeat(StrEnum):
    """What repeating a request would do; declared, never guessed from the method."""

    SAFE = "safe"
    """Reading."""
    SAME = "same"
    """Repeating changes nothing: sign a link, put the same bytes."""
    NAMED = "named"
    """May cost money, and the job's handle is known before: it can be looked up."""
    CHARGED = "charged"
    """May cost money, and there is no handle yet."""

    @property
    def may_cost(self) -> bool:
        """Whether an intent must be durable before the first byte leaves."""
        return self in (Repeat.NAMED, Repeat.CHARGED)


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON body; ``Decimal`` values are written digit by digit."""

    value: Any


@dataclass(frozen=True, slots=True)
class Field:
    """A text part of a form."""

    name: str
    text: str
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file part of a form."""

    name: str
    filename: str
    input: Input
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart/form-data body, parts in order."""

    parts: tuple[Field | FilePart, ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """A file, or a part of one, as the whole body, with its length declared.

    ``part`` is the place of its first byte in the file, and how many there are.
    """

    input: Input
    content_type: str = "application/octet-stream"
    part: tuple[int, int] | None = None

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.input.size if self.part is None else self.part[1]


Body = Json | Form | Raw | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request on the wire.

    Attributes:
        method: Upper case.
        url: A path below the account's base URL, or an absolute URL.
        repeat: What repeating it would do.
        body: Described, not held.
        headers: The request's own; the account's key is added by the transport,
            and only for the account's own origin.
        query: Pairs to be encoded into the URL.
        keyed: Whether the account's key goes with it at all.
        timeout: Seconds for the whole exchange; for bodies of unbounded length, the
            longest silence on the socket.
        lane: Which of the provider's rates it counts against (``Provider.rates``).
        takes_file: Whether a good reply that is not JSON is a result to be streamed
            to disk; otherwise the reply is read into memory, within a limit.
        takes_json: Whether a good reply that is JSON is such a result, too.
    """

    method: str
    url: str
    repeat: Repeat
    body: Body = None
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    keyed: bool = True
    timeout: float = 60.0
    lane: str = ""
    takes_file: bool = False
    takes_json: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; header names in lower case.

    ``body`` is empty for a reply that is streamed to disk.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether a web page came: a gateway's, since no API answers with one."""
        return self.headers.get("content-type", "").lower().startswith("text/html")

    def json(self) -> Any:
        """The body as JSON, or ``None`` where it is not JSON. Never raises."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def retry_after(self) -> float | None:
        """Seconds for which nothing more is wanted, or ``None`` if it does not say.

        Of a numeric Retry-After header; else, for a 429 that says that nothing is left,
        of RateLimit (draft-ietf-httpapi-ratelimit-headers-10) or RateLimit-Reset.
        """
        seconds = _seconds(self.headers.get("retry-after", ""))
        if seconds is None and self.status == 429:
            found = _LEFT.search(self.headers.get("ratelimit", ""))
            is_used_up = self.headers.get("ratelimit-remaining", "").strip() == "0"
            reset = self.headers.get("ratelimit-reset", "") if is_used_up else ""
            seconds = _seconds(found[1] if found else reset)
        return seconds

    def excerpt(self, limit: int = 200) -> str:
        """The start of the body in one line, for messages."""
        text = self.body[: limit * 4].decode("utf-8", "replace")
        return " ".join(text.split())[:limit]


def _seconds(text: str) -> float | None:
    text = text.strip()
    return min(float(text), 86_400.0) if text.isascii() and text.isdigit() else None
