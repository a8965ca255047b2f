"""The record of every exchange, without headers, bodies or queries."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from yarl import URL

_LONGEST_URL = 1000


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One request and what came of it.

    Attributes:
        time: When it ended, seconds since the epoch.
        account: Whose it was.
        method: Upper case.
        url: Without query, fragment and user.
        status: Of the reply, if one came.
        code: What went wrong, a short word; empty if nothing did.
        bytes_out: Of the body, handed over to the connection.
        bytes_in: Of the body, decoded.
        seconds: From the opening of the files to the end of the reply.
        job: The job, as far as a header names it.
    """

    time: float
    account: str
    method: str
    url: str
    status: int | None
    code: str
    bytes_out: int
    bytes_in: int
    seconds: float
    job: str


OnExchange = Callable[[Exchanged], None]


def redact(url: URL) -> str:
    """What may be shown of a URL: no query, no fragment, no user."""
    shown = url.with_user(None) if url.absolute else url
    text = str(shown.with_query(None).with_fragment(None))
    return text if len(text) <= _LONGEST_URL else text[:_LONGEST_URL] + "…"


class ExchangeLog:
    """Appends exchanges to a file, one JSON object a line.

    A line is one write to a file opened for appending, so lines of several writers do
    not mix. A full disk loses lines, never an exchange: ``dropped`` counts them.
    """

    def __init__(self, path: Path) -> None:
        # Only the user may read which documents went where.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        self._cut = False
        self.dropped = 0

    def __call__(self, exchanged: Exchanged) -> None:
        """Append one line."""
        line = msgspec.json.encode(exchanged) + b"\n"
        # After a cut line the next one starts anew, so that only one is broken.
        line = b"\n" + line if self._cut else line
        try:
            self._cut = os.write(self._fd, line) < len(line)
        except OSError:
            self.dropped += 1
        else:
            self.dropped += self._cut

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
