"""The event loop of a command: uvloop where it is installed (extra ``fast``)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to its end, as ``asyncio.run`` does.

    uvloop spares some of the processor time of tiny documents (docs/performance.md);
    all that is promised holds on either loop.
    """
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Any:
    try:
        return import_module("uvloop").new_event_loop
    except ImportError:
        return None
