"""What doubles tell their listeners."""

from __future__ import annotations

from collections.abc import Callable

Effect = Callable[[str], None]
"""Told a short text for everything that lasts; what it raises ends the work there."""


def unheard(effect: str) -> None:
    """Nobody listens."""
