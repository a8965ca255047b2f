"""Counts effects and cuts after one of them; after that, nothing happens any more.

An effect is what outlives a process: a request that left, one that arrived, a bill, a
commit of the ledger, a change of a file. A killed process does not tidy up: whoever
wants to act after the cut asks ``check`` first, and is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Killed(BaseException):
    """The process is gone."""


class Knife:
    """Hears effects, and cuts after the ``cut``-th, counted from 1; 0 never cuts."""

    def __init__(
        self, cut: int = 0, *, at_cut: Callable[[], None] | None = None
    ) -> None:
        self._cut = cut
        self._at_cut = at_cut
        self._lock = threading.Lock()
        self.is_dead = False
        self.heard: list[str] = []

    def check(self) -> None:
        """Refuse to act after the cut.

        Raises:
            Killed: it was.
        """
        if self.is_dead:
            raise Killed

    def __call__(self, effect: str) -> None:
        """Hear an effect that has happened.

        Raises:
            Killed: it was the last one.
        """
        with self._lock:
            self.check()
            self.heard.append(effect)
            if len(self.heard) != self._cut:
                return
            if self._at_cut is not None:
                self._at_cut()
            self.is_dead = True
        raise Killed(effect)
