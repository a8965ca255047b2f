"""The event loop of a command: uvloop where it is installed (extra ``fast``)."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any


def running() -> asyncio.Runner:
    """A loop for all that a command awaits, one after the other; a context.

    uvloop spares some of the processor time of tiny documents (docs/performance.md);
    all that is promised holds on either loop.
    """
    return asyncio.Runner(loop_factory=_factory())


def _factory() -> Any:
    try:
        return import_module("uvloop").new_event_loop
    except ImportError:
        return None
