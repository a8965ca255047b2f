"""Blocking calls in threads, which a cancellation never leaves running unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def start(function: Callable[..., T], *args: Any, **kwargs: Any) -> asyncio.Future[T]:
    """Begin a blocking call in a thread of the loop's own pool."""
    loop = asyncio.get_running_loop()
    return loop.run_in_executor(None, partial(function, *args, **kwargs))


async def finish(future: asyncio.Future[T]) -> T:
    """Wait for a call, and on cancellation still until its thread is done.

    A file that a thread still reads or writes must not be closed: its number could
    already belong to another file.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await _outlast(future)
        raise


async def run(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Make a blocking call in a thread and wait for it."""
    return await finish(start(function, *args, **kwargs))


async def _outlast(future: asyncio.Future[Any]) -> None:
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # seen, so that the loop does not complain
