"""Imports many modules without the garbage collector looking through them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def many() -> Iterator[None]:
    """Look for no garbage while modules are imported, and never again in them.

    They stay as long as the process: looking through them again and again takes a
    quarter of an import's time, and as much again when the process ends. For programs
    of ours alone; in somebody else's process the collector is not ours to tell.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@contextmanager
def http() -> Iterator[None]:
    """Import HTTP in here: as ``many``, and no certificates before they are needed."""
    # Brings TLS with it, which most commands do without.
    from orchestrator.trust import later  # noqa: PLC0415

    with many(), later():
        yield
