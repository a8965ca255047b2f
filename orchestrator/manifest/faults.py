"""Gathers faults, so that all of them are shown at once; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from orchestrator.errors import Fault, ManifestError, Place

SHOWN = 500
"""Faults that are kept to be shown; the rest is only counted. A batch of a million
documents may have a million faults, and nobody reads more than a screen of them."""


class Flawed(Exception):
    """Something cannot be built; why is noted already."""


class Faults:
    """Faults in the order of their finding; memory is bounded.

    ``total`` counts each once, ``found`` as often as it was met.
    """

    def __init__(self) -> None:
        self.kept: list[Fault] = []
        self.total = 0
        self.found = 0
        self._seen: set[Fault] = set()

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Note a fault; the same one twice is one."""
        self.found += 1
        fault = Fault(place, message, hint)
        if fault in self._seen:
            return
        self.total += 1
        if len(self.kept) < SHOWN:
            self.kept.append(fault)
            self._seen.add(fault)

    def flaw(self, place: Place, message: str, hint: str = "") -> Flawed:
        """Note a fault, and give what to raise where nothing can go on from it."""
        self.add(place, message, hint)
        return Flawed(message)

    def __bool__(self) -> bool:
        return self.total > 0

    def raise_any(self) -> None:
        """End the loading if there was any fault.

        Raises:
            ManifestError: with all that were kept, and the count of all.
        """
        if self.total:
            raise ManifestError(self.kept, total=self.total)


def near(word: str, allowed: Iterable[str]) -> str:
    """A hint for a word that is close to an allowed one, or nothing."""
    folded = {each.casefold(): each for each in allowed}
    key = word[:80].casefold()
    swapped = [each for each in folded if sorted(each) == sorted(key)]
    close = swapped or get_close_matches(key, folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]}?" if close else ""


def listed(words: Iterable[str], limit: int = 24) -> str:
    """Words in a row for a message, not more than a reader takes in."""
    every = list(words)
    more = f", … ({len(every)} in all)" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more


def shown(value: object, limit: int = 60) -> str:
    """A found value for a message: short, one line, quoted where it is text."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if not isinstance(value, str):
        return str(value)[:limit]
    text = value if len(value) <= limit else value[: limit - 1] + "…"
    return "“" + "".join(c if c.isprintable() else "�" for c in text) + "”"
