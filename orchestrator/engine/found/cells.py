"""Numbers that have names and lie side by side: state that processes can share.

A class of cells is a ``ctypes`` structure, so that it can lie in memory that several
processes see; reading a cell costs hardly more than an attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import Structure, addressof, c_double, memset, sizeof
from typing import TypeVar

Kind = TypeVar("Kind", bound=type[Structure])


def cells(**rows: int) -> Callable[[Kind], Kind]:
    """Make the annotations of a structure its cells; ``rows`` are so many numbers."""

    def made(kind: Kind) -> Kind:
        kind._fields_ = [
            (name, c_double * rows[name] if name in rows else c_double)
            for name in kind.__annotations__
        ]
        return kind

    return made


def clear(structure: Structure) -> None:
    """Make all cells zero."""
    memset(addressof(structure), 0, sizeof(structure))
