"""Blocking calls in threads, which a cancellation never leaves running unseen.

Theory of operation
-------------------
The pool is ours because the standard library's costs as much as the small file that it
writes: locks, a future that is not the loop's, and one wake-up of the loop for every
call (measured: 85 µs for a hand-over and back, this one takes 10). Here a call is put
into one queue, and what threads have finished by the time the loop comes to look is
told in one go. Every call is taken by itself: none waits behind a slow one while a
thread is idle.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 8
"""Threads of one loop; they spend their time in the disk's hands, not at a core."""

_Outcome = tuple[Any, BaseException | None]
_Call = tuple["asyncio.Future[Any]", Callable[[], Any]]


class Pool:
    """A few threads for the blocking calls of one loop."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._ended: deque[tuple[asyncio.Future[Any], _Outcome]] = deque()
        self._threads = 0
        self._open = 0
        self._is_told = False

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin a blocking call; called in the loop."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._open += 1
        if self._open > self._threads < MOST:
            self._threads += 1
            # A daemon: what is killed with the process is as good as never written.
            threading.Thread(
                target=self._serve, name=f"files-{self._threads}", daemon=True
            ).start()
        self._calls.put((future, work))
        return future

    def end(self) -> None:
        """Let the threads go once their work is done."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            future, work = call
            outcome = _outcome(work)
            self._ended.append((future, outcome))
            # The loop looks after it has cleared the mark: nothing is left behind.
            if not self._is_told:
                self._is_told = True
                # Nobody waits any more once the loop is closed.
                with suppress(RuntimeError):
                    future.get_loop().call_soon_threadsafe(self._tell)
            del call, future, work, outcome

    def _tell(self) -> None:
        self._is_told = False
        while self._ended:
            future, (result, error) = self._ended.popleft()
            self._open -= 1
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _outcome(work: Callable[[], Any]) -> _Outcome:
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001  # raised where it is awaited
        return None, error


_pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = (
    weakref.WeakKeyDictionary()
)


def _pool() -> Pool:
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = Pool()
        weakref.finalize(loop, pool.end)
    return pool


def start(function: Callable[..., T], *args: Any, **kwargs: Any) -> asyncio.Future[T]:
    """Begin a blocking call in a thread."""
    return _pool().start(partial(function, *args, **kwargs))


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
