"""Who may use the API; performs no I/O."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from orchestrator.service.problems import Problem


class Keys:
    """The keys of this instance, compared in constant time."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def fits(self, key: str) -> bool:
        """Whether this is one of them."""
        given = key.strip().encode("utf-8", "surrogateescape")
        # Every key is compared: how many there are must not be told by the time.
        fits = [hmac.compare_digest(each, given) for each in self._keys]
        return any(fits)

    def check(self, authorization: str) -> None:
        """Let a request with this header pass or not.

        Raises:
            Problem: the key is missing or wrong.
        """
        scheme, _, key = authorization.partition(" ")
        if not self.fits(key) or scheme.lower() != "bearer":
            raise Problem("unauthorized", "the header Authorization: Bearer KEY fails")
