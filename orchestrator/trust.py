"""The machine's certificates, read when the first one is needed.

HTTP makes contexts for TLS while it is imported. To read the certificates for them
takes a third of that, and a private service and who asks it never meet any TLS. A
context that has not read them yet trusts nobody, so nothing comes of forgetting it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_load = ssl.SSLContext.load_default_certs


class Late(ssl.SSLContext):
    """A context that reads the machine's certificates before its first connection."""

    _purpose: ssl.Purpose | None = None

    def _read(self) -> None:
        if self._purpose is not None:
            _load(self, self._purpose)
            self._purpose = None

    def wrap_bio(self, *args: Any, **named: Any) -> ssl.SSLObject:
        """As of any context."""
        self._read()
        return super().wrap_bio(*args, **named)

    def wrap_socket(self, *args: Any, **named: Any) -> ssl.SSLSocket:
        """As of any context."""
        self._read()
        return super().wrap_socket(*args, **named)


def _later(
    context: ssl.SSLContext, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH
) -> None:
    context.__class__ = Late
    vars(context)["_purpose"] = purpose


@contextmanager
def later() -> Iterator[None]:
    """Let contexts that are made in here read the certificates when they need them.

    For programs of ours alone, around the import of HTTP.
    """
    setattr(ssl.SSLContext, _load.__name__, _later)
    try:
        yield
    finally:
        setattr(ssl.SSLContext, _load.__name__, _load)
